// The lines that a descriptor has, each up to a longest length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace spry {

struct Line {
  std::string bytes;  // without the line feed
  bool cut = false;   // the line is longer than it may be
};

// Reads ahead 64 KiB at most. The descriptor is borrowed, and may be a non-blocking one.
class Lines {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor) {}

  // The next line, or nothing at the end or after an error. What follows the last line feed is a line if it is not
  // empty. A line that is longer than `longest` bytes is cut, and the next call passes over its rest.
  std::optional<Line> next(std::uint64_t longest);

  // Why the descriptor could not be read to its end: errno, or 0.
  int error() const { return error_; }

 private:
  bool fill();
  void pass_over();

  int descriptor_;
  int error_ = 0;
  bool within_ = false;  // the rest of a line that was cut comes next
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace spry
