#include "kvm/host_selectors.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

namespace spry {
namespace {

std::uint16_t or_of_selectors() {
  std::uint16_t ds, es, fs, gs;
  __asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%fs, %2\n\tmov %%gs, %3"
                   : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
  return static_cast<std::uint16_t>(ds | es | fs | gs);
}

// arch_prctl(2) by hand: between the loads of FS and of its base nothing may use thread-local storage, for example
// errno.
inline long arch_prctl_now(int code, std::uint64_t argument) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(static_cast<long>(SYS_arch_prctl)), "D"(static_cast<long>(code)), "S"(argument)
                   : "rcx", "r11", "memory");
  return result;
}

}  // namespace

void load_null_selectors() {
  if (or_of_selectors() == 0) return;
  // A signal's handler that ran between the loads would have no thread-local storage.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::uint64_t fs_base = 0;
  std::uint64_t gs_base = 0;
  arch_prctl_now(ARCH_GET_FS, reinterpret_cast<std::uintptr_t>(&fs_base));
  arch_prctl_now(ARCH_GET_GS, reinterpret_cast<std::uintptr_t>(&gs_base));
  __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\tmov %0, %%gs" : : "r"(0) : "memory");
  arch_prctl_now(ARCH_SET_FS, fs_base);
  arch_prctl_now(ARCH_SET_GS, gs_base);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace spry
