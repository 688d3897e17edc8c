// Machine: one VM, one vCPU and its memory, running one image.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spry/abi.h"
#include "spry/api.h"
#include "spry/error.h"
#include "spry/image.h"
#include "spry/module.h"

namespace spry {

inline constexpr std::uint64_t kDefaultMemory = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kMinimumMemory = std::uint64_t{2} << 20;
inline constexpr std::uint64_t kMaximumMemory = std::uint64_t{32} << 30;
inline constexpr std::uint64_t kMaximumInput = std::uint64_t{16} << 30;

// A device for a machine, with the kind and name by which the manifest knows it.
struct Attachment {
  std::string kind;
  std::string name;
  std::unique_ptr<Device> device;
};

struct MachineOptions {
  // Bytes of guest memory: a multiple of 4096 from kMinimumMemory to kMaximumMemory, and at least the manifest's.
  // Nothing: the larger of kDefaultMemory and the manifest's. Reserved, not touched.
  std::optional<std::uint64_t> memory;
  // argv of the guest; by convention [0] is the image's name.
  std::vector<std::string> arguments;
  // Counts from the first instruction. At least one nanosecond.
  std::optional<std::chrono::nanoseconds> deadline;
  // The signal that ends KVM_RUN at the deadline: blocked in the running thread during `run`, never delivered to a
  // handler. 0: SIGRTMIN.
  int deadline_signal = 0;
  // Fill Receipt::memory_touched: one system call and a byte for each page of memory.
  bool measure_memory = false;
};

// The input of an action: nothing, or `size` bytes of a regular file or memfd, mapped read-only and not copied. If the
// file is truncated under the machine, the run ends with an Error.
struct Input {
  int descriptor = -1;  // borrowed during `run`
  std::uint64_t size = 0;
};

enum class Reason {
  kExit,         // the guest called exit, or ready a second time
  kAbort,        // the guest called abort
  kFault,        // the guest did what it may not
  kDeadline,     // the deadline passed
  kInterrupted,  // Machine::interrupt
};

// "exit", "abort", "fault", "deadline", "interrupted".
SPRY_API std::string_view to_string(Reason reason);

// What a run tells afterwards.
struct Receipt {
  Reason reason = Reason::kExit;
  int status = 0;           // the guest's, all 32 bits, if reason is kExit
  std::string message;      // the guest's if it aborted, the fault in words if it faulted; control characters escaped
  std::string crash;        // registers and backtrace, several lines, after an abort or a fault
  std::uint64_t exits = 0;  // KVM exits of any kind
  std::array<std::uint64_t, SPRY_CALL_COUNT> hypercalls = {};  // by number; [0] counts unknown numbers
  std::uint64_t bytes_in = 0;                                  // input and device input
  std::uint64_t bytes_out = 0;
  std::uint64_t memory_reserved = 0;     // bytes of guest memory
  std::uint64_t memory_touched = 0;      // bytes of it and of the input that are resident at the end, or 0
  std::chrono::nanoseconds create = {};  // Machine::create
  std::chrono::nanoseconds run = {};     // Machine::run
};

struct MachineData;

class SPRY_API Machine {
 public:
  // Builds a machine for `image` with exactly the devices that its manifest names. Errors: kNotUnikernel if the image
  // does not fit into the memory or needs a CPU feature that is not there; kMonitor if a device is named but not
  // attached or attached but not named, an option is out of range, the arguments take more than 64 KiB, or KVM refuses
  // something.
  static Result<Machine> create(Image image, MachineOptions options, std::vector<Attachment> devices, Input input = {});

  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  ~Machine();

  // Runs the action to its end. Once for each machine, on the thread that created it (a vCPU belongs to its thread).
  // Errors: kMonitor, when the monitor and not the guest failed; what the guest does is never an Error.
  Result<Receipt> run();

  // Makes the run end with Reason::kInterrupted, before it begins or while it lasts. From any thread or signal handler;
  // to end a KVM_RUN or a wait in progress, a signal must also arrive at the running thread.
  void interrupt() noexcept;

 private:
  explicit Machine(std::unique_ptr<MachineData> data);
  std::unique_ptr<MachineData> data_;
};

}  // namespace spry
