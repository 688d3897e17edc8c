// Where the loadable segments of a file lie in guest-physical memory, and where their bytes lie in the image's buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "image/elf_file.h"
#include "spry/error.h"
#include "spry/image.h"

namespace spry::image {

inline constexpr std::size_t kMaximumSegments = 16;
inline constexpr std::uint64_t kLargePageSize = std::uint64_t{2} << 20;
inline constexpr std::uint64_t kMaximumAlignment = kLargePageSize;
inline constexpr std::uint64_t kMaximumFileBytes = std::uint64_t{1} << 30;
// A read-only segment with more file bytes than this is not read but mapped, so that it costs only what is touched.
inline constexpr std::uint64_t kLargestReadSegment = std::uint64_t{256} << 10;
inline constexpr std::uint64_t kMaximumEnd = std::uint64_t{32} << 30;  // no machine has more memory

constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) { return value & ~(alignment - 1); }
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return align_down(value + alignment - 1, alignment);
}

// What is known of one of Layout::segments beyond what the public Segment says.
struct Source {
  std::size_t program_header = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t link_address = 0;
  std::size_t buffer_offset = 0;  // of its first byte; its pages begin and end with pages of the buffer
  bool in_file = false;           // too large to be read: machines map it
};

struct Layout {
  std::vector<Segment> segments;
  std::vector<Source> sources;  // one for each segment
  std::size_t buffer_size = 0;
  std::uint64_t bias = 0;    // guest-physical minus link address
  std::uint64_t entry = 0;   // guest-physical
  SystemCalls system_calls;  // likewise
  Range relro;
  Range extent;

  // The bytes of the buffer at the link addresses [address, address + size), or an empty span if they are not all
  // among the bytes of one segment that come from the file. Finds bytes in writable segments only if `writable`.
  std::span<std::byte> find(std::span<std::byte> buffer, std::uint64_t address, std::uint64_t size,
                            bool writable) const;
};

// Checks every PT_LOAD, every PT_GNU_RELRO, the entry point and the entry of system calls, and places them. A PT_LOAD
// with neither file bytes nor memory, as linkers write for an empty segment, is ignored.
//
// An ET_EXEC lies where it was linked, and so does a static PIE that was linked at SPRY_IMAGE_MIN or above. Any other
// static PIE is moved to the first address from SPRY_IMAGE_MIN on that suits its largest alignment. That alignment is
// at least 2 MiB if a segment that machines map has 4 MiB or more in the file.
Result<Layout> lay_out(const ElfFile& file, const std::optional<SystemCalls>& system_calls = {});

}  // namespace spry::image
