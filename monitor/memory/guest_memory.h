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

// Asks for large pages (MADV_HUGEPAGE). The first touch then costs host and KVM one fault for each whole 2 MiB, and
// what the page cache does not have of a file is read 2 MiB at a time. A kernel without large pages goes on with small
// ones.
void prefer_large_pages(std::span<std::byte> memory);

// Keeps memory that a guest has written to from child processes and from core dumps (MADV_DONTFORK, MADV_DONTDUMP).
// False if the kernel refuses, and errno says why.
[[nodiscard]] bool seclude(std::span<std::byte> memory);

// There are two kinds. Private memory belongs to this process alone. Shared memory is a memfd, whose pages another
// process can map as well.
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

  // Brings in the pages of a page-aligned range of shared memory before they are touched: a page fault for each takes
  // longer, above all on a virtual machine. Does nothing to private memory.
  void expect_writes(Range range);

  // The memfd of shared memory, with guest-physical addresses as offsets; -1 of private memory.
  int descriptor() const { return file_.get(); }
  // The parts of `range` that may have been touched, in ascending order. Of shared memory these are the pages that are
  // no holes of its file; of private memory, all of `range`.
  std::vector<Range> populated(Range range) const;
  // For shared memory: a number that changes whenever the answer of `populated` may have changed.
  std::uint64_t population() const;

  // Replaces a page-aligned range by a private mapping of a file from `offset` on, page-aligned: it has the file's
  // bytes until something is written there, and again after `drop`. Secluded. Shared memory gets a copy of
  // the file's data, without its holes, instead. Errors: those of code_for.
  Result<void> map_private(Range range, int descriptor, std::uint64_t offset);
  // Reads `range` from a file. False if that fails, and errno says why. Also false if the file is too short, and errno
  // says nothing: set it to 0 before, to tell the two apart.
  bool fill(Range range, int descriptor, std::uint64_t offset);
  // As map_private, with large pages if the range has 4 MiB or more, because only then it surely holds a whole one.
  // Shared memory may put the copy off (put_off_if). Each piece is then copied when the monitor first looks at it
  // through this class, or by `load`, which must be called when a guest touches it.
  Result<void> map_private_large(Range range, int descriptor, std::uint64_t offset);
  // Allows copies to be put off where possible() is true. It is called only when there is something to put off.
  void put_off_if(bool (*possible)()) { can_put_off_ = possible; }
  // What has been put off and may not be there yet, in ascending order.
  std::vector<Range> waiting() const;
  // Reads what has been put off of `range`, and some more around it. False if the file has become shorter.
  bool load(Range range);
  // Says that `ranges`, in ascending order, hold what map_private would have copied there (see `drop`).
  void set_copied(std::vector<Range> ranges) { copied_ = std::move(ranges); }
  // Gives back what was written to `range` (MADV_DONTNEED). In shared memory, ranges that map_private copied stay as
  // they are, so the caller must have restored them; the rest becomes zero. False if the kernel refuses, as it does
  // where the launcher has locked its memory (mlockall(2)): then nothing is given back.
  [[nodiscard]] bool drop(Range range);

  // Puts the first `size` bytes of a file at `start`, page-aligned: a read-only private mapping of the whole pages, and
  // a copy of the rest, with zeros up to the page's end. Returns how many bytes are mapped. Errors: kFile, kPermission
  // or kResources.
  Result<std::uint64_t> map_file(std::uint64_t start, int descriptor, std::uint64_t size);

  // Sets the regions, in ascending order, which say what the guest may do where, and the slide.
  void set_regions(std::vector<Region> regions, std::uint64_t slide);
  // Adds a region above all others.
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
  std::vector<Range> copied_;  // what map_private copied into shared memory, in ascending order
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
