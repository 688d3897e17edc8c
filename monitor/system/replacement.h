// Replacing a file as a whole.
#pragma once

#include <optional>
#include <string>

#include "spry/error.h"
#include "system/descriptor.h"
#include "system/signals_blocked.h"

namespace spry {

// A new file that gets the name of another, or a name that is free, when it is complete. Until then whoever opens the
// path finds what was there before. If the file system allows it, the new file has no name until then, so that a
// process that ends leaves nothing behind. Otherwise the file has a temporary name in the same folder, and the calling
// thread's signals are blocked while it has that name.
class Replacement {
 public:
  Replacement() = default;
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  // Removes the new file, unless `commit` has succeeded.
  ~Replacement();

  // Makes the new file, which is to take the name `path`. Symbolic links are followed. If there is a regular file, the
  // new one gets its permissions. Errors: kFile, kPermission, kResources.
  Result<void> open(const std::string& path);
  int descriptor() const { return file_.get(); }
  // Gives the new file its name. Errors: as for `open`; then whatever had the name still has it.
  Result<void> commit();

 private:
  bool find(const std::string& path);
  bool make(unsigned mode);
  bool make_named(unsigned mode);
  bool name_it();

  std::string path_;    // as it was given, escaped
  Descriptor folder_;   // where the file is
  std::string name_;    // its name there
  Descriptor file_;     // the new one
  std::string beside_;  // the new file's temporary name there, while it has one
  std::optional<AllSignalsBlocked> blocked_;
};

}  // namespace spry
