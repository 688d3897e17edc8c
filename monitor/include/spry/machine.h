// Machine: one CPU and its memory, running one image, on either platform.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spry/abi.h"
#include "spry/api.h"
#include "spry/crash.h"
#include "spry/error.h"
#include "spry/image.h"
#include "spry/module.h"
#include "spry/platform.h"
#include "spry/shell.h"
#include "spry/snapshot.h"

namespace spry {

inline constexpr std::uint64_t kDefaultMemory = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kMinimumMemory = std::uint64_t{2} << 20;
inline constexpr std::uint64_t kMaximumMemory = std::uint64_t{32} << 30;
inline constexpr std::uint64_t kMaximumInput = std::uint64_t{16} << 30;
inline constexpr std::uint64_t kDefaultMaximumInput = std::uint64_t{1} << 20;

// A device for a machine: the kind and name that the manifest gives it, and how to open it. Each machine opens a device
// of its own, on the thread that creates the machine. spry/devices.h makes the attachments of the modules that come
// with Spry.
struct Attachment {
  std::string kind;
  std::string name;
  std::function<Result<std::unique_ptr<Device>>(const DeviceNeed& need)> open;
  // If the manifest does not name the device: true leaves it out, false makes Machine::create fail.
  bool optional = false;
};

struct MachineOptions {
  // What runs the guest. Unless this is kAutomatic, no other platform takes its place. A shell that is given must be of
  // this platform.
  Platform platform = Platform::kAutomatic;
  // Bytes of guest memory: a multiple of 4096 from kMinimumMemory to kMaximumMemory, and at least the manifest's.
  // Nothing: the larger of kDefaultMemory and the manifest's. Reserved, not touched.
  std::optional<std::uint64_t> memory = {};
  // argv of the guest, the same for all actions; by convention [0] is the image's name.
  std::vector<std::string> arguments = {};
  // Exactly the devices that the manifest names.
  std::vector<Attachment> devices = {};
  // Bytes of the longest input, at most kMaximumInput.
  std::uint64_t max_input = kDefaultMaximumInput;
  // How long each action may take, at least one nanosecond; nothing: for ever. Counts from the action's beginning, so
  // it includes what devices write before the guest's first instruction.
  std::optional<std::chrono::nanoseconds> deadline = {};
  // The signal that ends KVM_RUN at the deadline. It is blocked in the running thread during `run` and never delivered
  // to a handler. 0: SIGRTMIN. The platform `process` needs no signal.
  int deadline_signal = 0;
  // Run any number of actions, with a reset before each but the first. A machine without this is cheaper to create, and
  // runs one action.
  bool reusable = false;
  // After each reset, compare all memory and registers with what they must be, and ask a probe inside the guest for
  // what KVM does not tell; a difference is an Error. Takes milliseconds. Needs `reusable`.
  bool verify = false;
  // Fill Receipt::memory_touched. Costs one system call, and a byte of the host's memory for each page of the guest's.
  bool measure_memory = false;
};

// The input of an action: nothing, bytes, or the first `size` bytes of a regular file or memfd. Borrowed during `run`.
//
// A machine that runs one action maps a file read-only instead of copying it; if the file is truncated during the run,
// the run ends with an Error.
struct Input {
  Input() = default;
  Input(std::span<const std::byte> its_bytes) : bytes(its_bytes), size(its_bytes.size()) {}
  Input(std::string_view text) : Input(std::as_bytes(std::span(text))) {}
  Input(const std::string& text) : Input(std::string_view(text)) {}
  Input(const char* text) : Input(std::string_view(text)) {}
  static Input file(int descriptor, std::uint64_t size) {
    Input input;
    input.descriptor = descriptor;
    input.size = size;
    return input;
  }

