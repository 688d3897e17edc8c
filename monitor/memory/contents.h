// The memory that machines begin with. All machines of a base share it: each maps it copy on write, or copies it if the
// machine's own memory is a memfd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "memory/guest_memory.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// Pages of guest-physical memory, and where they lie in a file. Pages that no run names are zero.
struct ContentsRun {
  Range range;               // guest-physical, page-aligned
  std::uint64_t offset = 0;  // in the file, page-aligned
};

class Contents {
 public:
  Contents() = default;
  // A memfd of `size` zero bytes, to be filled through bytes(), and then settled.
  static Result<Contents> allocate(std::uint64_t size);
  // Runs of a file, in ascending order. Its bytes are reached by system calls and by guests only, because it may be
  // truncated at any time.
  static Contents of_file(Descriptor file, std::vector<ContentsRun> runs);

  Contents(Contents&& other) noexcept;
  Contents& operator=(Contents&& other) noexcept;
  ~Contents();

  bool empty() const { return !file_; }
  // True if bytes() and page() can be used.
  bool in_memory() const { return bytes_ != nullptr; }
  std::span<std::byte> bytes(Range range) const { return {bytes_ + range.start, range.size()}; }
  // Says that all has been written. Pages that were not touched take no memory; from now on they are to be looked at
  // only through page(), which does not make them resident.
  void settle();
  // The 4096 bytes of the page at `address`.
  const std::byte* page(std::uint64_t address) const;

  // The runs of pages that are not zero, in ascending order, once settled.
  const std::vector<ContentsRun>& runs() const { return runs_; }

  // Puts the contents from `start` on, page-aligned, into `memory`: private memory maps them copy on write, shared
  // memory gets a copy. Contents of_file are put whole; their pages below `copied`, and small runs, are read instead.
  // Pages that no run names are left alone. Errors: those of code_for.
  Result<void> place(GuestMemory& memory, std::uint64_t start, std::uint64_t copied) const;

  // The same bytes in a memfd of `size` bytes, not settled yet.
  Result<Contents> loaded(std::uint64_t size) const;

 private:
  Result<void> place_in_memory(GuestMemory& memory, std::uint64_t start) const;

  Descriptor file_;
  std::vector<ContentsRun> runs_;
  std::vector<bool> there_;  // by pages of bytes_: no hole of the file
  std::byte* bytes_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace spry
