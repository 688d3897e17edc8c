// The run loop: enter, look why the guest left, serve it, enter again.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "machine/crash.h"
#include "machine/fault.h"
#include "cpu/x86.h"
#include "kvm/system_page.h"
#include "machine/action.h"
#include "machine/capture.h"
#include "machine/clock.h"
#include "machine/machine_data.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::uint64_t kLongestMessage = 1024;

// Serves the exits of one machine until its run ends.
class Run {
 public:
  explicit Run(MachineData& machine) : machine_(machine), vcpu_(machine.shell->vcpu) {}

  Result<void> loop();

 private:
  // Each returns an Error if the monitor failed, and sets ended_ if the run is over.
  Result<void> interrupted();
  Result<void> io_exit();
  Result<void> hypercall();
  Result<void> gate(unsigned vector);
  Result<bool> grow(std::uint64_t address);

  void exit(std::uint64_t status);
  void abort(GuestPointer message, std::uint64_t length);
  std::int64_t poll(std::uint64_t deadline_ns, GuestPointer ready_set);
  std::int64_t clock(std::uint64_t which) const;
  Result<std::int64_t> device(std::uint64_t handle, const DeviceCall& call);

  Result<std::int64_t> ready();

  void fault(const Fault& fault);
  void end(Reason reason);
  const Image* image() const { return machine_.base->image ? &*machine_.base->image : nullptr; }
  Result<void> after_exit();

  MachineData& machine_;
  Vcpu& vcpu_;
  bool ended_ = false;
};

void Run::end(Reason reason) {
  machine_.outcome.reason = reason;
  machine_.hurried = reason == Reason::kDeadline || reason == Reason::kInterrupted;
  ended_ = true;
}

void Run::fault(const Fault& fault) {
  machine_.outcome.message = fault.words;
  machine_.outcome.crash = describe_crash(image(), machine_.memory, fault.registers);
  end(Reason::kFault);
}

Result<void> Run::after_exit() {
  for (const auto& device : machine_.devices) {
    if (device == nullptr) continue;
    if (auto done = device->on_exit(machine_); !done) return done;
  }
  return {};
}

Result<void> Run::loop() {
  while (!ended_) {
    machine_.finished = false;
    int error = machine_.enter();
    ++machine_.outcome.receipt.exits;
    Result<void> served;
    if (error == EINTR) {
      served = interrupted();
    } else if (error == EFAULT) {
      served = fail(ErrorCode::kMonitor, fmt::format("{}: a page of the machine's memory is gone: its input, its "
                                                     "image or its snapshot was truncated while it ran",
                                                     machine_.base->path));
    } else if (error != 0) {
      served =
          fail(ErrorCode::kMonitor, fmt::format("{}: KVM_RUN failed: {}", machine_.base->path, std::strerror(error)));
    } else {
      switch (vcpu_.state().exit_reason) {
        case KVM_EXIT_IO:
          served = io_exit();
          break;
        case KVM_EXIT_FAIL_ENTRY:
          served = fail(ErrorCode::kMonitor,
                        fmt::format("{}: the CPU refuses to enter the guest (reason {:#x})", machine_.base->path,
                                    vcpu_.state().fail_entry.hardware_entry_failure_reason));
          break;
        default:
          fault(explain_exit(machine_.memory, vcpu_.state().exit_reason, vcpu_.registers()));
          // Hosts differ in what state the vCPU is in after a triple fault: it does not run again.
          machine_.state = MachineData::State::kBroken;
          break;
      }
    }
    if (!served) {
      // What the guest had printed goes out all the same, if it can at once.
      machine_.hurried = true;
      static_cast<void>(after_exit());
      return served;
    }
  }
  Result<void> done = after_exit();
  // Output that the guest left behind was not taken in time: the run did not end well, although the guest did.
  if (machine_.cut && !machine_.hurried) {
    end(machine_.interrupted.load(std::memory_order_relaxed) ? Reason::kInterrupted : Reason::kDeadline);
  }
  return done;
}