  std::span<const std::byte> bytes;
  int descriptor = -1;
  std::uint64_t size = 0;
};

// What belongs to one action alone.
struct ActionOptions {
  // Takes the place of MachineOptions::deadline; may be shorter or longer. At least one nanosecond.
  std::optional<std::chrono::nanoseconds> deadline = {};
};

enum class Reason {
  kExit,           // the guest called exit, or ready a second time
  kAbort,          // the guest called abort
  kFault,          // the guest did what it may not
  kDeadline,       // the deadline passed
  kInterrupted,    // Machine::interrupt was called
  kTooMuchOutput,  // the guest printed more than is kept; the outcome has the beginning
  kCpuLimit,  // the guest's process used up its processor time (RLIMIT_CPU); `message` says how much; kProcess only
};

// "exit", "abort", "fault", "deadline", "interrupted", "output", "cpu".
SPRY_API std::string_view to_string(Reason reason);

// What an action cost.
struct Receipt {
  Platform platform = Platform::kAutomatic;                    // that ran it; never kAutomatic
  std::uint64_t exits = 0;                                     // how often the guest left to the monitor
  std::array<std::uint64_t, SPRY_CALL_COUNT> hypercalls = {};  // by number; [0] counts unknown numbers
  std::uint64_t bytes_in = 0;                                  // input and device input
  std::uint64_t bytes_out = 0;
  std::uint64_t memory_reserved = 0;     // bytes of guest memory
  std::uint64_t memory_touched = 0;      // bytes of it and of the input that are resident at the end, or 0
  std::chrono::nanoseconds create = {};  // Machine::create
  std::chrono::nanoseconds reset = {};   // the reset before this action, or 0
  std::chrono::nanoseconds run = {};     // Machine::run, without the reset
};

// How an action ended.
struct Outcome {
  Reason reason = Reason::kExit;
  int status = 0;  // the guest's, all 32 bits, if reason is kExit
  // The guest's message if it aborted; a sentence if it faulted, printed too much or used up its processor time; else
  // empty. Control characters are escaped.
  std::string message;
  std::string crash;                     // registers and backtrace, several lines, after an abort or a fault
  std::optional<Crash> crash_data = {};  // the crash as data, with the kind of fault, after an abort or a fault
  // What devices kept. The console of spry::capture keeps stream 1 as `output`, stream 2 as `diagnostics`.
  std::string output;
  std::string diagnostics;
  Receipt receipt;
};

struct MachineData;

// To be used by one thread at a time, except for `interrupt`. A reusable machine should stay on one thread, because KVM
// delays a vCPU that moves to another one.
class SPRY_API Machine {
 public:
  // Builds a machine for `image` with exactly the devices that its manifest names. Errors: kNotUnikernel if the image
  // does not fit into the memory or needs a CPU feature that is not there; kInvalidArgument if a device is
  // named but not attached or attached but not named, an option is out of range, or the arguments take more than
  // 64 KiB; those of Shell::create; what an Attachment's `open` answers; kResources or kMonitor if the platform
  // refuses something.
  static Result<Machine> create(Image image, MachineOptions options);

  // The same in a shell that is there already. On kKvm a shell that came back from an earlier machine has two limits
  // (kInvalidArgument). The image must ask for the same CPU features as the earlier one. And if the earlier machine's
  // memory and longest input ended below 4078 MiB, the new machine's must too.
  static Result<Machine> create(Shell shell, Image image, MachineOptions options);

  // A machine whose actions begin where the snapshot was taken. `options.memory`, and the arguments after the first,
  // must be absent or equal to the snapshot's, and the devices' constants equal (kInvalidArgument).
  static Result<Machine> create(Snapshot snapshot, MachineOptions options);
  static Result<Machine> create(Shell shell, Snapshot snapshot, MachineOptions options);

  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  ~Machine();

  // Runs one action to its end; a second one only if options.reusable. What the guest does is never an Error. Errors:
  // kTooLarge if the input is longer than options.max_input; kInvalidArgument if the action's deadline is no time at
  // all; kClosed if the machine is not usable, or has run and is not reusable; kFile if the input cannot be read, or a
  // file that the machine maps was truncated; what a device answers; kResources or kMonitor if the platform failed.
  // After an Error of a device, of the platform or of a reset the machine is not to be used any more: see `usable`.
  Result<Outcome> run(const Input& input = {}, const ActionOptions& action = {});

  // Does now the reset that the next `run` would begin with (docs/embedding.md, "What a reset promises"). Does nothing
  // if there is nothing to reset. Errors: kClosed as for `run`; kMonitor or kResources, after which the machine is not
  // usable.
  Result<void> reset();

  // False if the machine can only be destroyed: after an Error of a device, of the platform or of a reset.
  bool usable() const;

  // Makes the current run end with Reason::kInterrupted, or the next one if none is under way. May be called on any
  // thread and in a signal handler, while the machine is not being moved, released or destroyed. A running guest or a
  // wait ends only if a signal also arrives at the running thread.
  void interrupt() noexcept;

  // The state at the guest's first `ready`, after the first action. Nothing if the guest did not call `ready`, or if
  // the machine is not reusable.
  std::optional<Snapshot> snapshot() const;

  // Does what Snapshot::take does, on a machine that the caller can interrupt: runs it without an input until the guest
  // calls `ready`. Further actions begin there. `ended` is as in Snapshot::take. Errors: those of `run` and
  // Snapshot::take; kInvalidArgument if the machine is not reusable, has run before, or is from a snapshot.
  Result<Snapshot> run_until_ready(std::optional<Outcome>* ended = nullptr);

  // Takes the machine apart and gives back its shell, with nothing of the image left in it. Errors: kClosed if
  // the machine is not usable; kResources or kMonitor if the platform refuses something.
  Result<Shell> release() &&;

 private:
  friend struct Internals;
  explicit Machine(std::unique_ptr<MachineData> data);
  std::unique_ptr<MachineData> data_;
};

}  // namespace spry
