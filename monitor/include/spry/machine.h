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

// A device for a machine, by value: with the kind and name by which the manifest knows it, and how to open it. Each
// machine opens one of its own, on the thread that creates it. spry/devices.h makes those of the modules that come with
// Spry.
struct Attachment {
  std::string kind;
  std::string name;
  std::function<Result<std::unique_ptr<Device>>(const DeviceNeed& need)> open;
  // Left out where the manifest does not name it, instead of being refused.
  bool optional = false;
};

struct MachineOptions {
  // What runs the guest; anything but kAutomatic is insisted on. Where a shell is given, it must be of this platform.
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
  // Of each action; counts from when it begins, with what devices write on its behalf before the guest's first
  // instruction. At least one nanosecond.
  std::optional<std::chrono::nanoseconds> deadline = {};
  // The signal that ends KVM_RUN at the deadline: blocked in the running thread during `run`, never delivered to a
  // handler. 0: SIGRTMIN. The platform `process` needs none.
  int deadline_signal = 0;
  // Run any number of actions, with a reset before each but the first. Without it the machine is cheaper to create, and
  // runs one.
  bool reusable = false;
  // After each reset, compare all memory and registers with what they must be, and ask a probe inside the guest for
  // what KVM does not tell; a difference is an Error. Takes milliseconds. Needs `reusable`.
  bool verify = false;
  // Fill Receipt::memory_touched: one system call and a byte for each page of memory.
  bool measure_memory = false;
};

// The input of an action: nothing, bytes, or the first `size` bytes of a regular file or memfd. Borrowed during `run`.
//
// A machine that runs one action maps a file read-only instead of copying it; if it is truncated meanwhile, the run
// ends with an Error.
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
  // Replaces MachineOptions::deadline, which may be shorter, longer or nothing. At least one nanosecond.
  std::optional<std::chrono::nanoseconds> deadline = {};
};

enum class Reason {
  kExit,           // the guest called exit, or ready a second time
  kAbort,          // the guest called abort
  kFault,          // the guest did what it may not
  kDeadline,       // the deadline passed
  kInterrupted,    // Machine::interrupt
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
  int status = 0;       // the guest's, all 32 bits, if reason is kExit
  std::string message;  // the guest's if it aborted, the fault in words if it faulted; control characters escaped
  std::string crash;    // registers and backtrace, several lines, after an abort or a fault
  std::optional<Crash> crash_data = {};  // the crash as data, with the kind of fault, after an abort or a fault
  // What devices kept: the console of spry::capture its streams 1 and 2.
  std::string output;
  std::string diagnostics;
  Receipt receipt;
};

struct MachineData;

// One thread at a time; a reusable machine should stay on one thread, because KVM makes a vCPU that moves to another
// wait.
class SPRY_API Machine {
 public:
  // Builds a machine for `image` with exactly the devices that its manifest names. Errors: kNotUnikernel if the image
  // does not fit into the memory or needs a CPU feature that is not there; kInvalidArgument if a device is
  // named but not attached or attached but not named, an option is out of range, or the arguments take more than
  // 64 KiB; those of Shell::create; what an Attachment's `open` answers; kResources or kMonitor if the platform
  // refuses something.
  static Result<Machine> create(Image image, MachineOptions options);

  // The same in a shell, which saves creating it. On kKvm a shell that came back from a machine takes only images whose
  // manifests ask for the same CPU features, and, if that machine's memory and its longest input ended below 4078 MiB,
  // only machines of which the same is true (kInvalidArgument).
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

  // Resets now what the next `run` would reset first (docs/embedding.md, "What a reset promises"). Nothing if there is
  // nothing to reset. Errors: kClosed as for `run`; kMonitor or kResources, after which the machine is not usable.
  Result<void> reset();

  // False once only destroying it is left.
  bool usable() const;

  // Makes the current run end with Reason::kInterrupted, or the next one if none is under way. From any thread or
  // signal handler while the machine is neither moved, released nor destroyed; to end a KVM_RUN or a wait in progress,
  // a signal must also arrive at the running thread.
  void interrupt() noexcept;

  // After the first action: the state at the guest's first `ready`, if it called it and the machine is reusable.
  std::optional<Snapshot> snapshot() const;

  // Snapshot::take on a machine of the caller's, who can interrupt it: runs it without an input until the guest calls
  // `ready`. Further actions begin there. Errors: those of `run` and Snapshot::take; kInvalidArgument if the machine is
  // not reusable, or has run before, or is from a snapshot. `ended` as there.
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
