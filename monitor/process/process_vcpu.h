// The platform `process`: a guest is a Linux process that has no system call left (docs/architecture.md, "The process
// platform").
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/vcpu.h"
#include "process/control_area.h"
#include "process/guest_process.h"
#include "process/plan.h"
#include "process/process_write_log.h"
#include "system/descriptor.h"

namespace spry {

// Makes a shell: a stub that is on its way to where it waits for its plan. Errors: those of code_for; kUnavailable if
// guests cannot be processes here. What the stub fails to do on its way is an Error of the first run.
Result<std::unique_ptr<Vcpu>> make_process_shell();

class ProcessVcpu final : public Vcpu {
 public:
  ProcessVcpu(Descriptor stub_file, ControlArea control, GuestProcess process);
  ~ProcessVcpu() override;

  Platform platform() const override { return Platform::kProcess; }
  Result<GuestMemory> make_memory(std::uint64_t size, bool reusable) override;
  Result<void> furnish(GuestMemory& memory, const Furnishing& furnishing) override;
  Result<void> map_input(Range range, int descriptor, std::uint64_t mapped) override;
  std::uint64_t covered() const override { return covered_; }
  Result<void> rebase(const Contents& contents, const CpuState& state) override;
  Result<void> begin(const Registers& registers) override;
  Exit run() override;
  Registers& registers() override { return registers_; }
  Result<void> complete_registers() override;
  void answer(std::int64_t result) override { registers_.rax = static_cast<std::uint64_t>(result); }
  void write_registers() override;
  std::uint64_t set_fs_base() const override;
  Result<CpuState> save() override;
  Result<void> reset() override { return {}; }
  Result<const char*> difference() override { return nullptr; }
  WriteLog* write_log() override { return log_.get(); }
  std::span<const std::uint64_t> rewritten() const override { return rewritten_; }
  Result<void> arm(Waiting& waiting, int signal) override;
  void disarm() override { waiting_ = &unarmed_; }
  void kick() noexcept override {}
  Result<std::optional<GuestTsc>> tsc() override;
  Result<void> empty() override;

  const GuestProcess& process() const { return process_; }

 private:
  // Where the guest is.
  enum class State {
    kEmpty,    // a stub that has no plan yet
    kCall,     // in the notification of a rewritten hypercall: not all of registers_ are valid
    kGate,     // in the gate's notification
    kRunning,  // may be running
    kGone,     // its process has ended
  };

  // A gate's notification.
  struct Gate {
    SignalFrame frame;
    DataSegment ds, es, fs, gs;
  };

  Result<void> set_base(const CpuState& state);
  Result<void> start_process();
  Result<void> replace_process();
  Result<void> begin_action();
  void go_on();
  // True if the gate's frame is that of a signal that a process sent, and not of an exception.
  bool is_sent() const { return gate_.frame.signal == SIGUSR2 || gate_.frame.code <= 0; }
  // Brings the page that the guest waits for. False if its file has become shorter.
  bool bring_page();
  Exit wait_for_exit();
  // The Exit that a notification means; nothing if the guest goes on already.
  std::optional<Exit> take(const seccomp_notif& notification);
  bool pay();
  std::optional<Exit> take_gate(const seccomp_notif& notification);
  std::optional<Exit> take_exception();
  Exit take_foreign_call(const seccomp_notif& notification);
  Exit died();
  Exit page_gone();
  Exit failed(std::string words, ErrorCode code = ErrorCode::kMonitor);
  Exit dead(std::string words);

  // Has the guest enter the gate, wherever it is, so that all its registers are known. False if it has ended, or had to
  // be ended.
  bool stop();
  bool read_gate(const seccomp_notif& notification);

  bool is_rewritten(std::uint64_t address) const;
  void rewrite(std::uint64_t physical);
  // The code at a guest virtual address that the guest may execute.
  struct Code {
    std::array<std::uint8_t, 15> bytes = {};
    std::size_t size = 0;
    bool own = false;  // code of the guest's image that the guest cannot write to
  };
  Code code_at(std::uint64_t address);

  Descriptor stub_file_;
  ControlArea control_;
  GuestProcess process_;

  GuestMemory* memory_ = nullptr;
  std::string path_;
  std::uint64_t slide_ = 0;
  std::uint64_t covered_ = 0;
  Range probe_;
  SystemCalls system_calls_;
  bool sets_fs_base_ = false;
  Range hypercalls_;  // guest-physical: where hypercalls may be rewritten; elsewhere, `syscall` is the guest's own
  std::vector<spry_mapping> mappings_;
  Descriptor input_;
  std::unique_ptr<ProcessWriteLog> log_;
  std::vector<std::uint64_t> rewritten_;

  // What was asked to begin and has given no sign of it yet.
  enum class Beginning {
    kNone,
    kProcess,  // a new process, with its first action: it may still be carrying out its plan
    kAction,   // another action in a process that is there
  };

  State state_ = State::kEmpty;
  bool begins_ = false;  // the next run begins an action
  Beginning beginning_ = Beginning::kNone;
  std::uint64_t id_ = 0;  // of the notification, in kCall and kGate
  Gate gate_;
  Registers registers_;
  std::uint64_t begin_fs_base_ = 0;
  bool silent_ = false;  // the process was ended because it did not answer
  // An answer that is owed: the registers that the guest was to go on with. It did not arrive because a signal had
  // interrupted the guest's wait, so the guest asks the same again.
  std::optional<Registers> owed_;

  Waiting unarmed_;
  Waiting* waiting_ = &unarmed_;
};

}  // namespace spry
