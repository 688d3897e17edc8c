#include "system/own_stack.h"

#include <sys/mman.h>

namespace spry {
namespace {

// psABI 3.2: RSP is a multiple of 16 before a call. The called function keeps RBX, so RBX can hold the old RSP.
void switch_and_call(std::byte* top, void (*call)(void*), void* argument) {
  __asm__ volatile(
      "movq %%rsp, %%rbx\n\t"
      "movq %[top], %%rsp\n\t"
      "callq *%[call]\n\t"
      "movq %%rbx, %%rsp"
      : "+D"(argument)
      : [top] "r"(top), [call] "r"(call)
      : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
        "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}

}  // namespace

bool on_own_stack(std::size_t size, void (*call)(void*), void* argument) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const both = mmap(nullptr, 2 * size, PROT_NONE, kFlags, -1, 0);
  if (both == MAP_FAILED) return false;
  std::byte* const stack = static_cast<std::byte*>(both) + size;
  const bool there = mmap(stack, size, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, -1, 0) != MAP_FAILED;
  if (there) switch_and_call(stack + size, call, argument);
  munmap(both, 2 * size);
  return there;
}

}  // namespace spry
