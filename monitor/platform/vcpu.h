// The seam: what the machine asks of whatever runs a guest's instructions, a virtual machine of KVM's or a process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/registers.h"
#include "memory/contents.h"
#include "memory/guest_memory.h"
#include "memory/layout.h"
#include "memory/write_log.h"
#include "platform/exit.h"
#include "platform/guest_tsc.h"
#include "platform/waiting.h"
#include "spry/platform.h"

namespace spry {

// What a machine is to be, for Vcpu::furnish. Everything is borrowed during the call but for what CpuState shares.
struct Furnishing {
  const std::string& path;  // of the image or snapshot, escaped, for sentences
  const Layout& layout;
  std::span<const Region> regions;  // user memory, without the input's
  const CpuState& state;            // in which actions begin
  std::uint64_t covered = 0;        // bytes from 0 that are there from the start; the heap beyond may come when touched
  std::uint64_t end = 0;            // guest-physical: where memory and the longest input end
  std::uint64_t features = 0;       // SPRY_FEATURE_*, as the manifest asks for
  Range input;                      // room for inputs that the guest has from the start, or empty
  bool reusable = false;            // written pages are told, and actions follow one another
  bool verify = false;              // layout.probe is there for the guest: a page to execute and one to write
};

// One guest's CPU with the memory that it sees. It begins as a shell, without memory. Its life:
//
//   make_memory, furnish, [map_input]      the shell becomes a machine
//   begin, run, run, ... [reset]           an action, and the next one
//   empty                                  a shell again
//
// For one thread, which should be the one that made it; `kick` is for any. After an Error of any call, or an Exit
// kDead or kFailed, it is only to be destroyed. It must be destroyed before the memory that it was furnished with.
class Vcpu {
 public:
  Vcpu() = default;
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;
  virtual ~Vcpu() = default;

  virtual Platform platform() const = 0;

  // Zeroed guest memory of `size` bytes that this platform's guests can be shown: the monitor fills it before and after
  // `furnish`. Errors: those of code_for.
  virtual Result<GuestMemory> make_memory(std::uint64_t size, bool reusable) = 0;

  // Shows the guest `memory` with the permissions of the regions. Errors: those of code_for;
  // kNotUnikernel if the image needs a feature that this host does not have, or if memory and image need more than the
  // platform has room for.
  virtual Result<void> furnish(GuestMemory& memory, const Furnishing& furnishing) = 0;

  // Shows the guest of a machine that runs once its input: the page-aligned `range` of guest memory, read-only. The
  // range's first `mapped` bytes, whole pages, are mapped from the beginning of the file behind `descriptor`. To be
  // called before the first run. Errors: as above.
  virtual Result<void> map_input(Range range, int descriptor, std::uint64_t mapped) = 0;

  // Bytes from guest-physical 0 that the guest can have touched.
  virtual std::uint64_t covered() const = 0;

  // Says that a base was captured: from the boot pages on, memory now holds what `contents` does, and actions begin as
  // `state` says. The state's vectors are shared, not copied. Errors: those of code_for.
  virtual Result<void> rebase(const Contents& contents, const CpuState& state) = 0;

  // The next run begins with `registers`, whatever the guest did before. Vectors and segments are those of the state
  // that `furnish` or `rebase` was given last. Errors: those of code_for.
  virtual Result<void> begin(const Registers& registers) = 0;

  // Runs the guest until there is something to serve. What the platform serves itself (memory that grows, a ring that
  // is full) stays inside.
  virtual Exit run() = 0;

  // The guest's registers at the last exit: a view. Only those that Exit names are valid, unless complete_registers was
  // called.
  virtual Registers& registers() = 0;
  // Makes all of `registers` valid after a hypercall, with RIP behind the instruction. Errors: those of code_for.
  virtual Result<void> complete_registers() = 0;
  // The result of the hypercall that was served: RAX at the next run.
  virtual void answer(std::int64_t result) = 0;
  // Has all of `registers` take effect at the next run. To be called after a hypercall of code that is not the guest's
  // own (the probe's).
  virtual void write_registers() = 0;

  // Where the guest's memory has code that sets the base of FS (docs/abi.md, "The base of FS"), guest virtual; 0 if the
  // features that it was furnished with have none.
  virtual std::uint64_t set_fs_base() const = 0;

  // The guest's state at the hypercall that is being served, with RIP behind the instruction and RAX 0, as if the
  // hypercall had been answered. Errors: those of code_for.
  virtual Result<CpuState> save() = 0;

  // Removes what the last action may have left in the CPU and `begin` does not remove. Errors: those of code_for.
  virtual Result<void> reset() = 0;
  // After a reset: the name of what the platform knows to differ from before the first action, or null. Slow.
  // Errors: those of code_for.
  virtual Result<const char*> difference() = 0;

  // The log of a reusable machine, owned by the Vcpu; null for other machines.
  virtual WriteLog* write_log() = 0;
  // Guest-physical addresses, in ascending order, of the instructions of two bytes that the platform rewrote in guest
  // memory. The base has `out %eax, $0x7e` there.
  virtual std::span<const std::uint64_t> rewritten() const = 0;

  // Until `disarm`, runs end with kInterrupted at the deadline of `waiting` or when `waiting` is interrupted. The
  // platform may use `signal` for the deadline (MachineOptions::deadline_signal). Errors: those of code_for.
  virtual Result<void> arm(Waiting& waiting, int signal) = 0;
  virtual void disarm() = 0;
  // Makes the current or the next run end with kInterrupted; called after Waiting::interrupt, by any thread or signal
  // handler. To end a run that waits in the kernel, a signal must arrive at its thread as well.
  virtual void kick() noexcept = 0;

  // How the guest's TSC becomes time; nothing if that cannot be told. Errors: those of code_for.
  virtual Result<std::optional<GuestTsc>> tsc() = 0;

  // Takes the memory away again: a shell, with nothing of the last machine in it. Errors: those of code_for.
  virtual Result<void> empty() = 0;
};

}  // namespace spry