// A signal ended KVM_RUN: ours, the embedder's, or one that means nothing to us.
Result<void> Run::interrupted() {
  if (machine_.interrupted.load(std::memory_order_relaxed)) {
    end(Reason::kInterrupted);
  } else if (machine_.deadline && machine_.deadline->take_signals()) {
    end(Reason::kDeadline);
  } else {
    --machine_.outcome.receipt.exits;
  }
  return {};
}

Result<void> Run::io_exit() {
  kvm_run& state = vcpu_.state();
  const kvm_regs& registers = vcpu_.registers();
  const auto& io = state.io;
  // Only the gates' page holds ring-0 code, and no ring-3 code can run in it: a forged gate port comes from elsewhere.
  std::uint64_t gates = kSystemPage + kGatesOffset + machine_.layout().slide;
  if (registers.rip >= gates && registers.rip < gates + x86::kVectors * kGateSize) {
    auto vector = static_cast<unsigned>((registers.rip - gates) / kGateSize);
    auto special = vcpu_.special_registers();
    if (!special) return tl::unexpected(special.error());
    if (special->ss.dpl == 0 && io.port == vector && io.direction == KVM_EXIT_IO_OUT) return gate(vector);
  }
  // `out %eax`, and not `outsl`, which takes its bytes from memory.
  std::uint32_t data = 0;
  if (io.port == SPRY_HYPERCALL_PORT && io.direction == KVM_EXIT_IO_OUT && io.size == sizeof data && io.count == 1) {
    std::memcpy(&data, reinterpret_cast<const std::byte*>(&state) + io.data_offset, sizeof data);
    if (data == static_cast<std::uint32_t>(registers.rax)) {
      machine_.finished = true;
      return hypercall();
    }
  }
  fault(explain_io(machine_.memory, io.port, registers));
  return {};
}

Result<void> Run::hypercall() {
  kvm_regs& registers = vcpu_.registers();
  auto number = static_cast<std::uint32_t>(registers.rax);
  ++machine_.outcome.receipt.hypercalls[number < SPRY_CALL_COUNT ? number : 0];
  Result<std::int64_t> result = -SPRY_ENOSYS;
  switch (number) {
    case SPRY_CALL_EXIT:
      exit(registers.rdi);
      return {};
    case SPRY_CALL_READY:
      if (!machine_.awaits_ready) {
        // The input has been there already, so this is the second call, in which the action ends.
        exit(0);
        return {};
      }
      result = ready();
      if (result && ended_) return {};
      break;
    case SPRY_CALL_ABORT:
      abort(GuestPointer{registers.rdi}, registers.rsi);
      return {};
    case SPRY_CALL_POLL:
      // What was printed before a wait is to be seen during it.
      if (auto done = after_exit(); !done) return done;
      result = poll(registers.rdi, GuestPointer{registers.rsi});
      break;
    case SPRY_CALL_CLOCK:
      result = clock(registers.rdi);
      break;
    case SPRY_CALL_DEVICE:
      result = device(registers.rdi, {registers.rsi, registers.rdx, registers.r10, registers.r8});
      break;
    default:
      break;
  }
  if (!result) return tl::unexpected(result.error());
  registers.rax = static_cast<std::uint64_t>(*result);
  vcpu_.dirty_registers();
  return after_exit();
}

// The first `ready`. Nothing is written out here that was not before: what the console's area holds belongs to every
// action, and goes out with the next exit of each.
Result<std::int64_t> Run::ready() {
  auto captured = capture_ready(machine_);
  if (!captured) return tl::unexpected(captured.error());
  machine_.not_captured = *std::move(captured);
  machine_.awaits_ready = false;
  if (machine_.stop_at_ready) {
    exit(0);
    return 0;
  }
  if (auto delivered = deliver_input(machine_); !delivered) return tl::unexpected(delivered.error());
  return 0;
}

void Run::exit(std::uint64_t status) {
  machine_.outcome.status = static_cast<int>(static_cast<std::uint32_t>(status));
  end(Reason::kExit);
}

