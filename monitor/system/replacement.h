// Replacing a file as a whole.
#pragma once

#include <optional>
#include <string>

#include "spry/error.h"
#include "system/descriptor.h"
#include "system/signals_blocked.h"

namespace spry {

// A new file that takes the place of another, or of none, when it is whole: until then whoever opens the path finds
// what was there. Where the file system allows it, the new file has no name before, and a process that ends leaves
// nothing of it. Elsewhere the new file has a temporary name beside the other, and the calling thread's signals wait
// while it has.
class Replacement {
 public:
  Replacement() = default;
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  // Without `commit`, removes what was made.
  ~Replacement();

  // Makes the file, for what `path` names now: through symbolic links, and with the permissions of a regular file that
  // is there. Errors: kFile, kPermission, kResources.
  Result<void> open(const std::string& path);
  int descriptor() const { return file_.get(); }
  // Errors: the same, and nothing has changed.
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
  std::string beside_;  // its name there, while it has one of its own
  std::optional<AllSignalsBlocked> blocked_;
};

}  // namespace spry
