// What a Machine holds: a shell, its memory, and the base that its actions begin with. machine.cpp builds it,
// action.cpp begins and ends an action, run.cpp runs it, reset.cpp takes it back.
#pragma once

#include <atomic>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include "kvm/deadline.h"
#include "kvm/page_tables.h"
#include "machine/clock.h"
#include "machine/entropy.h"
#include "machine/probe.h"
#include "machine/shell_data.h"
#include "memory/dirty_pages.h"
#include "memory/guest_memory.h"
#include "snapshot/base.h"
#include "spry/abi.h"
#include "spry/machine.h"

namespace spry {

struct MachineData final : Guest {
  explicit MachineData(MachineOptions its_options) : options(std::move(its_options)) {}

  // Guest, for the devices.
  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) override;
  bool copy(std::span<std::byte> to, GuestPointer from) override { return memory.copy(to, from); }
  bool write(GuestPointer to, std::span<const std::byte> from) override;
  bool wait(int fd, short events) override;
  bool initialising() const override { return awaits_ready; }
  void count_in(std::uint64_t bytes) override { outcome.receipt.bytes_in += bytes; }
  void count_out(std::uint64_t bytes) override { outcome.receipt.bytes_out += bytes; }

  const Layout& layout() const { return base->layout; }
  spry_boot& boot() { return *reinterpret_cast<spry_boot*>(memory.bytes(layout().boot).data()); }

  // KVM_RUN, and again whenever KVM's ring of written pages had to be emptied first. As Vcpu::run.
  [[nodiscard]] int enter();

  MachineOptions options;
  std::shared_ptr<const Base> base;
  // Members are destroyed in reverse order: the VM must go before the memory that it uses.
  GuestMemory memory;
  std::unique_ptr<ShellData> shell;
  PageTables tables;
  std::vector<std::unique_ptr<Device>> devices;  // by handle, null where a handle has no device
  DirtyPages dirty;                              // enabled if options.reusable
  std::uint64_t idle_cost = 0;                   // ns spent on idle pages since they were last cleared
  std::unique_ptr<ProbeReport> probe;            // at the base, with options.verify
  bool native_vectors = false;                   // actions begin at the trampoline
  Entropy entropy;                               // for seeds
  std::optional<GuestTsc> tsc;                   // with SPRY_FEATURE_CLOCK

  enum class State {
    kReady,   // an action can begin
    kUsed,    // an action has run, and nothing was reset
    kBroken,  // only destroying it is left
  };
  State state = State::kReady;
  bool finished = true;            // the last exit was a hypercall's, which leaves nothing pending in the vCPU
  std::uint64_t finished_rip = 0;  // where a hypercall was seen to leave so
  bool awaits_ready = false;       // this action calls `ready` by hypercall, and the base moves there
  bool begins_ready = false;  // actions begin with their input, because the guest has not called `ready` in its first
  bool stop_at_ready = false;
  std::string not_captured;          // why the guest's `ready` did not move the base
  std::uint64_t generation = 0;      // of the current action
  Range input_area;                  // guest-physical, for inputs of up to options.max_input
  std::uint64_t input_filled = 0;    // bytes of the input area that are not zero, if options.reusable
  const Input* input = nullptr;      // of the current action
  std::uint64_t covered = 0;         // bytes from 0 that memory slots cover
  std::uint64_t epoch_ns = 0;        // host monotonic time at which the guest's begins
  std::uint64_t deadline_ns = 0;     // host monotonic, or 0
  std::optional<Deadline> deadline;  // during the run
  Outcome outcome;

  // Why the run is to end, as run.cpp and interrupt() see it. `interrupted` and `wait_timeout` are written by signal
  // handlers: setting the timeout of a ppoll that is about to begin to 0 is what makes waiting free of races.
  std::atomic<bool> interrupted = false;
  bool hurried = false;  // nothing waits any more
  bool cut = false;      // a wait was over before what it waited for was there
  timespec wait_timeout = {};
};

// Adds memory slots and page-table entries for the heap so that guest-physical [0, end) is covered. machine.cpp and the
// page-fault gate call it; from absent to present is the one change of an entry that every host heeds.
Result<void> cover_memory(MachineData& machine, std::uint64_t end);

}  // namespace spry
