// /dev/kvm and the VMs that it makes. The files of this folder are the only code that issues KVM ioctls
// (Documentation/virt/kvm/api.rst).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kvm/kvm_api.h"
#include "kvm/vcpu_ioctls.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// One virtual machine.
class Vm {
 public:
  Vm(Descriptor descriptor, std::size_t run_size) : descriptor_(std::move(descriptor)), run_size_(run_size) {}

  // KVM_SET_USER_MEMORY_REGION: guest-physical [address, address + size) is host memory at `host`, which must outlive
  // the VM or the slot. All three are multiples of the page size. Costs 20 us for 16 MiB and 1 ms for 4 GiB. With
  // `logged`, the ring or `dirty_log` tells which pages the guest writes: give_dirty_ring or log_dirty_pages must have
  // been called before.
  Result<void> set_memory_slot(std::uint32_t slot, std::uint64_t address, std::uint64_t size, void* host, bool logged);

  // Removes a slot. Whatever the vCPU had cached of it and of its page tables is gone. Takes milliseconds.
  Result<void> remove_memory_slot(std::uint32_t slot);

  // KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: a page stays in the log, and costs the guest nothing more, until it is cleared.
  Result<void> log_dirty_pages();
  // KVM_GET_DIRTY_LOG: a bit for each page of the slot, in words of 64 pages, the last one perhaps in part.
  Result<void> dirty_log(std::uint32_t slot, std::span<std::uint64_t> bits);
  // KVM_CLEAR_DIRTY_LOG: forgets the pages whose `bits` are set, of the `pages` that the slot has. The next write to
  // such a page costs a fault of 2 us.
  Result<void> clear_dirty_log(std::uint32_t slot, std::uint32_t pages, std::span<const std::uint64_t> bits);

  // KVM_CAP_DIRTY_LOG_RING: the vCPU that is created next tells of each page that its guest writes in a ring of
  // `entries`, a power of two from 1024 on (see DirtyRing), and dirty_log tells nothing. False where KVM has no such
  // thing, or none so large.
  bool give_dirty_ring(std::uint64_t entries);
  // KVM_RESET_DIRTY_RINGS: takes the entries that were collected out of the ring. The next write to each of their pages
  // costs a fault of 2 us, and is told again.
  Result<void> reset_dirty_rings();

  // KVM_CAP_SPLIT_IRQCHIP: the vCPU that is created next has its local APIC in KVM. No guest at CPL 3 can reach the
  // APIC. It saves time: KVM patches its own code when the host's first vCPU without an APIC is created, and back after
  // the last one (the static key kvm_has_noapic_vcpu). Each time, every CPU stops: 180 us as measured, a fifth of a
  // cold start. With the APIC, hosts may keep guest-physical APIC_DEFAULT_PHYS_BASE for themselves, so memory slots
  // must end below it. False where KVM has no such thing, which is only slower.
  bool give_local_apic();

  // The VM's vCPU number 0.
  Result<VcpuIoctls> create_vcpu();

 private:
  Descriptor descriptor_;
  std::size_t run_size_;
};

// An open /dev/kvm.
class Kvm {
 public:
  // Errors: kUnavailable or kPermission, with what to do about a missing or forbidden /dev/kvm.
  static Result<Kvm> open();

  // KVM_CHECK_EXTENSION: 0 if the capability is not there.
  int capability(int number) const;
  // KVM_GET_API_VERSION: 12 on every kernel since 2.6.22.
  int api_version() const;
  Result<Vm> create_vm() const;
  // KVM_GET_SUPPORTED_CPUID; 400 us.
  Result<std::vector<kvm_cpuid_entry2>> supported_cpuid() const;

 private:
  explicit Kvm(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

}  // namespace spry
