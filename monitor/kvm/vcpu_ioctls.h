// One virtual CPU: RAII over its descriptor and its shared kvm_run page. Belongs to the thread that first runs it: on
// kernels before 6.12 the first KVM_RUN from another thread waits for an RCU grace period.
#pragma once

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kvm/dirty_ring.h"
#include "kvm/kvm_api.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

class VcpuIoctls {
 public:
  VcpuIoctls(Descriptor descriptor, kvm_run* run, std::size_t run_size);
  VcpuIoctls(VcpuIoctls&& other) noexcept;
  VcpuIoctls& operator=(VcpuIoctls&& other) noexcept;
  ~VcpuIoctls();

  // Maps the ring of `entries` that Vm::give_dirty_ring has given the vCPU. Errors: those of code_for.
  Result<DirtyRing> dirty_ring(std::uint64_t entries);

  // KVM_RUN. 0 with state().exit_reason and registers() valid, or errno (EINTR: a signal or immediate_exit).
  [[nodiscard]] int run();

  // The shared page (KVM API, "5. The kvm_run structure").
  kvm_run& state() { return *run_; }

  // Whether KVM_RUN returns EINTR without entering the guest. From any thread or signal handler.
  void set_immediate_exit(bool on) noexcept { std::atomic_ref(run_->immediate_exit).store(on ? 1 : 0); }

  // The general registers at the last exit. What is changed here takes effect at the next run after `dirty_registers`.
  kvm_regs& registers() { return run_->s.regs.regs; }
  void dirty_registers() { run_->kvm_dirty_regs |= KVM_SYNC_X86_REGS; }

  // Sets both kinds of registers at the next run, without an ioctl (KVM_CAP_SYNC_REGS).
  void set_registers(const kvm_regs& registers, const kvm_sregs& special);

  // Forgets exceptions and interrupts that were about to be delivered, at the next run (KVM_SYNC_X86_EVENTS).
  void clear_events();

  // Finishes what the last exit left pending, for example the bytes of an `in`, without entering the guest. Otherwise
  // KVM would finish it in the registers that are set next. This is a run with immediate_exit, which must end with
  // EINTR. Errors: those of code_for, if it ends otherwise.
  Result<void> drain();

  // The vCPU's x87, SSE and further parts (KVM_GET_XSAVE, KVM_SET_XSAVE). Setting them puts every part that `state`
  // does not name into its initial state. KVM_SET_FPU would leave the upper halves of vector registers as they are.
  Result<kvm_xsave> vector_state();
  Result<void> set_vector_state(const kvm_xsave& state);
  Result<kvm_debugregs> debug_registers();
  Result<void> set_debug_registers(const kvm_debugregs& registers);

  // One ioctl each, of 5 to 10 us. Errors: those of code_for, with the ioctl's name.
  Result<kvm_sregs> special_registers();
  Result<std::uint64_t> msr(std::uint32_t index);
  Result<void> set_msrs(std::span<const kvm_msr_entry, 3> entries);
  Result<std::uint32_t> tsc_khz();
  Result<void> set_cpuid(std::span<const kvm_cpuid_entry2> entries);
  Result<void> set_xcr0(std::uint64_t value);

  // Sets the signals that are blocked during run() only, instead of the thread's (KVM_SET_SIGNAL_MASK).
  Result<void> set_signal_mask(const sigset_t& blocked);

 private:
  Descriptor descriptor_;
  kvm_run* run_ = nullptr;
  std::size_t run_size_ = 0;
};

}  // namespace spry
