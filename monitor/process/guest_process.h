// A guest's process from its plan to its end: what the kernel tells about it, and what the monitor tells it.
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

  // Tells the stub that `plan`, which lies in the control area, is complete, and sends it the plan's descriptors. The
  // guest runs once the stub has carried out the plan. If the kernel cannot tell written pages, `plan` no longer asks
  // for that afterwards. Errors: those of code_for; kUnavailable if the stub could not do something.
  Result<void> start(spry_plan& plan, std::span<const int> descriptors);
  // After the process has ended: which part of the plan the stub could not carry out, if that is why it ended.
  std::optional<Error> refusal();

  // The instruction pointer of the gate's notifications.
  std::uint64_t gate() const { return gate_; }
  // For a plan that logs writes: the process's /proc/self/pagemap, which tells them; or -1 if the kernel cannot tell
  // them, and the errno that says why.
  int pagemap() const { return pagemap_.get(); }
  int log_error() const { return log_error_; }
  // True if SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP is in effect.
  bool wakes_in_place() const { return wakes_in_place_; }

  enum class Event { kNotification, kFault, kDead, kTimeout, kSignal, kFailed };
  // Waits for the next notification until `until_ns` or until `waiting` is over. kSignal: a signal came to this thread.
  // kFault: the guest waits for a page; see take_fault. kFailed: errno says why.
  Event wait(Waiting& waiting, std::uint64_t until_ns, seccomp_notif& notification);

  // For a plan with SPRY_PLAN_FAULTS: the address that the guest touched, or 0 if there is none. The guest waits until
  // `bring` says that the pages of a page-aligned range with that address are there.
  std::uint64_t take_fault();
  void bring(std::uint64_t address, std::uint64_t size);

  // Answers a notification: the process goes on, with `value` as the result of its call. False if the process is gone
  // or was interrupted.
  bool answer(std::uint64_t id, std::int64_t value);
  // False if the process is gone.
  bool signal(int number);

  // Waits for the process's end, and answers how it ended.
  ProcessEnd reap();
  // Kills the process and waits for its end.
  void end();

 private:
  Result<void> send(std::span<const int> descriptors);
  Result<spry_reply> hear();

  LaunchedStub stub_;
  Descriptor listener_;
  Descriptor faults_;  // userfaultfd; its effects end when it is closed
  bool tells_faults_ = false;
  Descriptor pagemap_;
  std::uint64_t gate_ = 0;
  int log_error_ = 0;
  bool wakes_in_place_ = false;
};

}  // namespace spry
