// The platform `kvm`: a guest's CPU is a vCPU in a VM of its own.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvm/deadline.h"
#include "kvm/kvm.h"
#include "kvm/page_tables.h"
#include "kvm/write_log.h"
#include "platform/vcpu.h"

namespace spry {

class KvmVcpu final : public Vcpu {
 public:
  // Makes a shell for machines whose memory and input end at guest-physical `end` at most. If `end` is low enough, the
  // shell is cheaper to make (Vm::give_local_apic). If `logged_pages` is not 0, the shell has a dirty ring for about so
  // many pages, unless KVM has no such ring or they are too many. Errors: kUnavailable or kPermission, with what to do
  // about a missing or forbidden /dev/kvm.
  static Result<std::unique_ptr<Vcpu>> make(std::uint64_t end, std::uint64_t logged_pages);

  Platform platform() const override { return Platform::kKvm; }
  Result<GuestMemory> make_memory(std::uint64_t size, bool reusable) override;
  Result<void> furnish(GuestMemory& memory, const Furnishing& furnishing) override;
  Result<void> map_input(Range range, int descriptor, std::uint64_t mapped) override;
  std::uint64_t covered() const override { return covered_; }
  Result<void> rebase(const Contents& contents, const CpuState& state) override;
  Result<void> begin(const Registers& registers) override;
  Exit run() override;
  Registers& registers() override { return reinterpret_cast<Registers&>(vcpu_.registers()); }
  Result<void> complete_registers() override { return {}; }
  void answer(std::int64_t result) override;
  void write_registers() override { vcpu_.dirty_registers(); }
  std::uint64_t set_fs_base() const override;
  Result<CpuState> save() override;
  Result<void> reset() override;
  Result<const char*> difference() override;
  WriteLog* write_log() override { return log_ ? &*log_ : nullptr; }
  std::span<const std::uint64_t> rewritten() const override { return {}; }
  Result<void> arm(Waiting& waiting, int signal) override;
  void disarm() override;
  void kick() noexcept override { vcpu_.set_immediate_exit(true); }
  Result<std::optional<GuestTsc>> tsc() override;
  Result<void> empty() override;

 private:
  KvmVcpu(Vm vm, VcpuIoctls vcpu) : vm_(std::move(vm)), vcpu_(std::move(vcpu)) {}

  // kvm_vcpu.cpp: a shell becomes a machine, and a shell again.
  Result<void> give_features(std::uint64_t features);
  Result<void> build_pages(const Furnishing& furnishing);
  Result<void> add_slot(Range range);
  Result<void> remove_slots();
  Result<void> log_writes(std::uint64_t memory);
  Result<void> give_system_calls(const SystemCalls& calls);
  Result<bool> can_use_trampoline(const Registers& registers);
  void grow_large(Range range);
  Result<void> cover(std::uint64_t end);

  // kvm_run.cpp: entering, and why the guest left.
  int enter();
  Exit exit_of_io();
  std::optional<Exit> gate(unsigned vector);
  Exit failed(std::string words, ErrorCode code = ErrorCode::kMonitor) const;
  bool ends_run();

  // kvm_reset.cpp: between two actions.
  bool nothing_pending();
  Result<void> drain();

  static constexpr std::uint32_t kInputSlot = 64;

  // Of the shell.
  Vm vm_;
  VcpuIoctls vcpu_;
  std::optional<DirtyRing> ring_;    // if there is none, the slots' dirty log tells
  std::uint64_t room_ = UINT64_MAX;  // slots end here at most
  std::vector<Range> slots_;
  bool has_input_slot_ = false;
  bool can_log_ = false;        // Vm::log_dirty_pages was called
  bool ran_ = false;            // its CPUID cannot be changed any more
  std::uint64_t features_ = 0;  // SPRY_FEATURE_* that its CPUID has
  std::uint64_t lstar_ = 0;     // where `syscall` goes
  bool has_mask_ = false;       // a deadline has told KVM which signals KVM_RUN blocks
  bool mask_is_old_ = false;    // KVM must be told anew before the next run

  // Of the machine.
  std::string path_;
  GuestMemory* memory_ = nullptr;
  Layout layout_;
  bool reusable_ = false;
  bool sets_fs_base_ = false;
  std::uint64_t covered_ = 0;  // bytes from 0 that slots cover
  PageTables tables_;
  std::optional<KvmWriteLog> log_;
  kvm_sregs special_ = {};  // that actions begin with
  SystemCalls system_calls_;
  std::unique_ptr<kvm_xsave> vectors_;  // that actions begin with; null: as in a new vCPU
  bool native_vectors_ = false;         // actions begin at the trampoline

  // Of the run.
  Waiting* waiting_ = nullptr;
  std::optional<Deadline> deadline_;
  bool finished_ = true;            // the last exit was a hypercall's: perhaps nothing is pending
  std::uint64_t finished_rip_ = 0;  // RIP behind a hypercall that left nothing pending
};

}  // namespace spry
