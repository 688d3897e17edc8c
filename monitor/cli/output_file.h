// A file that a command writes something into.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "cli/file_uses.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// An opened file keeps its contents until `empty` or `replace`. All errors are kMonitor.
class OutputFile {
 public:
  // Opens or makes the file `path`, and refuses a file that `uses` has with another purpose. `what` names the file in
  // errors, escaped ("report FILE"). Does not wait: a FIFO must have a reader. If `path` is the regular file that
  // standard output or standard error writes to, that stream is used.
  static Result<OutputFile> open(std::string what, FileUses& uses, const char* path);
  // Makes `text` the contents of the file at `path`, as `open` and `replace` do together. But a regular file that is no
  // standard stream is replaced as a whole: if that fails, or a signal ends the process, the old file is still there.
  static Result<void> put(const std::string& what, FileUses& uses, const std::string& path, std::string_view text);

  // Removes what the file held before it was opened, if it is a regular file and no standard stream.
  Result<void> empty();
  // Does what `empty` does, and then writes all of `text` at the end. If the reader of a FIFO has left, that is an
  // Error and no signal.
  Result<void> replace(std::string_view text);

 private:
  OutputFile(std::string what, Descriptor file) : what_(std::move(what)), file_(std::move(file)) {}
  tl::unexpected<Error> cannot(std::string_view rule) const;

  std::string what_;
  struct stat status_ = {};
  bool stream_ = false;  // a standard one
  Descriptor file_;
  bool full_ = false;  // of what `empty` is to remove
  bool fifo_ = false;
};

}  // namespace spry
