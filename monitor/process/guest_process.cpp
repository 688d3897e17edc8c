#include "process/guest_process.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
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
Error refused(const spry_reply& reply) {
  const char* error = std::strerror(reply.error);
  auto because = [&](std::string words) {
    return Error{code_for(reply.error, ErrorCode::kUnavailable), std::move(words)};
  };
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
  return fail(code_for(error), fmt::format("cannot {} the guest's process: {}", what, std::strerror(error)));
}

// Sets what a userfaultfd is to tell. Returns 0 or errno.
int enable(int log, std::uint64_t features) {
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = features;
  return ioctl(log, UFFDIO_API, &api) == 0 ? 0 : errno;
}

constexpr std::uint64_t kLogWrites =
    UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;

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

Result<void> GuestProcess::send(std::span<const int> descriptors) {
  char byte = 0;
  iovec vector = {&byte, sizeof byte};
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
  // If the stub is gone, hear() finds out why.
  if (syscall(SYS_sendmsg, stub_.channel.get(), &message, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
    return not_told("send a plan to", errno);
  }
  return {};
}

Result<spry_reply> GuestProcess::hear() {
  spry_reply reply = {};
  iovec vector = {&reply, sizeof reply};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kReplyDescriptors * sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got;
  do {
    got = syscall(SYS_recvmsg, stub_.channel.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != ECONNRESET) return not_told("hear from", errno);
  if (got != static_cast<ssize_t>(sizeof reply)) {
    const ProcessEnd end = reap();
    if (stub_.launch->error != 0) return tl::unexpected(not_executed(*stub_.launch));
    if (auto words = end.cpu_limit()) return fail(ErrorCode::kResources, *std::move(words));
    if (auto words = end.from_outside()) return fail(ErrorCode::kMonitor, *std::move(words));
    return fail(ErrorCode::kMonitor,
                end.signal != 0 ? fmt::format("the guest's process was killed by signal {} before it began", end.signal)
                                : "the guest's process ended before it began");
  }
  std::array<int, kReplyDescriptors> received = {-1, -1, -1};
  const cmsghdr* header = message.msg_controllen >= sizeof *header ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    std::memcpy(received.data(), CMSG_DATA(header), std::min(header->cmsg_len - CMSG_LEN(0), sizeof received));
  }
  listener_ = Descriptor(received[0]);
  faults_ = Descriptor(received[1]);
  pagemap_ = Descriptor(received[2]);
  if (reply.step != SPRY_STEP_DONE) return tl::unexpected(refused(reply));
  if (!listener_) return fail(ErrorCode::kMonitor, "the guest's process began without a seccomp listener");
  return reply;
}

Result<void> GuestProcess::start(spry_plan& plan, std::span<const int> descriptors) {
  // A userfaultfd must be enabled before the stub registers memory with it, so a plan that needs one is sent after the
  // reply. Any other plan is sent at once.
  const bool tells = (plan.flags & (SPRY_PLAN_LOG_WRITES | SPRY_PLAN_FAULTS)) != 0;
  if (!tells) {
    if (auto sent = send(descriptors); !sent) return sent;
  }
  auto reply = hear();
  if (!reply) return tl::unexpected(std::move(reply.error()));
  if ((plan.flags & SPRY_PLAN_LOG_WRITES) != 0) {
    log_error_ = pagemap_ ? enable(faults_.get(), kLogWrites) : reply->missing;
    if (log_error_ != 0) {
      plan.flags &= ~SPRY_PLAN_LOG_WRITES;
      faults_ = Descriptor();
      pagemap_ = Descriptor();
    }
  }
  if ((plan.flags & SPRY_PLAN_FAULTS) != 0) {
    const int error = faults_ ? enable(faults_.get(), UFFD_FEATURE_MISSING_SHMEM) : reply->missing;
    if (error != 0) return tl::unexpected(refused({SPRY_STEP_FAULTS, error, 0, 0, 0, 0}));
    tells_faults_ = true;
  }
  if (tells) {
    if (auto sent = send(descriptors); !sent) return sent;
  } else {
    faults_ = Descriptor();
    pagemap_ = Descriptor();
  }
  stub_.launch.reset();
  gate_ = reply->gate;
  // The guest then goes on on the processor where the monitor answers it. Kernels that cannot do this are only slower.
  wakes_in_place_ = ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0;
  return {};
}

std::optional<Error> GuestProcess::refusal() {
  spry_reply reply = {};
  if (!stub_.channel || recv(stub_.channel.get(), &reply, sizeof reply, MSG_DONTWAIT) != sizeof reply) return {};
  return refused(reply);
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
    if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) {
      stub_.channel = Descriptor();  // the stub has carried out its plan, and needs it no more
      return Event::kNotification;
    }
    // ENOENT: the guest's wait was interrupted, or the guest is gone.
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

bool GuestProcess::signal(int number) {
  return syscall(SYS_pidfd_send_signal, stub_.process.get(), number, nullptr, 0) == 0;
}

ProcessEnd GuestProcess::reap() {
  siginfo_t information = {};
  struct rusage usage = {};
  long result;
  do {
    // This is the system call itself, because the C library's function has no argument for the usage.
    result = syscall(SYS_waitid, P_PIDFD, stub_.process.get(), &information, WEXITED | __WALL, &usage);
  } while (result != 0 && errno == EINTR);
  // ECHILD: the launcher has waited for all of its children, or ignores them.
  const bool killed = result == 0 && (information.si_code == CLD_KILLED || information.si_code == CLD_DUMPED);
  stub_.process = Descriptor();
  if (!killed) return {};
  constexpr std::uint64_t kMicroseconds = 1'000'000;
  const auto microseconds = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * kMicroseconds + static_cast<std::uint64_t>(time.tv_usec);
  };
  return {information.si_status, microseconds(usage.ru_utime) + microseconds(usage.ru_stime)};
}

// In a child that the launcher forked this only closes a descriptor: the guest's process is not that child's to end.
void GuestProcess::end() {
  if (!stub_.process) return;
  siginfo_t information = {};
  constexpr int kLook = WEXITED | WNOHANG | WNOWAIT | __WALL;
  const int result = waitid(P_PIDFD, static_cast<id_t>(stub_.process.get()), &information, kLook);
  if (result != 0 && errno == ECHILD) return;
  signal(SIGKILL);
  reap();
}

}  // namespace spry
