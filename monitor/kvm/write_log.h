// The pages that a guest wrote, as KVM tells: by the vCPU's dirty ring, or by the slots' dirty log where it has none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kvm/kvm.h"
#include "memory/write_log.h"
#include "spry/image.h"

namespace spry {

class KvmWriteLog final : public WriteLog {
 public:
  // For `memory` bytes. `slots` cover memory from 0 on without a gap, each from a multiple of 64 pages. All must
  // outlive this; `ring` may be null.
  KvmWriteLog(Vm& vm, const std::vector<Range>& slots, DirtyRing* ring, std::uint64_t memory);

  Result<std::span<const std::uint64_t>> fetch() override;

  // With a ring, forgets all pages if `chosen` names any, and none otherwise.
  Result<void> forget(std::span<const std::uint64_t> chosen) override;
  bool forgets_all() const override { return ring_ != nullptr; }
  // The ioctl, and the guest's fault for each page.
  ForgetCost cost() const override { return {.call = 4000, .fault = 2300}; }

  // Drains a full ring, so that KVM can use it again while the action goes on; the next fetch tells what was in it.
  Result<void> make_room();

 private:
  void collect();
  std::uint64_t words() const;  // that slots cover

  Vm& vm_;
  const std::vector<Range>& slots_;
  DirtyRing* ring_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace spry
