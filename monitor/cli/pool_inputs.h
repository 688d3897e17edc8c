// The inputs of `spry pool`, one after the other.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/file_uses.h"
#include "cli/lines.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

struct PoolInput {
  std::string name;           // a file's, or the line's number
  Result<std::string> bytes;  // or why it cannot be run
};

class PoolInputs {
 public:
  // The inputs are the entries of `directory` that are no directories, in the order of their names; or the lines of
  // standard input, if `directory` is null. Each comes `repeat` times. The files are noted in `files`.
  static Result<PoolInputs> open(const char* directory, std::uint64_t repeat, FileUses& files);

  // The next input, or nothing after the last. For a file that cannot be read, or not without waiting, PoolInput::bytes
  // is an Error. Error: kMonitor, if standard input cannot be read.
  Result<std::optional<PoolInput>> next();

  // How many inputs there are, if that is known beforehand.
  std::optional<std::uint64_t> count() const;
  // The limit, in bytes, if the user sets none: 1 MiB for lines; for files the largest file's size, but 256 MiB at
  // most. A file of size 0 counts as 1 MiB.
  std::uint64_t needed() const;

  // Bytes of the longest input that is not refused. Reading a longer input stops soon after the limit.
  void limit(std::uint64_t bytes) { limit_ = bytes; }
  std::uint64_t limit() const { return limit_; }

 private:
  tl::unexpected<Error> too_long(std::string_view what) const;
  Result<std::string> read_file(const char* name) const;
  Result<void> add(const char* name, FileUses& files);
  Result<bool> advance();

  const char* directory_ = nullptr;
  Descriptor folder_;
  std::vector<std::string> names_;
  std::uint64_t longest_ = 0;
  std::uint64_t limit_ = 0;
  Lines lines_ = Lines(STDIN_FILENO);
  std::size_t next_file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t repeat_ = 1;
  std::uint64_t repeated_ = 0;  // of current_
  PoolInput current_;
};

}  // namespace spry
