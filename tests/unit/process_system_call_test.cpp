// System calls that a guest in a process serves itself.
#include <cstring>
#include <fstream>
#include <string>

#include "process/cpu_features.h"
#include "process/plan.h"
#include "process_guest.h"
#include "spry/abi.h"
#include "system/clock.h"

namespace spry {
namespace {

// Many calls, with numbers that Linux has not; R13 is what RCX and R15 what R11 is to be at the entry. Exits with 0.
GUEST(t_calls,
      "mov $99, %eax\n"
      "out %eax, $0x7e\n"
      "mov %rsp, %r15\n"
      "lea 2f(%rip), %r13\n"
      "mov $300000, %r14d\n"
      "1: lea 0x1000(%r14), %rax\n"
      "syscall\n"
      "2: cmp %r15, %rsp\n"
      "jne 3f\n"
      "dec %r14\n"
      "jnz 1b\n"
      "xor %edi, %edi\n"
      "3: mov $1, %eax\n"
      "out %eax, $0x7e\n");
// Exits with another number if they are not.
GUEST(t_entry,
      "mov $2, %edi\n"
      "cmp %r13, %rcx\n"
      "jne 1f\n"
      "mov $3, %edi\n"
      "cmp %r15, %r11\n"
      "jne 1f\n"
      "mov $4, %edi\n"
      "sub $0x1000, %rax\n"
      "cmp %r14, %rax\n"
      "jne 1f\n"
      "mov %r11, %rsp\n"
      "jmp *%rcx\n"
      "1: mov $1, %eax\n"
      "out %eax, $0x7e\n");

// Runs until the deadline in `nanoseconds`.
Exit run_for(ProcessGuest& guest, std::uint64_t nanoseconds) {
  Waiting waiting;
  waiting.begin(host_monotonic_ns() + nanoseconds);
  EXPECT_TRUE(guest.vcpu->arm(waiting, 0));
  Exit exit = guest.run();
  guest.vcpu->disarm();
  return exit;
}

// Whatever of a call the monitor's signal finds, the guest goes on from there.
TEST(ProcessSystemCalls, KeepTheirRegistersWhereverTheyAreInterrupted) {
  ProcessGuest guest(CODE(t_calls), true, 0, CODE(t_entry));
  guest.begin();
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  Exit exit;
  std::uint64_t interruptions = 0;
  do {
    exit = run_for(guest, interruptions % 200 * 1000);
    ++interruptions;
  } while (exit.kind == Exit::Kind::kInterrupted);
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  EXPECT_EQ(guest.registers().rdi, 0u);
  EXPECT_GT(interruptions, 10u);
}

// Or the next action begins.
TEST(ProcessSystemCalls, LeaveTheNextActionAloneWhereverTheyAreInterrupted) {
  ProcessGuest guest(CODE(t_calls), true, 0, CODE(t_entry));
  for (std::uint64_t action = 0; action < 500; ++action) {
    guest.begin();
    ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
    EXPECT_EQ(guest.registers().rax, 99u);
    const Exit exit = run_for(guest, action % 100 * 1000);
    ASSERT_TRUE(exit.kind == Exit::Kind::kInterrupted ||
                (exit.kind == Exit::Kind::kHypercall && guest.registers().rdi == 0))
        << exit << ", RDI " << guest.registers().rdi;
  }
  guest.begin();
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  const Exit exit = guest.run();
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  EXPECT_EQ(guest.registers().rdi, 0u);
}

// Vectors of all widths are as they were behind a call.
GUEST(t_wide,
      "mov $0x123456789, %rax\n"
      "vpbroadcastq %rax, %zmm31\n"
      "vpbroadcastq %rax, %zmm2\n"
      "vmovdqa64 %zmm2, %zmm3\n"
      "vpsllq $3, %zmm31, %zmm30\n"
      "kmovq %rax, %k3\n"
      "mov %rsp, %r15\n"
      "lea 2f(%rip), %r13\n"
      "mov $1000, %r14d\n"
      "1: lea 0x1000(%r14), %rax\n"
      "syscall\n"
      "2: mov $5, %edi\n"
      "vpcmpeqq %zmm31, %zmm2, %k1\n"
      "kortestb %k1, %k1\n"
      "jnc 3f\n"
      "vpsrlq $3, %zmm30, %zmm4\n"
      "vpcmpeqq %zmm4, %zmm3, %k1\n"
      "kortestb %k1, %k1\n"
      "jnc 3f\n"
      "kmovq %k3, %rax\n"
      "vmovq %xmm2, %rdx\n"
      "cmp %rax, %rdx\n"
      "jne 3f\n"
      "dec %r14\n"
      "jnz 1b\n"
      "xor %edi, %edi\n"
      "3: mov $1, %eax\n"
      "out %eax, $0x7e\n");

TEST(ProcessSystemCalls, KeepWideVectors) {
  if (const char* missing = missing_cpu_feature(SPRY_FEATURE_AVX512)) GTEST_SKIP() << missing;
  ProcessGuest guest(CODE(t_wide), false, SPRY_FEATURE_AVX512, CODE(t_entry));
  guest.begin();
  const Exit exit = guest.run();
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  EXPECT_EQ(guest.registers().rdi, 0u);
}

// Calls seccomp(2) with the plan's filter by the stub's own instruction, `syscall` with `ret` behind it, three times,
// and exits with what it got last.
GUEST(t_filters,
      "movabs $0x700000000000, %rbx\n"
      "1: inc %rbx\n"
      "cmpw $0x050f, (%rbx)\n"
      "jne 1b\n"
      "cmpb $0xc3, 2(%rbx)\n"
      "jne 1b\n"
      "mov %rdi, %rbp\n"
      "mov $3, %r12d\n"
      "2: mov $317, %eax\n"
      "mov $1, %edi\n"
      "xor %esi, %esi\n"
      "mov (%rbp), %rdx\n"
      "call *%rbx\n"
      "dec %r12\n"
      "jnz 2b\n"
      "mov %rax, %rdi\n"
      "mov $1, %eax\n"
      "out %eax, $0x7e\n");

// The filters of the only child of this thread; 0 where the kernel does not tell (Linux 5.12).
unsigned filters() {
  std::ifstream children("/proc/thread-self/children");
  std::string process;
  children >> process;
  std::ifstream status("/proc/" + process + "/status");
  for (std::string word; status >> word;) {
    unsigned count = 0;
    if (word == "Seccomp_filters:" && status >> count) return count;
  }
  return 0;
}

// One filter more would make every later call, also of the next action, slower.
TEST(ProcessSystemCalls, GainNoFilters) {
  for (const bool served : {false, true}) {
    SCOPED_TRACE(served);
    ProcessGuest guest(CODE(t_filters), true, 0, served ? CODE(t_entry) : std::span<const std::byte>());
    const std::uint64_t planned = SPRY_PLAN + offsetof(spry_plan, system_calls);
    std::memcpy(guest.memory.bytes({kData, kData + 8}).data(), &planned, sizeof planned);
    unsigned before = 0;
    for (int action = 0; action < 3; ++action) {
      guest.begin();
      const Exit exit = guest.run();
      ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
      const auto result = static_cast<std::int64_t>(guest.registers().rdi);
      EXPECT_TRUE(result < 0 && result > -4096) << result;
      const unsigned now = filters();
      EXPECT_TRUE(action == 0 || now == before) << now;
      before = now;
    }
  }
}

}  // namespace
}  // namespace spry
