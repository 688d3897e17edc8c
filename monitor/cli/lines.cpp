#include "cli/lines.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "system/io.h"

namespace spry {

// False at the end, or if it cannot be read.
bool Lines::fill() {
  constexpr std::size_t kAhead = std::size_t{64} << 10;
  buffer_.resize(kAhead);
  at_ = 0;
  const ssize_t got = read_some(descriptor_, std::as_writable_bytes(std::span(buffer_)));
  if (got < 0) error_ = errno;
  buffer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return got > 0;
}

void Lines::pass_over() {
  while (within_ && (at_ < buffer_.size() || fill())) {
    const std::size_t end = buffer_.find('\n', at_);
    within_ = end == std::string::npos;
    at_ = within_ ? buffer_.size() : end + 1;
  }
}

std::optional<Line> Lines::next(std::uint64_t longest) {
  pass_over();
  Line line;
  bool any = false;
  while (at_ < buffer_.size() || fill()) {
    any = true;
    const std::size_t end = std::min(buffer_.find('\n', at_), buffer_.size());
    const std::size_t part = end - at_;
    if (part > longest - line.bytes.size()) {
      line.cut = within_ = true;
      return line;
    }
    line.bytes.append(buffer_, at_, part);
    at_ = end + 1;
    if (end != buffer_.size()) return line;
  }
  if (error_ != 0 || !any) return std::nullopt;
  return line;
}

}  // namespace spry
