// Entering the guest, and why it left.
#include <pthread.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "cpu/x86.h"
#include "kvm/host_selectors.h"
#include "kvm/kvm_vcpu.h"
#include "kvm/state.h"
#include "kvm/system_page.h"
#include "kvm/trampoline.h"
#include "spry/abi.h"
#include "text/format.h"

namespace spry {

using namespace x86;

Result<void> KvmVcpu::begin(const Registers& registers) {
  load_null_selectors();
  kvm_regs next = to_kvm(registers);
  if (native_vectors_) {
    const auto page = memory_->bytes(layout_.trampoline);
    if (trampoline_target(page) != registers.rip) set_trampoline_target(page, registers.rip);
    next.rip = layout_.trampoline.start + layout_.slide;
    next.rsp = layout_.stack.end + layout_.slide;
  }
  vcpu_.set_registers(next, special_);
  finished_ = false;
  return {};
}

void KvmVcpu::answer(std::int64_t result) {
  registers().rax = static_cast<std::uint64_t>(result);
  vcpu_.dirty_registers();
}

// KVM_RUN, repeated as long as the vCPU leaves only because its dirty ring is full. Answers as VcpuIoctls::run does.
int KvmVcpu::enter() {
  ran_ = true;
  if (mask_is_old_) {
    sigset_t blocked;
    if (const int error = pthread_sigmask(SIG_BLOCK, nullptr, &blocked); error != 0) return error;
    if (!vcpu_.set_signal_mask(blocked)) return EINVAL;
    mask_is_old_ = false;
  }
  for (;;) {
    const int error = vcpu_.run();
    if (error != 0 || vcpu_.state().exit_reason != KVM_EXIT_DIRTY_RING_FULL) return error;
    if (!log_ || !log_->make_room()) return EIO;
  }
}

Exit KvmVcpu::failed(std::string words, ErrorCode code) const {
  return {.kind = Exit::Kind::kFailed, .error = {code, fmt::format("{}: {}", path_, words)}};
}

// Whether an EINTR ends the run. A signal that means nothing to the run does not, and nothing ends a probe of the
// monitor's. immediate_exit is cleared before the interruption is looked for, because another thread may have set it
// for a run that was over by then. If it is set again after that, it stays.
bool KvmVcpu::ends_run() {
  vcpu_.set_immediate_exit(false);
  if (waiting_ == nullptr) return false;
  return waiting_->interrupted() || (deadline_ && deadline_->take_signals());
}

Exit KvmVcpu::run() {
  for (;;) {
    finished_ = false;
    const int error = enter();
    if (error == EINTR) {
      if (ends_run()) return {.kind = Exit::Kind::kInterrupted};
      continue;
    }
    if (error == EFAULT) {
      return failed(
          "a page of the machine's memory is gone: its input, its image or its snapshot was truncated while it ran",
          ErrorCode::kFile);
    }
    if (error != 0) return failed(fmt::format("KVM_RUN failed: {}", std::strerror(error)), code_for(error));
    const kvm_run& state = vcpu_.state();
    switch (state.exit_reason) {
      case KVM_EXIT_IO:
        break;
      case KVM_EXIT_FAIL_ENTRY:
        return failed(fmt::format("the CPU refuses to enter the guest (reason {:#x})",
                                  state.fail_entry.hardware_entry_failure_reason));
      case KVM_EXIT_SHUTDOWN:
        return {.kind = Exit::Kind::kDead, .words = "triple fault"};
      case KVM_EXIT_INTERNAL_ERROR:
        return {.kind = Exit::Kind::kDead, .words = "an instruction that this machine does not have"};
      default:
        return {.kind = Exit::Kind::kDead,
                .words = fmt::format("KVM exit {} that no guest should cause", state.exit_reason)};
    }
    // No ring-3 code can run in the system page. So an `out` at a gate's address is the gate's own, and a forged one
    // comes from elsewhere.
    const std::uint64_t gates = kSystemPage + kGatesOffset + layout_.slide;
    const std::uint64_t rip = vcpu_.registers().rip;
    if (rip >= gates && rip < gates + kVectors * kGateSize) {
      const auto vector = static_cast<unsigned>((rip - gates) / kGateSize);
      auto special = vcpu_.special_registers();
      if (!special) return {.kind = Exit::Kind::kFailed, .error = special.error()};
      if (special->ss.dpl == 0 && state.io.port == vector && state.io.direction == KVM_EXIT_IO_OUT) {
        if (auto exit = gate(vector)) return *std::move(exit);
        continue;
      }
    }
    return exit_of_io();
  }
}

// A hypercall is `out %eax` to its port. `outsl` exits alike, but takes its bytes from memory, so they are compared
// with EAX.
Exit KvmVcpu::exit_of_io() {
  const kvm_run& state = vcpu_.state();
  const auto& io = state.io;
  std::uint32_t data = 0;
  if (io.port == SPRY_HYPERCALL_PORT && io.direction == KVM_EXIT_IO_OUT && io.size == sizeof data && io.count == 1) {
    std::memcpy(&data, reinterpret_cast<const std::byte*>(&state) + io.data_offset, sizeof data);
    if (data == static_cast<std::uint32_t>(vcpu_.registers().rax)) {
      finished_ = true;
      return {.kind = Exit::Kind::kHypercall};
    }
  }
  return {.kind = Exit::Kind::kPort, .port = io.port};
}

// Serves an exception that came through its gate. The CPU has pushed the guest's state (SDM 3A 6.14) below the gate
// stack's end. Answers nothing if memory has grown and the guest goes on.
std::optional<Exit> KvmVcpu::gate(unsigned vector) {
  std::array<std::uint64_t, 6> frame;  // error code, RIP, CS, RFLAGS, RSP, SS
  std::memcpy(frame.data(), memory_->bytes({kPageTables - sizeof frame, kPageTables}).data(), sizeof frame);
  Exit exit = {.kind = Exit::Kind::kException, .vector = vector};
  exit.error_code = has_error_code(vector) ? frame[0] : 0;
  if (vector == PF) {
    auto special = vcpu_.special_registers();
    if (!special) return Exit{.kind = Exit::Kind::kFailed, .error = special.error()};
    exit.address = special->cr2;
    // This is heap that is not there yet. What is covered at least doubles.
    const std::uint64_t physical = exit.address - layout_.slide;
    if ((exit.error_code & PF_P) == 0 && physical >= covered_ && physical < layout_.heap.end) {
      const std::uint64_t wanted = std::max(2 * covered_, round_up(physical + 1, kLargePageSize));
      auto grown = cover(std::min(wanted, layout_.memory));
      if (!grown) return Exit{.kind = Exit::Kind::kFailed, .error = grown.error()};
      return std::nullopt;
    }
  }
  Registers& guest = registers();
  guest.rip = frame[1];
  guest.rflags = frame[3];
  guest.rsp = frame[4];
  return exit;
}

Result<bool> KvmVcpu::can_use_trampoline(const Registers& registers) {
  if (!fits_trampoline(*vectors_)) return false;
  load_null_selectors();
  kvm_regs start = to_kvm(registers);
  start.rip = layout_.trampoline.start + layout_.slide + trampoline_probe_offset();
  vcpu_.set_registers(start, special_);
  const Exit exit = run();
  if (exit.kind == Exit::Kind::kException && exit.vector == UD) return false;
  if (exit.kind != Exit::Kind::kHypercall) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: the guest cannot be asked whether it has XRSTOR", path_));
  }
  // XRSTOR restores only what XCR0 names, so XCR0 must name x87 and SSE.
  constexpr std::uint64_t kNeeded = XCR0_X87 | XCR0_SSE;
  return (vcpu_.registers().rbx & kNeeded) == kNeeded;
}

Result<void> KvmVcpu::arm(Waiting& waiting, int signal) {
  waiting_ = &waiting;
  // For an interruption that came before this call: a reset may have cleared immediate_exit since.
  if (waiting.interrupted()) kick();
  mask_is_old_ = has_mask_;
  if (waiting.deadline_ns() == 0) return {};
  has_mask_ = true;
  auto armed = Deadline::arm(vcpu_, signal, waiting.deadline_ns());
  if (!armed) return tl::unexpected(armed.error());
  deadline_.emplace(std::move(*armed));
  mask_is_old_ = false;
  return {};
}

void KvmVcpu::disarm() {
  deadline_.reset();
  mask_is_old_ = has_mask_;
  waiting_ = nullptr;
  vcpu_.set_immediate_exit(false);
}

}  // namespace spry
