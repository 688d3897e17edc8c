// How long an action may last, and how everything that waits on its behalf is ended from outside.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <ctime>
#include <span>

namespace spry {

// One action at a time. All is for the thread that runs the machine, but for `interrupt`.
class Waiting {
 public:
  // To be called before an action, which may last until host_monotonic_ns() == `deadline_ns`, or without end if that is
  // 0. Keeps an interruption that came before.
  void begin(std::uint64_t deadline_ns);
  // To be called after an action: forgets an interruption.
  void end();

  // From any thread or signal handler. A ppoll that is about to begin returns at once; one that has begun returns when
  // a signal arrives at its thread.
  void interrupt() noexcept;

  std::uint64_t deadline_ns() const { return deadline_ns_; }  // host monotonic, or 0
  bool interrupted() const { return interrupted_.load(std::memory_order_relaxed); }

  // Nothing waits any more: the action has ended otherwise, and what is left to write goes out only if it can at once.
  void hurry() { hurried_ = true; }
  bool hurried() const { return hurried_; }
  // A wait ended before what it waited for was there.
  bool cut() const { return cut_; }

  // True if nothing is to wait any more: hurried, interrupted or past the deadline.
  bool over() const;

  // The end of all waiting, in host monotonic time.
  std::uint64_t until() const { return deadline_ns_ != 0 ? deadline_ns_ : kForever; }
  static constexpr std::uint64_t kForever = UINT64_MAX / 2;

  // ppoll(2) until `until_ns`, or not at all if waiting is over. As ppoll: -1 with errno EINTR after a signal.
  int poll(std::span<pollfd> descriptors, std::uint64_t until_ns);

  // Waits until `events` are there on `fd`; false, and `cut`, if waiting is over before.
  bool wait(int fd, short events);

 private:
  std::uint64_t deadline_ns_ = 0;
  bool hurried_ = false;
  bool cut_ = false;
  std::atomic<bool> interrupted_ = false;
  void set_timeout(timespec timeout) noexcept;

  // The timeout of a ppoll; `interrupt` sets it to 0, which makes waiting free of races. Any thread writes it, so its
  // members are only written as atomics.
  timespec timeout_ = {};
};

}  // namespace spry
