// Snapshot: the state of a machine at its guest's `ready`, immutable, shared by all machines that begin there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spry/api.h"
#include "spry/error.h"
#include "spry/image.h"

namespace spry {

struct Base;
struct MachineOptions;
struct Outcome;

// Copies are the same snapshot. Safe to use from several threads at once.
class SPRY_API Snapshot {
 public:
  // Runs `image` without an input until it calls `ready`. Errors: those of Machine::create and Machine::run;
  // kNotUnikernel if the guest ends or passes the deadline before it calls `ready`, or if a device cannot be brought
  // back to that moment. `*ended`, if `ended` is given, becomes the outcome of a guest that ended before `ready`, with
  // what it had printed; after any other Error, and after success, it holds nothing.
  static Result<Snapshot> take(Image image, MachineOptions options, std::optional<Outcome>* ended = nullptr);

  // Opens a file that `save` made. Its header and metadata are always checked: the format, Spry's version, the CPU
  // features and a digest; with `verify` the digest of the contents as well. Large contents are mapped and read when
  // they are touched: replace such a file by renaming another one over it, never by writing to it. Errors: kNotFound,
  // kNotUnikernel with the rule that the file breaks, kFile, kPermission or kResources if it cannot be read.
  static Result<Snapshot> load(const std::string& path, bool verify = false);

  // True if the file at `path` begins as a snapshot does; false if not, or if it cannot be read.
  static bool recognise(const std::string& path);

  // Writes the snapshot to a new file, which gets the name `path` when it is complete. A regular file of that name is
  // replaced, and the new file has its permissions; a symbolic link is followed. A save that is interrupted leaves no
  // file, except after SIGKILL on a file system without O_TMPFILE. A FIFO, which must have a reader, and a character
  // device are not replaced but written to. Errors: kFile, kPermission or kResources if that cannot be done;
  // kInvalidArgument if the snapshot came from a file.
  Result<void> save(const std::string& path) const;

  const std::string& path() const;  // of the image, or of the file that it was loaded from
  const Manifest& manifest() const;
  const std::vector<std::string>& arguments() const;  // the guest's argv
  std::uint64_t memory() const;                       // bytes of guest memory
  std::uint64_t contents_size() const;                // bytes of memory that are not zero, in whole pages

 private:
  friend struct Internals;
  explicit Snapshot(std::shared_ptr<const Base> base);
  std::shared_ptr<const Base> base_;
};

}  // namespace spry
