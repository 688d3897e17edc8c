#include "process/guest_process.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "process/linux_api.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::size_t kReplyDescriptors = 3;

// Error for what the stub could not do.
tl::unexpected<Error> refused(const spry_reply& reply) {
  const char* error = std::strerror(reply.error);
  auto because = [&](std::string words) { return fail(ErrorCode::kMonitor, std::move(words)); };
  switch (reply.step) {
    case SPRY_STEP_MAP:
      if (reply.error == EPERM) {
        return because(fmt::format("the kernel lets no process map memory at {:#x} (see the sysctl vm.mmap_min_addr)",
                                   reply.where));
      }
      return because(fmt::format("cannot map the guest's memory at {:#x}: {}", reply.where, error));
    case SPRY_STEP_FILTER:
      if (reply.error == EBUSY) {
        return because(
            "cannot take system calls away from the guest: this process itself runs under a seccomp listener, "
            "of which there can be only one (a container engine's; run without it)");
      }
      return because(fmt::format("cannot take system calls away from the guest (seccomp): {}", error));
    case SPRY_STEP_LIFELINE:
      return because(fmt::format("cannot tie the guest's process to this one: {}", error));
    case SPRY_STEP_FAULTS:
      return because(fmt::format("cannot bring the guest's memory when it is touched (userfaultfd): {}", error));
    case SPRY_STEP_SIGNALS:
      return because(fmt::format("cannot set the guest's signal handlers: {}", error));
    case SPRY_STEP_LIMITS:
      return because(fmt::format("cannot limit the guest's process: {}", error));
    default:
      return because(fmt::format("cannot set up the guest's process (step {}): {}", reply.step, error));
  }
}

tl::unexpected<Error> not_told(const char* what, int error) {
  return fail(ErrorCode::kMonitor, fmt::format("cannot {} the guest's process: {}", what, std::strerror(error)));
}

}  // namespace

GuestProcess& GuestProcess::operator=(GuestProcess&& other) noexcept {
  std::swap(stub_, other.stub_);
  std::swap(listener_, other.listener_);
  std::swap(faults_, other.faults_);
  std::swap(tells_faults_, other.tells_faults_);
  std::swap(pagemap_, other.pagemap_);
  std::swap(gate_, other.gate_);
  std::swap(log_error_, other.log_error_);
  std::swap(wakes_in_place_, other.wakes_in_place_);
  return *this;
}

Result<void> GuestProcess::start(const spry_plan& plan, std::span<const int> descriptors) {
  const std::size_t size = offsetof(spry_plan, mappings) + plan.count * sizeof(spry_mapping);
  iovec vector = {const_cast<spry_plan*>(&plan), size};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(SPRY_PLAN_DESCRIPTORS * sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  if (syscall(SYS_sendmsg, stub_.channel.get(), &message, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) {
    return not_told("send a plan to", errno);
  }

  spry_reply reply = {};
  vector = {&reply, sizeof reply};
  message.msg_controllen = CMSG_SPACE(kReplyDescriptors * sizeof(int));
  ssize_t got;
  do {
    got = syscall(SYS_recvmsg, stub_.channel.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof reply)) {
    if (got < 0) return not_told("hear from", errno);
    const int signal = reap();
    return fail(ErrorCode::kMonitor,
                signal != 0 ? fmt::format("the guest's process was killed by signal {} before it began", signal)
                            : "the guest's process ended before it began");
  }
  std::array<int, kReplyDescriptors> received = {-1, -1, -1};
  header = message.msg_controllen >= sizeof *header ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    std::memcpy(received.data(), CMSG_DATA(header), std::min(header->cmsg_len - CMSG_LEN(0), sizeof received));
  }
  listener_ = Descriptor(received[0]);
  faults_ = Descriptor(received[1]);
  tells_faults_ = (plan.flags & SPRY_PLAN_FAULTS) != 0;
  pagemap_ = Descriptor(received[2]);
  if (reply.step != SPRY_STEP_DONE) return refused(reply);
  if (!listener_) return fail(ErrorCode::kMonitor, "the guest's process began without a seccomp listener");
  gate_ = reply.gate;
  log_error_ = reply.log_error;
  stub_.channel = Descriptor();
  // The guest goes on where the monitor answers it, instead of on another processor; only slower without.
  wakes_in_place_ = ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0;
  return {};
}

GuestProcess::Event GuestProcess::wait(Waiting& waiting, std::uint64_t until_ns, seccomp_notif& notification) {
  for (;;) {
    std::array<pollfd, 3> descriptors = {
        {{listener_.get(), POLLIN, 0}, {stub_.process.get(), POLLIN, 0}, {faults_.get(), POLLIN, 0}}};
    const int ready = waiting.poll(std::span(descriptors).first(tells_faults_ ? 3 : 2), until_ns);
    if (ready == 0) return Event::kTimeout;
    if (ready < 0) return errno == EINTR ? Event::kSignal : Event::kFailed;
    if (descriptors[1].revents != 0) return Event::kDead;
    if (descriptors[2].revents != 0) return Event::kFault;
    if ((descriptors[0].revents & POLLIN) == 0) return Event::kDead;  // POLLHUP: nobody has the filter any more
    notification = {};
    if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) return Event::kNotification;
    // ENOENT: it was interrupted, or is gone.
    if (errno != ENOENT && errno != EINTR) return Event::kFailed;
  }
}

std::uint64_t GuestProcess::take_fault() {
  uffd_msg message = {};
  if (read(faults_.get(), &message, sizeof message) != static_cast<ssize_t>(sizeof message)) return 0;
  return message.event == UFFD_EVENT_PAGEFAULT ? message.arg.pagefault.address : 0;
}

void GuestProcess::bring(std::uint64_t address, std::uint64_t size) {
  uffdio_range range = {address, size};
  ioctl(faults_.get(), UFFDIO_WAKE, &range);
}

bool GuestProcess::answer(std::uint64_t id, std::int64_t value) {
  seccomp_notif_resp response = {id, value, 0, 0};
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool GuestProcess::waits(std::uint64_t id) const {
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool GuestProcess::signal(int number) {
  return syscall(SYS_pidfd_send_signal, stub_.process.get(), number, nullptr, 0) == 0;
}

int GuestProcess::reap() {
  siginfo_t information = {};
  int result;
  do {
    result = waitid(P_PIDFD, static_cast<id_t>(stub_.process.get()), &information, WEXITED | __WALL);
  } while (result != 0 && errno == EINTR);
  // ECHILD: the launcher has waited for all of its children, or ignores them.
  const bool killed = result == 0 && (information.si_code == CLD_KILLED || information.si_code == CLD_DUMPED);
  stub_.process = Descriptor();
  return killed ? information.si_status : 0;
}

void GuestProcess::end() {
  if (!stub_.process) return;
  signal(SIGKILL);
  reap();
}

}  // namespace spry
