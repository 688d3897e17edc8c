#include "machine/input_area.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpu/x86.h"
#include "system/io.h"
#include "system/read_failure.h"
#include "text/format.h"

namespace spry {
namespace {

// From this many bytes on, an input's pages are given back instead of being filled with zeros.
constexpr std::uint64_t kLargestCleared = std::uint64_t{1} << 20;

}  // namespace

Result<void> InputArea::fill(GuestMemory& memory, const Input& input) {
  std::span<std::byte> area = memory.bytes(range_).first(input.size);
  filled_ = std::max(filled_, input.size);
  if (input.descriptor < 0) {
    std::copy(input.bytes.begin(), input.bytes.end(), area.begin());
    return {};
  }
  errno = 0;
  if (read_all_at(input.descriptor, area, 0)) return {};
  return fail(code_for(errno, ErrorCode::kFile),
              fmt::format("its input of {} bytes cannot be read: {}", input.size, read_failure(errno)));
}

void InputArea::clear(GuestMemory& memory) {
  if (filled_ == 0) return;
  const Range filled = {range_.start, range_.start + x86::round_up(filled_, x86::kPageSize)};
  if (filled.size() <= kLargestCleared || !memory.drop(filled)) {
    std::memset(memory.bytes(filled).data(), 0, filled.size());
  }
  filled_ = 0;
}

}  // namespace spry
