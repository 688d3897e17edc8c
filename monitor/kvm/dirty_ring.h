// The pages that a guest wrote, as KVM tells them in memory that it shares with the monitor (KVM API, "8.29
// KVM_CAP_DIRTY_LOG_RING"): asking costs no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kvm/kvm_api.h"

namespace spry {

// A vCPU's ring. An entry stays in it, and its page costs the guest nothing more, until Vm::reset_dirty_rings. KVM
// keeps a reserve of entries for pages that it cannot hold back (64; 576 with page-modification logging). When only the
// reserve is left, each KVM_RUN ends with KVM_EXIT_DIRTY_RING_FULL until Vm::reset_dirty_rings. For the vCPU's thread
// only.
class DirtyRing {
 public:
  // Takes over the mapping.
  explicit DirtyRing(std::span<kvm_dirty_gfn> entries) : entries_(entries) {}
  DirtyRing(DirtyRing&& other) noexcept;
  DirtyRing& operator=(DirtyRing&& other) noexcept;
  ~DirtyRing();

  // Calls written(slot, page within the slot) for each entry that is new. A page may come more than once.
  template <class Written>
  void collect(Written written);

 private:
  std::span<kvm_dirty_gfn> entries_;
  std::size_t next_ = 0;
};

template <class Written>
void DirtyRing::collect(Written written) {
  for (;;) {
    kvm_dirty_gfn& entry = entries_[next_];
    // KVM writes an entry's flags last, and takes the entry back only once its flags are RESET.
    if ((__atomic_load_n(&entry.flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY) == 0) return;
    written(entry.slot, entry.offset);
    __atomic_store_n(&entry.flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
    next_ = (next_ + 1) % entries_.size();
  }
}

}  // namespace spry
