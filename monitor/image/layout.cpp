#include "image/layout.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "spry/abi.h"
#include "spry/machine.h"

namespace spry::image {
namespace {

static_assert(kMaximumEnd == kMaximumMemory);

// A segment of this size has a whole large page wherever it begins.
constexpr std::uint64_t kLeastInLargePages = 2 * kLargePageSize;

Result<void> check_access(const ElfFile& file, std::size_t index, const Elf64_Phdr& header) {
  if ((header.p_flags & (PF_R | PF_W | PF_X)) == 0) {
    return file.refuse("program header {}: the segment has no permissions", index);
  }
  if ((header.p_flags & PF_W) != 0 && (header.p_flags & PF_X) != 0) {
    return file.refuse("program header {}: the segment is writable and executable", index);
  }
  return {};
}

// gABI, "Program Header": p_align is 0, 1 or a power of two, and p_vaddr equals p_offset, modulo p_align.
Result<void> check_alignment(const ElfFile& file, std::size_t index, const Elf64_Phdr& header) {
  const std::uint64_t alignment = header.p_align;
  if (alignment <= 1) return {};
  if (!std::has_single_bit(alignment)) {
    return file.refuse("program header {}: alignment {:#x} is not a power of two", index, alignment);
  }
  if (alignment > kMaximumAlignment) {
    return file.refuse("program header {}: alignment {:#x} is larger than {:#x}", index, alignment, kMaximumAlignment);
  }
  if ((header.p_vaddr & (alignment - 1)) != (header.p_offset & (alignment - 1))) {
    return file.refuse("program header {}: address {:#x} and file offset {:#x} differ modulo the alignment {:#x}",
                       index, header.p_vaddr, header.p_offset, alignment);
  }
  return {};
}

Result<void> check_place(const ElfFile& file, std::size_t index, const Elf64_Phdr& header) {
  if (header.p_memsz > std::numeric_limits<std::uint64_t>::max() - header.p_vaddr) {
    return file.refuse("program header {}: address {:#x} plus size {:#x} overflows", index, header.p_vaddr,
                       header.p_memsz);
  }
  if (!file.position_independent() && header.p_vaddr < SPRY_IMAGE_MIN) {
    return file.refuse("program header {}: address {:#x} is in the system area below {:#x}", index, header.p_vaddr,
                       SPRY_IMAGE_MIN);
  }
  if (header.p_vaddr + header.p_memsz > kMaximumEnd) {
    return file.refuse("program header {}: the segment ends at {:#x}, beyond the largest memory of {:#x}", index,
                       header.p_vaddr + header.p_memsz, kMaximumEnd);
  }
  if (!file.has(header.p_offset, header.p_filesz)) {
    return file.refuse("program header {}: truncated: the file ends at {:#x} before {:#x} bytes at offset {:#x}", index,
                       file.size(), header.p_filesz, header.p_offset);
  }
  return {};
}

// gABI, "Program Header": PT_LOADs are in ascending order of p_vaddr. Besides, no two of them may share a page, which
// can have the permissions of one of them only.
Result<void> check_order(const ElfFile& file, std::size_t index, std::size_t previous_index) {
  const Elf64_Phdr& header = file.program_headers()[index];
  const Elf64_Phdr& previous = file.program_headers()[previous_index];
  const std::uint64_t previous_end = previous.p_vaddr + previous.p_memsz;
  if (header.p_vaddr < previous.p_vaddr) {
    return file.refuse("program headers {} and {}: the segments are not in ascending order of addresses",
                       previous_index, index);
  }
  if (header.p_vaddr < previous_end) {
    return file.refuse("program headers {} and {}: the segments overlap at {:#x}", previous_index, index,
                       header.p_vaddr);
  }
  if (align_down(header.p_vaddr, SPRY_PAGE_SIZE) < align_up(previous_end, SPRY_PAGE_SIZE)) {
    return file.refuse("program headers {} and {}: the segments share the page at {:#x}", previous_index, index,
                       align_down(header.p_vaddr, SPRY_PAGE_SIZE));
  }
  return {};
}

Result<void> add_segment(const ElfFile& file, std::size_t index, Layout& layout) {
  const Elf64_Phdr& header = file.program_headers()[index];
  if (header.p_filesz > header.p_memsz) {
    return file.refuse("program header {}: file size {:#x} is larger than memory size {:#x}", index, header.p_filesz,
                       header.p_memsz);
  }
  if (header.p_memsz == 0) return {};
  if (layout.segments.size() == kMaximumSegments) {
    return file.refuse("program header {}: there are more than {} loadable segments", index, kMaximumSegments);
  }
  Result<void> result = check_access(file, index, header);
  if (result) result = check_alignment(file, index, header);
  if (result) result = check_place(file, index, header);
  if (result && !layout.sources.empty()) result = check_order(file, index, layout.sources.back().program_header);
  if (!result) return result;

  layout.segments.push_back(
      {.address = header.p_vaddr,
       .memory_size = header.p_memsz,
       .file_size = header.p_filesz,
       .permissions = {(header.p_flags & PF_R) != 0, (header.p_flags & PF_W) != 0, (header.p_flags & PF_X) != 0}});
  layout.sources.push_back(
      {.program_header = index, .file_offset = header.p_offset, .link_address = header.p_vaddr, .buffer_offset = 0});
  if (header.p_filesz == 0) return {};
  layout.sources.back().in_file = (header.p_flags & PF_W) == 0 && header.p_filesz > kLargestReadSegment &&
                                  (header.p_vaddr - header.p_offset) % SPRY_PAGE_SIZE == 0;
  const std::uint64_t lead = header.p_vaddr % SPRY_PAGE_SIZE;
  layout.sources.back().buffer_offset = layout.buffer_size + lead;
  layout.buffer_size += align_up(lead + header.p_filesz, SPRY_PAGE_SIZE);
  if (layout.buffer_size > kMaximumFileBytes) {
    return file.refuse("program header {}: the segments have more than {:#x} bytes in the file", index,
                       kMaximumFileBytes);
  }
  return {};
}

// Moves the segments from their link addresses to guest-physical ones.
Result<void> place(const ElfFile& file, Layout& layout) {
  const std::uint64_t lowest = align_down(layout.segments.front().address, SPRY_PAGE_SIZE);
  if (lowest < SPRY_IMAGE_MIN) {  // a static PIE: check_place refused an ET_EXEC there
    std::uint64_t alignment = SPRY_PAGE_SIZE;
    for (const Source& source : layout.sources) {
      const Elf64_Phdr& header = file.program_headers()[source.program_header];
      alignment = std::max<std::uint64_t>(alignment, header.p_align);
      // The segment then lies in memory as in its file modulo 2 MiB, so that large pages of the page cache can be
      // mapped.
      if (source.in_file && header.p_filesz >= kLeastInLargePages) alignment = std::max(alignment, kLargePageSize);
    }
    layout.bias = align_up(SPRY_IMAGE_MIN - lowest, alignment);
  }
  for (Segment& segment : layout.segments) segment.address += layout.bias;
  const Segment& last = layout.segments.back();
  layout.extent = {lowest + layout.bias, align_up(last.address + last.memory_size, SPRY_PAGE_SIZE)};
  if (layout.extent.end > kMaximumEnd) {
    return file.refuse("program header {}: the segment ends at {:#x} once it is moved by {:#x}, beyond {:#x}",
                       layout.sources.back().program_header, layout.extent.end, layout.bias, kMaximumEnd);
  }
  return {};
}

// Whether a byte of code that is in the file has this link address.
bool is_code(const Layout& layout, std::uint64_t address) {
  for (std::size_t i = 0; i < layout.segments.size(); ++i) {
    const std::uint64_t start = layout.sources[i].link_address;
    if (address < start || address - start >= layout.segments[i].file_size) continue;
    return layout.segments[i].permissions.execute;
  }
  return false;
}

Result<void> check_entry(const ElfFile& file, Layout& layout) {
  const std::uint64_t entry = file.header().e_entry;
  if (!is_code(layout, entry)) {
    return file.refuse("ELF header: the entry point {:#x} is not among the executable bytes of the file", entry);
  }
  layout.entry = entry + layout.bias;
  return {};
}

// Sets `relro` to the whole pages of a PT_GNU_RELRO. If it begins or ends where its segment does, the page there counts
// as whole, because nothing else lies in that page.
Result<void> add_relro(const ElfFile& file, std::size_t index, Layout& layout) {
  const Elf64_Phdr& header = file.program_headers()[index];
  if (header.p_memsz == 0) return {};
  if (!layout.relro.empty()) return file.refuse("program header {}: a second PT_GNU_RELRO", index);
  for (std::size_t i = 0; i < layout.segments.size(); ++i) {
    const std::uint64_t start = layout.sources[i].link_address;
    const std::uint64_t end = start + layout.segments[i].memory_size;
    const std::uint64_t pages_end = align_up(end, SPRY_PAGE_SIZE);  // lld pads PT_GNU_RELRO to it
    if (!layout.segments[i].permissions.write || header.p_vaddr < start || header.p_vaddr >= end) continue;
    if (header.p_memsz > pages_end - header.p_vaddr) break;
    const std::uint64_t relro_end = header.p_vaddr + header.p_memsz;
    const std::uint64_t first =
        header.p_vaddr == start ? align_down(start, SPRY_PAGE_SIZE) : align_up(header.p_vaddr, SPRY_PAGE_SIZE);
    const std::uint64_t last = relro_end >= end ? pages_end : align_down(relro_end, SPRY_PAGE_SIZE);
    if (first < last) layout.relro = {first + layout.bias, last + layout.bias};
    return {};
  }
  return file.refuse("program header {}: PT_GNU_RELRO at {:#x}, size {:#x}, is not inside a writable segment", index,
                     header.p_vaddr, header.p_memsz);
}

}  // namespace

std::span<std::byte> Layout::find(std::span<std::byte> buffer, std::uint64_t address, std::uint64_t size,
                                  bool writable) const {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t start = sources[i].link_address;
    const std::uint64_t file_size = segments[i].file_size;
    if (address < start || address - start > file_size || size > file_size - (address - start)) continue;
    if (writable && !segments[i].permissions.write) continue;
    return buffer.subspan(sources[i].buffer_offset + (address - start), size);
  }
  return {};
}

