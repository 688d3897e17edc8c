// What KVM tells of the pages that a guest wrote, as a bit for each page of guest-physical memory: by the vCPU's dirty
// ring, or by the slots' dirty log where it has none.
#pragma once

#include <cstdint>
#include <span>

#include "kvm/kvm.h"
#include "spry/image.h"

namespace spry {

class WriteLog {
 public:
  static constexpr std::uint64_t kBits = 64;  // pages of each word

  // `slots` cover memory from 0 on without a gap, each from a multiple of 64 pages. All must outlive this; `ring` may
  // be null.
  WriteLog(Vm& vm, std::span<const Range> slots, DirtyRing* ring) : vm_(vm), slots_(slots), ring_(ring) {}

  // Pages that slots cover.
  std::uint64_t pages() const;

  // Sets the bits of the pages that were written since they were last forgotten. `bits` are those of the last call,
  // less what was forgotten since.
  Result<void> fetch(std::span<std::uint64_t> bits);

  // Forgets pages, whose next write then costs a fault of 2 us: those of `chosen`, or, with a ring, all. Takes them out
  // of `bits`, which `chosen` may be.
  Result<void> forget(std::span<std::uint64_t> chosen, std::span<std::uint64_t> bits);
  bool forgets_all() const { return ring_ != nullptr; }

  // Makes room in the ring, in which there is none: what it holds is now in `bits` alone.
  Result<void> make_room(std::span<std::uint64_t> bits);

 private:
  void collect(std::span<std::uint64_t> bits);
  std::span<std::uint64_t> of_slot(std::span<std::uint64_t> bits, std::uint32_t slot) const;

  Vm& vm_;
  std::span<const Range> slots_;
  DirtyRing* ring_;
};

}  // namespace spry
