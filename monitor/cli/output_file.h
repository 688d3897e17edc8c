// A file that a command writes something into.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "cli/file_uses.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// A file that is opened keeps what is in it until `empty`. Errors: kMonitor.
class OutputFile {
 public:
  // Opens or makes the file `path`, which nothing else of `uses` may be. `what` names it for errors, escaped ("report
  // FILE"). Waits for nobody: a FIFO must have a reader. If `path` is the regular file that standard output or standard
  // error writes to, that stream is used.
  static Result<OutputFile> open(std::string what, FileUses& uses, const char* path);
  // Puts `text` in place of the file at `path`, or where there is none, as `open` and `replace` do. A regular file that
  // is no standard stream then has all of it, or, if that fails or a signal ends the process, is as it was.
  static Result<void> put(const std::string& what, FileUses& uses, const std::string& path, std::string_view text);

  // Removes what the file held before it was opened, if it is a regular file and no standard stream.
  Result<void> empty();
  // The same, and then writes all of `text` to the end. A FIFO whose reader left is an Error and raises no signal.
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