Result<void> check_system_calls(const ElfFile& file, const SystemCalls& linked, Layout& layout) {
  if (!is_code(layout, linked.entry)) {
    return file.refuse("Spry system calls note: the entry {:#x} is not among the executable bytes of the file",
                       linked.entry);
  }
  const auto holds = [&linked, &layout](const Segment& segment) {
    const std::uint64_t start = segment.address - layout.bias;
    return segment.permissions.write && linked.stack > start && linked.stack - start <= segment.memory_size;
  };
  if (std::none_of(layout.segments.begin(), layout.segments.end(), holds) || linked.stack % 16 != 0) {
    return file.refuse("Spry system calls note: the stack {:#x} is no multiple of 16 in a writable segment",
                       linked.stack);
  }
  const SystemCalls placed = {linked.entry + layout.bias, linked.stack + layout.bias};
  if (placed.stack > layout.relro.start && placed.stack <= layout.relro.end) {
    return file.refuse("Spry system calls note: the stack {:#x} is in PT_GNU_RELRO, which is read-only", linked.stack);
  }
  layout.system_calls = placed;
  return {};
}

Result<Layout> lay_out(const ElfFile& file, const std::optional<SystemCalls>& system_calls) {
  Layout layout;
  const auto headers = file.program_headers();
  const std::size_t most = std::min(headers.size(), kMaximumSegments);
  layout.segments.reserve(most);
  layout.sources.reserve(most);
  Result<void> result;
  for (std::size_t i = 0; result && i < headers.size(); ++i) {
    if (headers[i].p_type == PT_LOAD) result = add_segment(file, i, layout);
  }
  if (result && layout.segments.empty()) result = file.refuse("program headers: there is no loadable segment");
  if (result) result = place(file, layout);
  if (result) result = check_entry(file, layout);
  for (std::size_t i = 0; result && i < headers.size(); ++i) {
    if (headers[i].p_type == PT_GNU_RELRO) result = add_relro(file, i, layout);
  }
  if (result && system_calls) result = check_system_calls(file, *system_calls, layout);
  if (!result) return tl::unexpected(result.error());
  return layout;
}

}  // namespace spry::image
