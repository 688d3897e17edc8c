// Guest memory as the host sees it: one reservation, of which only what is touched costs anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "memory/layout.h"
#include "spry/error.h"
#include "spry/module.h"
#include "system/descriptor.h"

namespace spry {

// Asks for large pages (MADV_HUGEPAGE): host and KVM then fault once for each whole 2 MiB that is touched first, and of
// a file what is not in the page cache yet is read by so much. A kernel that has none goes on with small ones.
void prefer_large_pages(std::span<std::byte> memory);

// Keeps memory that a guest has written to from child processes and from core dumps (MADV_DONTFORK, MADV_DONTDUMP).
// False if the kernel refuses, and errno says why.
[[nodiscard]] bool seclude(std::span<std::byte> memory);

// Of one of two kinds. Private memory is this process's. Shared memory is a memfd's, of which another process can be
// shown the same pages.
class GuestMemory {
 public:
  GuestMemory() = default;
  // Reserves `size` bytes of zeroed address space, secluded, from a multiple of 2 MiB on.
  static Result<GuestMemory> reserve(std::uint64_t size);
  // The same, shared. Its file cannot shrink.
  static Result<GuestMemory> share(std::uint64_t size);
  GuestMemory(GuestMemory&& other) noexcept;
  GuestMemory& operator=(GuestMemory&& other) noexcept;
  ~GuestMemory();

  // The monitor's own access, by guest-physical address; the range lies within the reservation. What map_private_large
  // has put off is read first; where its file has become shorter, there are zeros.
  std::span<std::byte> bytes(Range range) {
    if (!put_off_.empty()) load(range);
    return {base_ + range.start, range.size()};
  }

  // Has the pages of a page-aligned range there before they are touched, if the memory is shared: a page fault for each
  // takes longer, above all on a virtual machine.
  void expect_writes(Range range);

  // The memfd of shared memory, with guest-physical addresses as offsets; -1 of private memory.
  int descriptor() const { return file_.get(); }
  // What has been touched of `range`, in ascending order: of shared memory the pages that are no holes of its file, of
  // private memory all.
  std::vector<Range> populated(Range range) const;
  // Changes whenever what `populated` answers may have become other pages.
  std::uint64_t population() const;

  // Replaces a page-aligned range by a private mapping of a file from `offset` on, page-aligned: it has the file's
  // bytes until something is written there, and again after `drop`. Secluded. Shared memory gets a copy of
  // the file's data, without its holes, instead. Errors: those of code_for.
  Result<void> map_private(Range range, int descriptor, std::uint64_t offset);
  // Reads `range` from a file. False if it could not be, and errno says why, or if the file is shorter: errno is as it
  // was.
  bool fill(Range range, int descriptor, std::uint64_t offset);
  // As map_private, with large pages from 4 MiB on, which hold one. Shared memory that may put off has the copy made by
  // pieces, each when it is looked at first: by the monitor through this class, or by `load`, which is what is to be
  // called when a guest touches it.
  Result<void> map_private_large(Range range, int descriptor, std::uint64_t offset);
  // `possible` is asked only where there is something to put off.
  void put_off_if(bool (*possible)()) { can_put_off_ = possible; }
  // What has been put off and may not be there yet, in ascending order.
  std::vector<Range> waiting() const;
  // Reads what has been put off of `range`, and some more around it. False if the file has become shorter.
  bool load(Range range);
  // Says what map_private would have copied: `ranges`, in ascending order.
  void set_copied(std::vector<Range> ranges) { copied_ = std::move(ranges); }
  // Gives back what was written to `range` (MADV_DONTNEED). Of shared memory, what map_private copied there must be
  // there again already, and stays; the rest becomes zero. False if the kernel refuses, as it does where the launcher
  // has locked its memory (mlockall(2)): then nothing is given back.
  [[nodiscard]] bool drop(Range range);

  // Has the first `size` bytes of a file at `start`, page-aligned: a read-only private mapping of the whole pages, and
  // a copy of what is left, with zeros up to the page's end. Returns how many bytes are mapped. Errors: kFile,
  // kPermission or kResources.
  Result<std::uint64_t> map_file(std::uint64_t start, int descriptor, std::uint64_t size);

  // Says what the guest may do where, in ascending order, at which slide.
  void set_regions(std::vector<Region> regions, std::uint64_t slide);
  // One more, above all others.
  void add_region(const Region& region) { regions_.push_back(region); }
  // The region that a guest virtual address lies in, or null.
  const Region* find(std::uint64_t address) const;

  // The one way from a guest's pointer to host memory: see Guest::resolve and Guest::copy.
  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access);
  bool copy(std::span<std::byte> to, GuestPointer from);
  bool write(GuestPointer to, std::span<const std::byte> from);

  // Bytes of the reservation that are resident (mincore(2)).
  std::uint64_t resident() const;

 private:
  static Result<GuestMemory> map_anywhere(std::uint64_t size);

  std::byte* base_ = nullptr;
  std::uint64_t size_ = 0;
  std::uint64_t before_ = 0;  // bytes of the mapping before base_
  Descriptor file_;
  std::vector<Range> copied_;  // of shared memory, in ascending order
  std::uint64_t drops_ = 0;
  struct PutOff {
    Range range;
    Descriptor file;
    std::uint64_t offset = 0;
    std::vector<bool> loaded;  // by pieces of kPiece
  };
  static constexpr std::uint64_t kPiece = std::uint64_t{128} << 10;
  std::vector<PutOff> put_off_;
  bool (*can_put_off_)() = nullptr;
  std::vector<Region> regions_;
  std::uint64_t slide_ = 0;
};

}  // namespace spry
