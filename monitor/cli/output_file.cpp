#include "cli/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "cli/signals.h"
#include "system/io.h"
#include "system/open_failure.h"
#include "system/pipe.h"
#include "system/replacement.h"
#include "system/same_file.h"
#include "text/format.h"

namespace spry {
namespace {

// The descriptor of the standard stream that writes to the file with this status, or -1.
int standard_stream(const struct stat& status) {
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat its;
    if (fstat(stream, &its) == 0 && same_file(its, status)) return stream;
  }
  return -1;
}

}  // namespace

tl::unexpected<Error> OutputFile::cannot(std::string_view rule) const {
  return fail(ErrorCode::kMonitor, fmt::format("{}: cannot be {}", what_, rule));
}

Result<OutputFile> OutputFile::open(std::string what, FileUses& uses, const char* path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  OutputFile output(std::move(what), Descriptor(::open(path, kFlags, 0666)));
  struct stat& status = output.status_;
  if (!output.file_ || fstat(output.file_.get(), &status) != 0) {
    return output.cannot("opened: " + open_failure(errno, AT_FDCWD, path));
  }
  if (auto used = uses.write(output.what_, output.file_.get()); !used) return tl::unexpected(std::move(used.error()));
  output.fifo_ = S_ISFIFO(status.st_mode);
  if (!S_ISREG(status.st_mode)) {
    if (let_devices_wait(output.file_.get())) return output;
    return output.cannot(fmt::format("opened: {}", std::strerror(errno)));
  }
  // Two descriptors of one file, each with a place of its own, would write over each other.
  const int stream = standard_stream(status);
  output.stream_ = stream >= 0;
  output.full_ = !output.stream_ && status.st_size != 0;
  if (output.stream_) output.file_ = Descriptor(fcntl(stream, F_DUPFD_CLOEXEC, 0));
  if (!output.file_) return output.cannot(fmt::format("opened: {}", std::strerror(errno)));
  return output;
}

Result<void> OutputFile::empty() {
  if (full_ && ftruncate(file_.get(), 0) != 0) return cannot(fmt::format("emptied: {}", std::strerror(errno)));
  full_ = false;
  return {};
}

Result<void> OutputFile::replace(std::string_view text) {
  if (auto emptied = empty(); !emptied) return emptied;
  const auto bytes = std::as_bytes(std::span(text));
  if (fifo_ ? write_all_to_pipe(file_.get(), bytes) : write_all(file_.get(), bytes)) return {};
  return cannot(fmt::format("written: {}", std::strerror(errno)));
}

Result<void> OutputFile::put(const std::string& what, FileUses& uses, const std::string& path, std::string_view text) {
  struct stat before = {};
  if (stat(path.c_str(), &before) == 0 || errno != ENOENT) {
    auto output = open(what, uses, path.c_str());
    if (!output) return tl::unexpected(std::move(output.error()));
    if (!S_ISREG(output->status_.st_mode) || output->stream_) return output->replace(text);
    before = output->status_;
  }
  const auto failed = [&what](std::string_view why) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: cannot be written: {}", what, why));
  };
  const Step step;
  Replacement file;
  if (auto opened = file.open(path); !opened) return failed(opened.error().message);
  if (!write_all(file.descriptor(), text)) return failed(std::strerror(errno));
  if (auto done = file.commit(); !done) return failed(done.error().message);
  uses.replaced(what, before, file.descriptor());
  return {};
}

}  // namespace spry
