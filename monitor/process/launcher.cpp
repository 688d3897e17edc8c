#include "process/launcher.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "process/linux_api.h"
#include "process/plan.h"
#include "system/io.h"
#include "text/format.h"

extern "C" {
extern const std::byte spry_stub_image[];
extern const std::byte spry_stub_image_end[];
}

namespace spry {
namespace {

constexpr std::size_t kKernelSigsetSize = 8;
constexpr std::size_t kChildStack = 16384;

tl::unexpected<Error> cannot(const char* what, int error) {
  return fail(ErrorCode::kMonitor, fmt::format("cannot {}: {}", what, std::strerror(error)));
}

std::span<const std::byte> stub_image() { return {spry_stub_image, spry_stub_image_end}; }

// MFD_EXEC is new in Linux 6.3, and there the kernel logs a warning without it.
int make_memfd() {
  const int file = memfd_create("spry-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  return file >= 0 || errno != EINVAL ? file : memfd_create("spry-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

// A file without a name that can be executed and that nobody has open for writing; -1 with errno.
int make_temporary() {
  const char* directory = std::getenv("TMPDIR");
  if (directory == nullptr) directory = "/tmp";
  Descriptor writable(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0700));
  if (!writable || !write_all(writable.get(), stub_image())) return -1;
  const auto path = fmt::format("/proc/self/fd/{}", writable.get());
  return open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

struct Launch {
  int file = -1;
  int lifeline = -1;
  int channel = -1;
  int error = 0;  // of the child
};

// In the child, which shares the parent's memory and has a copy of its descriptors; every signal is blocked. It calls
// nothing but system calls.
[[gnu::no_sanitize_address]] [[gnu::no_sanitize_thread]] int child(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  // First out of the way of the low numbers, whatever has them.
  const std::array<int, 3> from = {launch.lifeline, launch.channel, launch.file};
  std::array<long, 3> high = {};
  constexpr long kFirst = SPRY_FD_PROGRAM + 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    high[i] = syscall(SYS_fcntl, from[i], F_DUPFD, kFirst);
    if (high[i] < 0) launch.error = errno;
  }
  static_assert(SPRY_FD_LIFELINE == 0 && SPRY_FD_CHANNEL == 1 && SPRY_FD_PROGRAM == 2);
  for (std::size_t i = 0; i < from.size() && launch.error == 0; ++i) {
    if (syscall(SYS_dup3, high[i], static_cast<long>(i), i == SPRY_FD_PROGRAM ? O_CLOEXEC : 0) < 0) {
      launch.error = errno;
    }
  }
  if (launch.error == 0 && syscall(SYS_close_range, kFirst, ~0U, 0) != 0) launch.error = errno;
  if (launch.error == 0) {
    char name[] = "spry-guest";
    char* const arguments[] = {name, nullptr};
    char* const environment[] = {nullptr};
    syscall(SYS_execveat, SPRY_FD_PROGRAM, "", arguments, environment, AT_EMPTY_PATH);
    launch.error = errno;
  }
  syscall(SYS_exit_group, 1);
  return 1;
}

// clone(2) by hand, with a stack for the child, which calls function(argument): a sanitizer takes the C library's for a
// fork. The child's number, or a negated error number.
[[gnu::noinline]] long clone_now(long flags, std::byte* stack, int* process, int (*function)(void*), void* argument) {
  register long r10 __asm__("r10") = 0;
  register long r8 __asm__("r8") = 0;
  register auto r12 __asm__("r12") = function;
  register void* r13 __asm__("r13") = argument;
  long result = SYS_clone;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(flags), "S"(stack), "d"(process), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory");
  return result;
}

}  // namespace

Result<Descriptor> make_stub_file() {
  Descriptor file(make_memfd());
  if (file) {
    if (!write_all(file.get(), stub_image()) ||
        fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
      return cannot("fill the memfd that guests' processes are started from", errno);
    }
    return file;
  }
  const int forbidden = errno;
  Descriptor temporary(make_temporary());
  if (temporary) return temporary;
  return fail(
      ErrorCode::kMonitor,
      fmt::format("cannot make the file that guests' processes are started from: an executable memfd is refused "
                  "({}; see the sysctl vm.memfd_noexec), and so is a temporary file ({})",
                  std::strerror(forbidden), std::strerror(errno)));
}

Result<LaunchedStub> launch_stub(int file) {
  LaunchedStub stub;
  std::array<int, 2> pipe_ends = {};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return cannot("make a pipe for a guest's process", errno);
  Descriptor lifeline(pipe_ends[0]);
  stub.lifeline = Descriptor(pipe_ends[1]);
  std::array<int, 2> sockets = {};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return cannot("make a socket for a guest's process", errno);
  }
  stub.channel = Descriptor(sockets[0]);
  Descriptor channel(sockets[1]);

  Launch launch = {file, lifeline.get(), channel.get(), 0};
  alignas(16) std::array<std::byte, kChildStack> stack;  // the child has it only until it executes the stub
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  int process = -1;
  // No handler of the launcher's may run in the child.
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, kKernelSigsetSize);
  const long child_id =
      clone_now(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, stack.data() + stack.size(), &process, child, &launch);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, kKernelSigsetSize);
  if (child_id < 0) return cannot("start a guest's process", static_cast<int>(-child_id));
  stub.process = Descriptor(process);
  if (launch.error == 0) return stub;
  siginfo_t information = {};
  waitid(P_PIDFD, static_cast<id_t>(process), &information, WEXITED | __WALL);
  return fail(ErrorCode::kMonitor,
              fmt::format("cannot execute the program of guests' processes: {}{}", std::strerror(launch.error),
                          launch.error == EACCES || launch.error == EPERM
                              ? " (executing memfds or temporary files may be forbidden here)"
                              : ""));
}

}  // namespace spry
