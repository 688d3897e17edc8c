// What a Machine holds: its memory, its CPU, the base that its actions begin with, the action that runs. build.cpp
// makes it, action.cpp begins an action, run.cpp runs it, reset.cpp takes it back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/input_area.h"
#include "machine/probe.h"
#include "memory/dirty_pages.h"
#include "memory/guest_memory.h"
#include "platform/vcpu.h"
#include "platform/waiting.h"
#include "snapshot/base.h"
#include "spry/abi.h"
#include "spry/machine.h"
#include "system/clock.h"
#include "system/entropy.h"

namespace spry {

// Where a machine is in its life.
enum class Phase {
  kReady,         // an action can begin
  kInitialising,  // an action runs without its input: the guest may call `ready`, which moves the base
  kRunning,       // an action runs that has its input
  kUsed,          // an action has run, and the machine was not reset
  kBroken,        // only destroying it is left
};

// How the actions of a reusable machine begin.
enum class Beginning {
  kUnknown,    // with the first instruction: whether the guest calls `ready` is not known
  kWithInput,  // with the first instruction and the input, because the guest has not called `ready`
  kAtReady,    // where `ready` returns, with the base that was captured there
};

// The action that runs, or ran last.
struct Action {
  std::uint64_t generation = 0;  // of its boot page
  const Input* input = nullptr;  // borrowed while it runs
  std::int64_t epoch_ns = 0;     // host monotonic time at which the guest's clock was 0; may be negative
  std::uint64_t age_ns() const { return host_monotonic_ns() - static_cast<std::uint64_t>(epoch_ns); }
  std::string output_full;  // what a device said of output that it could not keep; empty if it could
  Outcome outcome;
};

struct MachineData final : Guest {
  explicit MachineData(MachineOptions its_options) : options(std::move(its_options)) {}

  // The guest as devices see it (spry/module.h).
  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) override;
  bool copy(std::span<std::byte> to, GuestPointer from) override { return memory.copy(to, from); }
  bool write(GuestPointer to, std::span<const std::byte> from) override;
  bool wait(int fd, short events) override { return waiting.wait(fd, events); }
  bool initialising() const override { return phase == Phase::kInitialising; }
  void count_in(std::uint64_t bytes) override { action.outcome.receipt.bytes_in += bytes; }
  void count_out(std::uint64_t bytes) override { action.outcome.receipt.bytes_out += bytes; }
  void output_is_full(std::string message) override { action.output_full = std::move(message); }

  const Layout& layout() const { return base->layout; }
  spry_boot& boot() { return *reinterpret_cast<spry_boot*>(memory.bytes(layout().boot).data()); }
  bool usable() const { return phase != Phase::kBroken; }

  MachineOptions options;
  std::shared_ptr<const Base> base;
  // Members are destroyed in reverse order: the CPU must go before the memory that it uses.
  GuestMemory memory;
  std::unique_ptr<Vcpu> vcpu;
  std::vector<std::unique_ptr<Device>> devices;  // by handle, null where a handle has no device
  InputArea input;
  DirtyPages dirty;                    // enabled if options.reusable
  std::unique_ptr<ProbeReport> probe;  // taken at the base, with options.verify
  Entropy entropy;                     // for seeds
  std::optional<GuestTsc> tsc;         // with SPRY_FEATURE_CLOCK

  Phase phase = Phase::kReady;
  Beginning beginning = Beginning::kUnknown;
  bool stop_at_ready = false;  // the first action ends where the base moves
  std::string not_captured;    // why the guest's `ready` did not move the base
  // Called at the first `ready`, once it is known where later actions begin.
  std::function<void()> settled = {};
  Action action;
  Waiting waiting;
};

}  // namespace spry
