// The run loop: enter, look why the guest left, serve it, enter again.
#include <poll.h>

#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "machine/action.h"
#include "machine/capture.h"
#include "machine/crash.h"
#include "machine/fault.h"
#include "machine/machine_data.h"
#include "system/clock.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::uint64_t kLongestMessage = 1024;

// Serves the exits of one machine until its run ends.
class Run {
 public:
  explicit Run(MachineData& machine) : machine_(machine), vcpu_(*machine.vcpu) {}

  Result<void> loop();

 private:
  // Each returns an Error if the monitor failed, and sets ended_ if the run is over.
  Result<void> serve(const Exit& exit);
  Result<void> hypercall();
  Result<std::int64_t> ready();
  Result<void> abort(GuestPointer message, std::uint64_t length);
  Result<std::int64_t> device(std::uint64_t handle, const DeviceCall& call);
  Result<void> after_exit();

  std::int64_t poll(std::uint64_t deadline_ns, GuestPointer ready_set);
  std::int64_t clock(std::uint64_t which) const;

  void interrupted();
  void exit(std::uint64_t status);
  void fault(const Fault& fault);
  void crashed(Crash crash);
  void end(Reason reason);
  bool output_full();
  const Image* image() const { return machine_.base->image ? &*machine_.base->image : nullptr; }

  MachineData& machine_;
  Vcpu& vcpu_;
  bool ended_ = false;
};

void Run::end(Reason reason) {
  machine_.action.outcome.reason = reason;
  if (reason == Reason::kDeadline || reason == Reason::kInterrupted) machine_.waiting.hurry();
  ended_ = true;
}

void Run::crashed(Crash crash) {
  crash.frames = backtrace(image(), machine_.memory, crash.registers);
  machine_.action.outcome.crash = describe_crash(crash);
  machine_.action.outcome.crash_data = std::move(crash);
}

void Run::fault(const Fault& fault) {
  machine_.action.outcome.message = fault.words;
  crashed({fault.kind, fault.address, fault.registers, {}});
  end(Reason::kFault);
}

Result<void> Run::after_exit() {
  for (const auto& device : machine_.devices) {
    if (device == nullptr) continue;
    if (auto done = device->on_exit(machine_); !done) return done;
  }
  return {};
}

// Ends the run if a device said that its output is full; true if so.
bool Run::output_full() {
  if (machine_.action.output_full.empty()) return false;
  machine_.action.outcome.message = std::move(machine_.action.output_full);
  machine_.action.output_full.clear();
  end(Reason::kTooMuchOutput);
  return true;
}

Result<void> Run::loop() {
  while (!ended_ && !output_full()) {
    const Exit exit = vcpu_.run();
    ++machine_.action.outcome.receipt.exits;
    if (auto served = serve(exit); !served) {
      // What the guest had printed goes out all the same, if it can at once.
      machine_.waiting.hurry();
      static_cast<void>(after_exit());
      return served;
    }
  }
  Result<void> done = after_exit();
  if (machine_.action.outcome.reason == Reason::kExit) output_full();
  // Output that the guest left behind was not taken in time: the run did not end well, although the guest did.
  if (machine_.waiting.cut() && !machine_.waiting.hurried()) {
    end(machine_.waiting.interrupted() ? Reason::kInterrupted : Reason::kDeadline);
  }
  return done;
}

Result<void> Run::serve(const Exit& exit) {
  switch (exit.kind) {
    case Exit::Kind::kHypercall:
      return hypercall();
    case Exit::Kind::kException:
      fault(explain_exception(machine_.memory, machine_.layout(), exit, vcpu_.registers()));
      return {};
    case Exit::Kind::kPort:
      fault(explain_io(machine_.memory, exit.port, vcpu_.registers()));
      return {};
    case Exit::Kind::kInterrupted:
      interrupted();
      return {};
    case Exit::Kind::kCpuLimit:
      machine_.action.outcome.message = exit.words;
      end(Reason::kCpuLimit);
      return {};
    case Exit::Kind::kDead:
      fault(explain_death(machine_.memory, exit.words, vcpu_.registers()));
      machine_.phase = Phase::kBroken;
      return {};
    case Exit::Kind::kFailed:
      break;
  }
  return tl::unexpected(exit.error);
}

// A signal may mean nothing to this run. Then the guest goes on, and the exit is not counted.
void Run::interrupted() {
  if (machine_.waiting.interrupted()) {
    end(Reason::kInterrupted);
  } else if (machine_.waiting.over()) {
    end(Reason::kDeadline);
  } else {
    --machine_.action.outcome.receipt.exits;
  }
}