void Run::abort(GuestPointer message, std::uint64_t length) {
  std::string text(std::min(length, kLongestMessage), '\0');
  bool readable = machine_.memory.resolve(message, length, Access::kRead) &&
                  machine_.memory.copy(std::as_writable_bytes(std::span(text)), message);
  machine_.outcome.message = readable ? escape(text, kLongestMessage) : "its message is not in readable memory";
  machine_.outcome.crash = describe_crash(image(), machine_.memory, vcpu_.registers());
  end(Reason::kAbort);
}

std::int64_t Run::clock(std::uint64_t which) const {
  switch (which) {
    case SPRY_CLOCK_MONOTONIC:
      return static_cast<std::int64_t>(host_monotonic_ns() - machine_.epoch_ns);
    case SPRY_CLOCK_WALL:
      return static_cast<std::int64_t>(host_wall_ns());
    default:
      return -SPRY_EINVAL;
  }
}

Result<std::int64_t> Run::device(std::uint64_t handle, const DeviceCall& call) {
  if (handle >= machine_.devices.size() || machine_.devices[handle] == nullptr) return -SPRY_EBADF;
  return machine_.devices[handle]->call(machine_, call);
}

// Sets machine.wait_timeout to what is left until host monotonic `until`, or to 0 if waiting is over already. The order
// of these stores and of interrupt()'s is what makes the ppoll that follows free of races.
void set_wait_timeout(MachineData& machine, std::uint64_t until) {
  std::uint64_t now = host_monotonic_ns();
  machine.wait_timeout = to_timespec(until > now ? until - now : 0);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (machine.hurried || machine.interrupted.load(std::memory_order_relaxed)) machine.wait_timeout = {};
}

// ppoll(2) until machine.wait_timeout: the system call itself, because C libraries copy the timeout first, and what a
// signal handler stores between the copy and the call would be lost.
int wait_for(std::span<pollfd> descriptors, MachineData& machine) {
  return static_cast<int>(
      syscall(SYS_ppoll, descriptors.data(), descriptors.size(), &machine.wait_timeout, nullptr, std::size_t{0}));
}

constexpr std::uint64_t kForever = UINT64_MAX / 2;

std::uint64_t end_of_waiting(const MachineData& machine) {
  return machine.deadline_ns != 0 ? machine.deadline_ns : kForever;
}

bool waiting_is_over(const MachineData& machine) {
  return machine.hurried || machine.interrupted.load(std::memory_order_relaxed) ||
         host_monotonic_ns() >= end_of_waiting(machine);
}

std::int64_t Run::poll(std::uint64_t deadline_ns, GuestPointer ready_set) {
  const bool answer = ready_set != GuestPointer{0};
  if (answer && !machine_.resolve(ready_set, sizeof(std::uint64_t), Access::kWrite)) return -SPRY_EFAULT;
  std::array<pollfd, SPRY_DEVICES_MAX> descriptors;
  std::array<unsigned, SPRY_DEVICES_MAX> handles;
  nfds_t count = 0;
  std::uint64_t set = 0;
  for (unsigned handle = 0; handle < machine_.devices.size(); ++handle) {
    const Device* device = machine_.devices[handle].get();
    if (device == nullptr) continue;
    if (device->ready()) set |= std::uint64_t{1} << handle;
    int descriptor = device->ready_descriptor();
    if (descriptor < 0) continue;
    handles[count] = handle;
    descriptors[count++] = {descriptor, POLLIN, 0};
  }
  // With a device that is ready by itself, the descriptors of the others are only looked at.
  std::uint64_t until = set != 0 ? 0 : std::min(deadline_ns, kForever - machine_.epoch_ns) + machine_.epoch_ns;
  int ready = 0;
  do {
    set_wait_timeout(machine_, std::min(until, end_of_waiting(machine_)));
    ready = wait_for(std::span(descriptors).first(count), machine_);
    if (ready < 0 && errno != EINTR) return -SPRY_EIO;
  } while (ready <= 0 && host_monotonic_ns() < until && !waiting_is_over(machine_));
  for (nfds_t i = 0; ready > 0 && i < count; ++i) {
    if (descriptors[i].revents != 0) set |= std::uint64_t{1} << handles[i];
  }
  // Again, because a file behind the page may have been truncated meanwhile.
  if (answer && !machine_.write(ready_set, std::as_bytes(std::span(&set, 1)))) return -SPRY_EFAULT;
  return std::popcount(set);
}

