#include "cli/pool_outputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/commands.h"
#include "cli/output_file.h"
#include "cli/report.h"
#include "machine/outcome_size.h"
#include "system/descriptor.h"
#include "system/io.h"
#include "system/same_file.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

// Actions that may run or have ended without being written yet. Bounds the memory that they take beside their outcomes'
// bytes.
constexpr std::uint64_t kMostHeld = 4096;

Result<void> put_out(int descriptor, std::string_view text, std::string_view name) {
  if (write_all(descriptor, text)) return {};
  // If its reader has left, this command ends by SIGPIPE like any other. The worker that writes has that signal
  // blocked.
  if (errno == EPIPE) kill(getpid(), SIGPIPE);
  return fail(ErrorCode::kMonitor, fmt::format("output {}: cannot be written: {}", escape(name), std::strerror(errno)));
}

bool succeeded(const Result<Outcome>& outcome) {
  return outcome && outcome->reason == Reason::kExit && outcome->status == 0;
}

// Why an action did not succeed.
std::string failure_of(const Result<Outcome>& outcome) {
  if (!outcome) return outcome.error().message;
  if (outcome->reason == Reason::kExit) return fmt::format("exited with {}", outcome->status);
  if (outcome->message.empty()) return std::string(to_string(outcome->reason));
  return fmt::format("{}: {}", to_string(outcome->reason), outcome->message);
}

}  // namespace

Result<void> PoolOutputs::open_directory(const char* directory, const char* inputs) {
  directory_ = directory;
  const Descriptor folder(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat its;
  if (!folder || fstat(folder.get(), &its) != 0) {
    return fail(ErrorCode::kMonitor,
                fmt::format("outputs {}: cannot be opened: {}", escape(directory), std::strerror(errno)));
  }
  struct stat other;
  if (inputs == nullptr || stat(inputs, &other) != 0) return {};
  if (!same_file(other, its)) return {};
  return fail(
      ErrorCode::kMonitor,
      fmt::format("outputs {}: is the directory of the inputs, which would be written over", escape(directory)));
}

void PoolOutputs::expect() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return expected_ - written_ < kMostHeld || error_; });
  ++expected_;
}

void PoolOutputs::put(std::uint64_t index, std::string name, Result<Outcome> outcome) {
  const std::uint64_t size = size_of(outcome);
  std::unique_lock lock(mutex_);
  turn_.wait(lock, [&] { return index == written_ || bytes_ + size <= most_ || error_; });
  bytes_ += size;
  held_.emplace(index, Entry{std::move(name), std::move(outcome), size});
  if (writing_) return;  // the thread that writes now writes this one too
  writing_ = true;
  while (!held_.empty() && held_.begin()->first == written_) write_next(lock);
  writing_ = false;
}

// Unlocks while it writes, so that other threads can put their outcomes meanwhile.
void PoolOutputs::write_next(std::unique_lock<std::mutex>& lock) {
  std::optional<Entry> entry(std::move(held_.extract(held_.begin()).mapped()));
  if (!error_) {
    if (!succeeded(entry->outcome)) ++failures_;
    lock.unlock();
    auto done = write(*entry);
    lock.lock();
    if (!done) error_ = std::move(done.error());
  }
  bytes_ -= entry->size;
  ++written_;
  turn_.notify_all();
  room_.notify_one();
  // Unlocked, because freeing a large outcome takes time too.
  lock.unlock();
  entry.reset();
  lock.lock();
}

Result<void> PoolOutputs::write(const Entry& entry) {
  const std::lock_guard quiet(progress_);
  if (json_) {
    Result<void> done;
    const auto put_part = [&done](std::string_view part) {
      done = put_out(STDOUT_FILENO, part, "-");
      return done.has_value();
    };
    if (!write_line(entry.name, entry.outcome, directory_ == nullptr, put_part)) return done;
  } else {
    if (!succeeded(entry.outcome)) {
      complain({ErrorCode::kMonitor, fmt::format("input {}: {}", escape(entry.name), failure_of(entry.outcome))});
    }
    if (!entry.outcome) return {};
    if (auto done = put_out(STDERR_FILENO, entry.outcome->diagnostics, "-"); !done) return done;
    progress_.wrote(entry.outcome->diagnostics);
    if (directory_ == nullptr) return put_out(STDOUT_FILENO, entry.outcome->output, "-");
  }
  return entry.outcome && directory_ != nullptr ? write_file(entry.name, entry.outcome->output) : Result<void>();
}

Result<void> PoolOutputs::write_file(const std::string& name, std::string_view text) {
  const std::string path = fmt::format("{}/{}", directory_, name);
  return OutputFile::put(fmt::format("output {}", escape(path)), files_, path, text);
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
