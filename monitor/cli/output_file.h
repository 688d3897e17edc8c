// A file that a command writes something into.
#pragma once

#include <fcntl.h>

#include <string>
#include <string_view>

#include "cli/file_uses.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// Opening one changes nothing in it. Errors: kMonitor.
class OutputFile {
 public:
  // Opens or makes the file `path`, below `directory` if it is relative, which nothing else of `uses` may be. `what`
  // names it for errors, escaped ("report FILE"). Waits for nobody: a FIFO must have a reader. Where it is the regular
  // file of standard output or standard error, it is that stream.
  static Result<OutputFile> open(std::string what, FileUses& uses, const char* path, int directory = AT_FDCWD);

  // Takes away what was there before the first call, if it is a regular file and no standard stream.
  Result<void> empty();
  // Writes all of `text` to the end. A FIFO whose reader left is an error and no signal.
  Result<void> write(std::string_view text);

 private:
  OutputFile(std::string what, Descriptor file) : what_(std::move(what)), file_(std::move(file)) {}
  tl::unexpected<Error> cannot(std::string_view rule) const;

  std::string what_;
  Descriptor file_;
  bool full_ = false;  // of what is to be taken away
  bool fifo_ = false;
};

}  // namespace spry
