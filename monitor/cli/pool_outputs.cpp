#include "cli/pool_outputs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/commands.h"
#include "cli/report.h"
#include "system/descriptor.h"
#include "system/io.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

// Outcomes that may be there or under way and not written: bounds the memory that they take.
constexpr std::uint64_t kMostHeld = 4096;

Result<void> put_out(int descriptor, std::string_view text, std::string_view name) {
  if (write_all(descriptor, text)) return {};
  // A reader that left ends this command as any other; the worker that writes has the signal blocked.
  if (errno == EPIPE) kill(getpid(), SIGPIPE);
  return fail(ErrorCode::kMonitor, fmt::format("output {}: cannot be written: {}", escape(name), std::strerror(errno)));
}

// Why an action did not exit with 0.
std::string failure_of(const Result<Outcome>& outcome) {
  if (!outcome) return outcome.error().message;
  if (outcome->reason == Reason::kExit) return fmt::format("exited with {}", outcome->status);
  if (outcome->message.empty()) return std::string(to_string(outcome->reason));
  return fmt::format("{}: {}", to_string(outcome->reason), outcome->message);
}

}  // namespace

void PoolOutputs::expect() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return expected_ - written_ < kMostHeld || error_; });
  ++expected_;
}

void PoolOutputs::put(std::uint64_t index, std::string name, Result<Outcome> outcome) {
  const std::lock_guard lock(mutex_);
  held_.emplace(index, Entry{std::move(name), std::move(outcome)});
  while (!held_.empty() && held_.begin()->first == written_) {
    if (!error_) {
      if (auto done = write(held_.begin()->second); !done) error_ = done.error();
    }
    held_.erase(held_.begin());
    ++written_;
  }
  room_.notify_one();
}

Result<void> PoolOutputs::write(const Entry& entry) {
  const bool succeeded = entry.outcome && entry.outcome->reason == Reason::kExit && entry.outcome->status == 0;
  if (!succeeded) ++failures_;
  if (json_) {
    const std::string line = format_line(entry.name, entry.outcome, directory_ == nullptr);
    if (auto done = put_out(STDOUT_FILENO, line, "-"); !done) return done;
  } else {
    if (!succeeded) {
      complain({ErrorCode::kMonitor, fmt::format("input {}: {}", escape(entry.name), failure_of(entry.outcome))});
    }
    if (!entry.outcome) return {};
    if (auto done = put_out(STDERR_FILENO, entry.outcome->diagnostics, "-"); !done) return done;
    if (directory_ == nullptr) return put_out(STDOUT_FILENO, entry.outcome->output, "-");
  }
  return entry.outcome && directory_ != nullptr ? write_file(entry) : Result<void>();
}

Result<void> PoolOutputs::write_file(const Entry& entry) const {
  const std::string path = fmt::format("{}/{}", directory_, entry.name);
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file) {
    return fail(ErrorCode::kMonitor,
                fmt::format("output {}: cannot be opened: {}", escape(path), std::strerror(errno)));
  }
  return put_out(file.get(), entry.outcome->output, path);
}

std::uint64_t PoolOutputs::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

std::uint64_t PoolOutputs::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::optional<Error> PoolOutputs::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace spry
