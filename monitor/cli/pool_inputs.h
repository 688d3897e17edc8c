// The inputs of `spry pool`, one after the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/file_uses.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

struct PoolInput {
  std::string name;  // a file's, or the line's number
  std::string bytes;
};

class PoolInputs {
 public:
  // The regular files of `directory`, by name, or the lines of standard input if it is null; each `repeat` times. The
  // files are added to `files`.
  static Result<PoolInputs> open(const char* directory, std::uint64_t repeat, FileUses& files);

  // The next one, nothing after the last. Error: kMonitor, if it cannot be read.
  Result<std::optional<PoolInput>> next();

  // How many there are, if that is known before, and the longest one's bytes.
  std::optional<std::uint64_t> count() const;
  std::optional<std::uint64_t> longest() const { return longest_; }

 private:
  struct File {
    std::string name;
    std::optional<std::string> bytes;  // of one that did not say how long it is
  };
  Result<std::string> read_file(const std::string& name) const;
  Result<void> add(const std::string& name, FileUses& files);
  Result<bool> advance();

  const char* directory_ = nullptr;
  Descriptor folder_;
  std::vector<File> files_;
  std::optional<std::uint64_t> longest_;
  std::size_t next_file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t repeat_ = 1;
  std::uint64_t repeated_ = 0;  // of current_
  PoolInput current_;
};

}  // namespace spry
