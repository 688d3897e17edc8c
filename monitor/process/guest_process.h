// A guest's process from its plan to its end: what the kernel tells of it and what is told to it.
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/waiting.h"
#include "process/launcher.h"
#include "process/plan.h"
#include "process/process_end.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// Destroying it kills the process and waits for its end.
class GuestProcess {
 public:
  GuestProcess() = default;
  explicit GuestProcess(LaunchedStub stub) : stub_(std::move(stub)) {}
  GuestProcess(GuestProcess&&) noexcept = default;
  GuestProcess& operator=(GuestProcess&& other) noexcept;
  ~GuestProcess() { end(); }

  explicit operator bool() const { return static_cast<bool>(stub_.process); }
  bool started() const { return static_cast<bool>(listener_); }

  // Tells the stub that `plan`, which it has in the control area, is complete, with the plan's descriptors; the guest
  // runs when it has carried that out. Where written pages cannot be told, the plan no longer asks for it. Errors:
  // those of code_for; kUnavailable if the stub could not do something.
  Result<void> start(spry_plan& plan, std::span<const int> descriptors);
  // Of a process that ended: what the stub could not do of the plan.
  std::optional<Error> refusal();

  // The instruction pointer of the gate's notifications.
  std::uint64_t gate() const { return gate_; }
  // Of a plan that logs writes: the userfaultfd's partner, /proc/self/pagemap; -1 where the kernel tells no writes, and
  // why.
  int pagemap() const { return pagemap_.get(); }
  int log_error() const { return log_error_; }
  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP is in effect.
  bool wakes_in_place() const { return wakes_in_place_; }

  enum class Event { kNotification, kFault, kDead, kTimeout, kSignal, kFailed };
  // Waits for the next notification until `until_ns` or until `waiting` is over. kSignal: a signal came to this thread.
  // kFault: it waits for a page; see take_fault. kFailed: errno.
  Event wait(Waiting& waiting, std::uint64_t until_ns, seccomp_notif& notification);

  // Of a plan with SPRY_PLAN_FAULTS: the address that was touched, until `bring` says that its page, in the
  // page-aligned range, is there. 0 if there is none.
  std::uint64_t take_fault();
  void bring(std::uint64_t address, std::uint64_t size);

  // The result of the call that was notified; the process goes on. False if it is gone, or interrupted.
  bool answer(std::uint64_t id, std::int64_t value);
  // False if the process is gone.
  bool signal(int number);

  // Waits for its end; how it ended.
  ProcessEnd reap();
  // Kills it.
  void end();

 private:
  Result<void> send(std::span<const int> descriptors);
  Result<spry_reply> hear();

  LaunchedStub stub_;
  Descriptor listener_;
  Descriptor faults_;  // userfaultfd: what it does ends when it is closed
  bool tells_faults_ = false;
  Descriptor pagemap_;
  std::uint64_t gate_ = 0;
  int log_error_ = 0;
  bool wakes_in_place_ = false;
};

}  // namespace spry
