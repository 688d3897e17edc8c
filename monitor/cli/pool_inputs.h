// The inputs of `spry pool`, one after the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "spry/error.h"

namespace spry {

struct PoolInput {
  std::string name;  // a file's, or the line's number
  std::string bytes;
};

class PoolInputs {
 public:
  // The regular files of `directory`, by name, or the lines of standard input if it is null; each `repeat` times.
  static Result<PoolInputs> open(const char* directory, std::uint64_t repeat);

  // The next one, nothing after the last. Error: kMonitor, if it cannot be read.
  Result<std::optional<PoolInput>> next();

  // How many there are, if that is known before, and the longest one's bytes.
  std::optional<std::uint64_t> count() const;
  std::optional<std::uint64_t> longest() const { return longest_; }

 private:
  Result<bool> advance();

  std::string directory_;
  std::vector<std::string> files_;
  std::optional<std::uint64_t> longest_;
  std::size_t next_file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t repeat_ = 1;
  std::uint64_t repeated_ = 0;  // of current_
  PoolInput current_;
};

}  // namespace spry