Result<void> Run::hypercall() {
  const Registers& registers = vcpu_.registers();
  auto number = static_cast<std::uint32_t>(registers.rax);
  ++machine_.action.outcome.receipt.hypercalls[number < SPRY_CALL_COUNT ? number : 0];
  Result<std::int64_t> result = -SPRY_ENOSYS;
  switch (number) {
    case SPRY_CALL_EXIT:
      exit(registers.rdi);
      return {};
    case SPRY_CALL_READY:
      if (!machine_.initialising()) {
        // The action has had its input already, so this is its second `ready`, which ends it.
        exit(0);
        return {};
      }
      result = ready();
      if (result && ended_) return {};
      break;
    case SPRY_CALL_ABORT:
      return abort(GuestPointer{registers.rdi}, registers.rsi);
    case SPRY_CALL_POLL:
      // What the guest printed before it waits must be visible while it waits.
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
  vcpu_.answer(*result);
  return after_exit();
}

// The first `ready`. The shared areas are not written out before the capture: what the console's area holds belongs to
// every action, and goes out after the next exit of each.
Result<std::int64_t> Run::ready() {
  auto captured = capture_ready(machine_);
  if (!captured) return tl::unexpected(captured.error());
  machine_.not_captured = *std::move(captured);
  machine_.phase = Phase::kRunning;
  // If a device cannot be brought back to here, no later action can begin here.
  if (!machine_.not_captured.empty()) machine_.beginning = Beginning::kWithInput;
  // Until this action ends, the monitor may write to the shared areas, which then differ from the captured base.
  if (!machine_.layout().shared.empty()) machine_.dirty.mark(machine_.layout().shared);
  if (machine_.settled) machine_.settled();
  if (machine_.stop_at_ready) {
    exit(0);
    return 0;
  }
  // What came in the capture ends the action here. The timer of a deadline may be late, and the guest fast.
  if (machine_.waiting.over()) {
    interrupted();
    return 0;
  }
  if (auto delivered = deliver_input(machine_); !delivered) return tl::unexpected(delivered.error());
  return 0;
}

void Run::exit(std::uint64_t status) {
  machine_.action.outcome.status = static_cast<int>(static_cast<std::uint32_t>(status));
  end(Reason::kExit);
}

Result<void> Run::abort(GuestPointer message, std::uint64_t length) {
  std::string text(std::min(length, kLongestMessage), '\0');
  bool readable = machine_.memory.resolve(message, length, Access::kRead) &&
                  machine_.memory.copy(std::as_writable_bytes(std::span(text)), message);
  Outcome& outcome = machine_.action.outcome;
  outcome.message = readable ? escape(text, kLongestMessage) : "its message is not in readable memory";
  if (auto completed = vcpu_.complete_registers(); !completed) return completed;
  crashed({FaultKind::kNone, {}, vcpu_.registers(), {}});
  end(Reason::kAbort);
  return {};
}

std::int64_t Run::clock(std::uint64_t which) const {
  switch (which) {
    case SPRY_CLOCK_MONOTONIC:
      return static_cast<std::int64_t>(machine_.action.age_ns());
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
  // If a device is ready without its descriptor, nothing waits: the descriptors of the others are only looked at.
  Waiting& waiting = machine_.waiting;
  const std::uint64_t until = set != 0 ? 0 : host_time(machine_.action.epoch_ns, deadline_ns);
  int ready = 0;
  do {
    ready = waiting.poll(std::span(descriptors).first(count), std::min(until, waiting.until()));
    if (ready < 0 && errno != EINTR) return -SPRY_EIO;
  } while (ready <= 0 && host_monotonic_ns() < until && !waiting.over());
  for (nfds_t i = 0; ready > 0 && i < count; ++i) {
    if (descriptors[i].revents != 0) set |= std::uint64_t{1} << handles[i];
  }
  // Writing can fail although `resolve` succeeded: a file behind the page may have been truncated meanwhile.
  if (answer && !machine_.write(ready_set, std::as_bytes(std::span(&set, 1)))) return -SPRY_EFAULT;
  return std::popcount(set);
}

// Disarms at its end, however the run ends.
class Armed {
 public:
  explicit Armed(MachineData& machine) : machine_(machine) {}
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
  ~Armed() {
    machine_.vcpu->disarm();
    machine_.waiting.end();
  }

 private:
  MachineData& machine_;
};

}  // namespace

int deadline_signal(const MachineData& machine) {
  return machine.options.deadline_signal != 0 ? machine.options.deadline_signal : SIGRTMIN;
}

Result<void> run_action(MachineData& machine) {
  const std::uint64_t start = host_monotonic_ns();
  if (auto armed = machine.vcpu->arm(machine.waiting, deadline_signal(machine)); !armed) return armed;
  Result<void> done;
  {
    const Armed armed(machine);
    done = Run(machine).loop();
  }
  // Only a clean exit proves that the guest never calls ready.
  Outcome& outcome = machine.action.outcome;
  if (done && outcome.reason == Reason::kExit && machine.beginning == Beginning::kUnknown) {
    machine.beginning = Beginning::kWithInput;
  }
  if (machine.usable()) machine.phase = Phase::kUsed;
  outcome.receipt.run = std::chrono::nanoseconds(host_monotonic_ns() - start);
  return done;
}

}  // namespace spry
