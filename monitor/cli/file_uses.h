// Which files a command reads and which it writes.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "spry/error.h"

namespace spry {

// Refuses to write a file that the command also uses for another purpose, whatever names the file has. Only regular
// files and block devices count, because other files hold nothing. May be used by several threads at once.
class FileUses {
 public:
  // Notes a use of the file at `path`, or of the file that is open as `descriptor`; `what` names the use to the user
  // ("report FILE"). A file that is not there is not noted. Error: kMonitor, if the file has an earlier use and one of
  // the two writes it.
  Result<void> read(const std::string& what, const char* path);
  Result<void> read(const std::string& what, int descriptor);
  Result<void> read(const std::string& what, const struct stat& status);
  Result<void> write(const std::string& what, const char* path);
  Result<void> write(const std::string& what, int descriptor);
  // Notes that the open file `descriptor` has taken the name of the file `before`, which was noted as `what`. The file
  // `before` is noted no more: it may be gone, and another file may get its inode number.
  void replaced(const std::string& what, const struct stat& before, int descriptor);
  // Notes a device's file, which counts as written if the descriptor is open for writing. Two devices may have the same
  // file as far as this class is concerned: their modules decide that.
  Result<void> attach(const std::string& what, int descriptor);

  // Whether a use was refused.
  bool conflict() const;

 private:
  using File = std::tuple<bool, dev_t, ino_t>;  // whether it is a block device, and which
  struct Use {
    std::string what;
    bool writes;
    bool device;
  };
  static File file_of(const struct stat& status);
  Result<void> add(const struct stat& status, Use use);

  mutable std::mutex mutex_;
  std::multimap<File, Use> uses_;
  bool conflict_ = false;
};

}  // namespace spry
