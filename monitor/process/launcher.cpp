#include "process/launcher.h"

#include <elf.h>
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
#include "system/memory_file.h"
#include "text/format.h"

extern "C" {
extern const std::byte spry_stub_image[];
extern const std::byte spry_stub_image_end[];
}

namespace spry {
namespace {

constexpr std::size_t kKernelSigsetSize = 8;

tl::unexpected<Error> cannot(const char* what, int error) {
  return fail(code_for(error), fmt::format("cannot {}: {}", what, std::strerror(error)));
}

std::span<const std::byte> stub_image() { return {spry_stub_image, spry_stub_image_end}; }

// Since Linux 6.3 there is MFD_EXEC, and without it the kernel logs a warning.
Descriptor make_memfd() {
  Descriptor file = make_memory_file("spry-guest", MFD_ALLOW_SEALING | MFD_EXEC, stub_image().size());
  if (file || errno != EINVAL) return file;
  return make_memory_file("spry-guest", MFD_ALLOW_SEALING, stub_image().size());
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

// A system call that leaves errno alone, because errno is the parent's. Returns the result or a negated error number.
[[gnu::always_inline]] inline long call(long number, long first, long second, long third, long fourth = 0,
                                        long fifth = 0) {
  register long r10 __asm__("r10") = fourth;
  register long r8 __asm__("r8") = fifth;
  long result = number;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
}

// Runs in the child. The child has a copy of the parent's descriptors, but shares the parent's memory, thread-local
// variables included, while the parent goes on. So it does nothing but system calls, and has every signal blocked.
[[gnu::no_sanitize_address]] [[gnu::no_sanitize_thread]] int child(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  static_assert(SPRY_FD_LIFELINE == 0 && SPRY_FD_CHANNEL == 1 && SPRY_FD_PROGRAM == 2 && SPRY_FD_CONTROL == 3);
  constexpr int kCount = 4;
  const int from[kCount] = {launch.lifeline, launch.channel, launch.file, launch.control};
  long high[kCount];
  long error = 0;
  // First copies all out of the way of the low numbers.
  for (int i = 0; i < kCount; ++i) {
    high[i] = call(SYS_fcntl, from[i], F_DUPFD, kCount);
    if (high[i] < 0) error = high[i];
  }
  for (int i = 0; i < kCount && error == 0; ++i) {
    const long result = call(SYS_dup3, high[i], i, i == SPRY_FD_PROGRAM ? O_CLOEXEC : 0);
    if (result < 0) error = result;
  }
  if (error == 0) error = call(SYS_close_range, kCount, ~0U, 0);
  if (error == 0) {
    char name[] = "spry-guest";
    char* const arguments[] = {name, nullptr};
    char* const environment[] = {nullptr};
    error = call(SYS_execveat, SPRY_FD_PROGRAM, reinterpret_cast<long>(""), reinterpret_cast<long>(arguments),
                 reinterpret_cast<long>(environment), AT_EMPTY_PATH);
  }
  launch.error = static_cast<int>(-error);
  call(SYS_exit_group, 1, 0, 0);
  return 1;
}

// clone(2) by hand, because a sanitizer takes the C library's for a fork. The child calls function(argument) on
// `stack`. Returns the child's process number or a negated error number.
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

std::uint64_t stub_entry() {
  Elf64_Ehdr header;
  std::memcpy(&header, stub_image().data(), sizeof header);
  return header.e_entry;
}

Result<Descriptor> make_stub_file() {
  Descriptor file = make_memfd();
  if (file) {
    if (!write_all(file.get(), stub_image()) ||
        fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
      return cannot("fill the memfd that guests' processes are started from", errno);
    }
    return file;
  }
  if (errno == EFBIG) {
    return fail(code_for(errno),
                fmt::format("cannot make the memfd that guests' processes are started from: {}", file_error(errno)));
  }
  const int forbidden = errno;
  Descriptor temporary(make_temporary());
  if (temporary) return temporary;
  return fail(
      code_for(errno, ErrorCode::kUnavailable),
      fmt::format("cannot make the file that guests' processes are started from: an executable memfd is refused "
                  "({}; see the sysctl vm.memfd_noexec), and so is a temporary file ({})",
                  std::strerror(forbidden), std::strerror(errno)));
}

Result<LaunchedStub> launch_stub(int file, int control, std::span<std::byte> stack) {
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

  stub.launch = std::make_unique<Launch>(Launch{lifeline.get(), channel.get(), file, control, 0});
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  int process = -1;
  // No handler of the launcher's may run in the child.
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, kKernelSigsetSize);
  const long child_id =
      clone_now(CLONE_VM | CLONE_PIDFD | SIGCHLD, stack.data() + stack.size(), &process, child, stub.launch.get());
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, kKernelSigsetSize);
  if (child_id < 0) return cannot("start a guest's process", static_cast<int>(-child_id));
  stub.process = Descriptor(process);
  return stub;
}

Error not_executed(const Launch& launch) {
  return {code_for(launch.error, ErrorCode::kUnavailable),
          fmt::format("cannot execute the program of guests' processes: {}{}", std::strerror(launch.error),
                      launch.error == EACCES || launch.error == EPERM
                          ? " (executing memfds or temporary files may be forbidden here)"
                          : "")};
}

}  // namespace spry