// An exception came through its gate. The CPU pushed the guest's state (SDM 3A 6.14) below the gate stack's end.
Result<void> Run::gate(unsigned vector) {
  std::array<std::uint64_t, 6> frame;  // error code, RIP, CS, RFLAGS, RSP, SS
  std::memcpy(frame.data(), machine_.memory.bytes({kPageTables - sizeof frame, kPageTables}).data(), sizeof frame);
  std::uint64_t error_code = x86::has_error_code(vector) ? frame[0] : 0;
  std::uint64_t address = 0;
  if (vector == x86::PF) {
    auto special = vcpu_.special_registers();
    if (!special) return tl::unexpected(special.error());
    address = special->cr2;
    if ((error_code & x86::PF_P) == 0) {
      auto grown = grow(address);
      if (!grown) return tl::unexpected(grown.error());
      if (*grown) return {};
    }
  }
  kvm_regs registers = vcpu_.registers();
  registers.rip = frame[1];
  registers.rflags = frame[3];
  registers.rsp = frame[4];
  fault(explain_exception(machine_.memory, machine_.layout(), vector, error_code, address, registers));
  return {};
}

// Covers the heap up to `address` at least, by doubling. False if that is no part of the heap that was not yet there.
Result<bool> Run::grow(std::uint64_t address) {
  std::uint64_t physical = address - machine_.layout().slide;
  if (physical < machine_.covered || physical >= machine_.layout().heap.end) return false;
  std::uint64_t wanted = std::max(2 * machine_.covered, x86::round_up(physical + 1, x86::kLargePageSize));
  if (auto covered = cover_memory(machine_, std::min(wanted, machine_.layout().memory)); !covered) {
    return tl::unexpected(covered.error());
  }
  return true;
}

}  // namespace

bool MachineData::wait(int fd, short events) {
  pollfd descriptor = {fd, events, 0};
  // First of all whether the run is to end: a file is always ready.
  while (!waiting_is_over(*this)) {
    set_wait_timeout(*this, end_of_waiting(*this));
    if (wait_for({&descriptor, 1}, *this) > 0) return true;
  }
  cut = true;
  return false;
}

Result<void> run_action(MachineData& machine) {
  const std::uint64_t start = host_monotonic_ns();
  if (machine.options.deadline) {
    machine.deadline_ns = start + static_cast<std::uint64_t>(machine.options.deadline->count());
    int signal = machine.options.deadline_signal != 0 ? machine.options.deadline_signal : SIGRTMIN;
    auto armed = Deadline::arm(machine.shell->vcpu, signal, machine.deadline_ns);
    if (!armed) return tl::unexpected(armed.error());
    machine.deadline.emplace(std::move(*armed));
  }
  machine.shell->ran = true;
  // An interruption that came before: a reset may have taken it back.
  if (machine.interrupted.load(std::memory_order_relaxed)) machine.shell->vcpu.state().immediate_exit = 1;
  Result<void> done = Run(machine).loop();
  machine.deadline.reset();
  machine.deadline_ns = 0;
  // One that failed may not have come so far.
  if (done && machine.outcome.reason == Reason::kExit && !machine.base->at_ready) machine.begins_ready = true;
  machine.interrupted.store(false, std::memory_order_relaxed);
  machine.shell->vcpu.state().immediate_exit = 0;
  machine.outcome.receipt.run = std::chrono::nanoseconds(host_monotonic_ns() - start);
  return done;
}

}  // namespace spry
