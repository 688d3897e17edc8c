// What an action leaves in its vCPU, and how it is removed.
#include <algorithm>

#include "cpu/instruction.h"
#include "cpu/x86.h"
#include "kvm/kvm_vcpu.h"
#include "kvm/state.h"
#include "spry/abi.h"

namespace spry {

using namespace x86;

// An OUT hypercall leaves no I/O pending; OUTS exits alike but is unfinished. The code around RIP, which no guest can
// write, tells the two apart.
bool KvmVcpu::nothing_pending() {
  constexpr std::uint64_t kLongestInstruction = 15;
  if (!finished_) return false;
  const std::uint64_t rip = vcpu_.registers().rip;
  if (rip == finished_rip_) return true;
  const Region* region = memory_->find(rip - 1);
  if (region == nullptr || !region->permissions.execute) return false;
  const std::uint64_t at = rip - layout_.slide;
  auto code = [&](std::uint64_t start, std::uint64_t end) {
    std::span<std::byte> bytes = memory_->bytes({start, end});
    return std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  };
  const auto before = code(std::max(at - 2, region->range.start), at);
  const auto after = code(at, std::min(at + kLongestInstruction, region->range.end));
  if (!left_by_out(before, after, SPRY_HYPERCALL_PORT)) return false;
  finished_rip_ = rip;
  return true;
}

// Discards what the last exit left pending (an `in`, a `rep ins`, an exception that was about to be delivered). It
// would otherwise happen to the next action.
Result<void> KvmVcpu::drain() {
  if (auto drained = vcpu_.drain(); !drained) return drained;
  vcpu_.clear_events();
  kvm_debugregs none = {};
  none.dr6 = DR6_RESET;
  none.dr7 = DR7_RESET;
  return vcpu_.set_debug_registers(none);
}

Result<void> KvmVcpu::reset() {
  if (!nothing_pending()) {
    if (auto drained = drain(); !drained) return drained;
  }
  return native_vectors_ ? Result<void>() : vcpu_.set_vector_state(*vectors_);
}

Result<const char*> KvmVcpu::difference() {
  // If actions begin at the trampoline, KVM still has the last action's vectors, and only the probe can compare them.
  auto vectors = vcpu_.vector_state();
  if (!vectors) return tl::unexpected(vectors.error());
  if (!native_vectors_ && !same_vectors(*vectors, *vectors_)) return "the vector state that KVM tells";
  auto debug = vcpu_.debug_registers();
  if (!debug) return tl::unexpected(debug.error());
  if ((debug->db[0] | debug->db[1] | debug->db[2] | debug->db[3]) != 0 || debug->dr7 != DR7_RESET) {
    return "a debug register";
  }
  return nullptr;
}

}  // namespace spry
