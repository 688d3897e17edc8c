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

// Sees to it that no file is written that is also there for something else, whatever its names are. Only regular files
// and block devices count: others hold nothing. From any thread.
class FileUses {
 public:
  // `what` is what the file at `path`, or that which is open as `descriptor`, is to the user ("report FILE"). A file
  // that is not there has no use. Error: kMonitor, if it or an earlier use writes a file that both are.
  Result<void> read(const std::string& what, const char* path);
  Result<void> read(const std::string& what, int descriptor);
  Result<void> read(const std::string& what, const struct stat& status);
  Result<void> write(const std::string& what, const char* path);
  Result<void> write(const std::string& what, int descriptor);
  // A device's, which is written if it is open for that. Between two devices their modules decide.
  Result<void> attach(const std::string& what, int descriptor);

  // Whether one of these was refused.
  bool conflict() const;

 private:
  using File = std::tuple<bool, dev_t, ino_t>;  // whether it is a block device, and which
  struct Use {
    std::string what;
    bool writes;
    bool device;
  };
  Result<void> add(const struct stat& status, Use use);

  mutable std::mutex mutex_;
  std::multimap<File, Use> uses_;
  bool conflict_ = false;
};

}  // namespace spry
