// Guests of a few instructions, from their first to their exit.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "process_guest.h"
#include "system/clock.h"

namespace spry {
namespace {

GUEST(hello,
      "mov $6, %eax\n mov $0, %edi\n mov $1, %esi\n out %eax, $0x7e\n mov %rax, %rdi\n mov $1, %eax\n"
      "out %eax, $0x7e\n ud2");
GUEST(loop, "1: mov $5, %eax\n out %eax, $0x7e\n jmp 1b");
GUEST(spin, "1: incq (%rdi)\n jmp 1b");
GUEST(registers,
      "mov $0x1111, %ebx\n mov $0x2222, %ecx\n mov $0x3333, %r11d\n mov $0x4444, %r15d\n mov $0x123456789, %rax\n"
      "stc\n out %eax, $0x7e\n jmp 1f\n 1: mov $0x5555, %ebp\n mov $0x987654321, %rax\n 2: out %eax, $0x7e\n jmp 2b");
GUEST(dx,
      "mov $0x7e, %edx\n mov $77, %eax\n out %eax, %dx\n mov $0x7e, %edx\n mov $78, %eax\n .byte 0x48\n out %eax, "
      "%dx\n mov $79, %eax\n .byte 0x48\n out %eax, $0x7e\n outw %ax, $0x7e");

TEST(ProcessRuns, HelloTakesItsAnswersAndExits) {
  ProcessGuest guest(CODE(hello));
  guest.begin();
  Exit exit = guest.run();
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  EXPECT_EQ(guest.registers().rax, 6u);
  EXPECT_EQ(guest.registers().rsi, 1u);
  EXPECT_EQ(guest.registers().rip, kSlide + kCode + 17);
  guest.vcpu->answer(-22);
  exit = guest.run();
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  EXPECT_EQ(guest.registers().rax, 1u);
  EXPECT_EQ(static_cast<std::int64_t>(guest.registers().rdi), -22);
  EXPECT_EQ(guest.vcpu->rewritten().size(), 2u);
  EXPECT_EQ(guest.vcpu->rewritten()[0], kCode + 15);
}

TEST(ProcessRuns, LaterHypercallsAreNotifications) {
  ProcessGuest guest(CODE(loop));
  guest.begin();
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    ASSERT_EQ(guest.registers().rax, 5u);
    guest.vcpu->answer(static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(guest.vcpu->rewritten().size(), 1u);
}

TEST(ProcessRuns, AllRegistersAreTold) {
  ProcessGuest guest(CODE(registers));
  guest.begin();
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  EXPECT_EQ(guest.registers().rbx, 0x1111u);
  EXPECT_EQ(guest.registers().rcx, 0x2222u);
  EXPECT_EQ(guest.registers().r11, 0x3333u);
  EXPECT_EQ(guest.registers().rax, 0x123456789u);
  EXPECT_EQ(guest.registers().rflags & 0xfff, 0x203u);
  guest.vcpu->answer(0);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
    const std::uint64_t behind = guest.registers().rip;
    auto complete = guest.vcpu->complete_registers();
    ASSERT_TRUE(complete) << complete.error().message;
    EXPECT_EQ(guest.registers().rbx, 0x1111u);
    EXPECT_EQ(guest.registers().r15, 0x4444u);
    EXPECT_EQ(guest.registers().rbp, 0x5555u);
    EXPECT_EQ(guest.registers().rsp, kStackTop + kSlide);
    EXPECT_EQ(guest.registers().rip, behind);
    if (round == 0) {
      EXPECT_EQ(guest.registers().rax, 0x987654321u);
    }
    guest.vcpu->answer(round);
  }
}

TEST(ProcessRuns, OtherFormsOfTheHypercallStayAsTheyAre) {
  ProcessGuest guest(CODE(dx));
  guest.begin();
  for (std::uint64_t number = 77; number <= 79; ++number) {
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    EXPECT_EQ(guest.registers().rax, number);
    guest.vcpu->answer(0);
  }
  const Exit exit = guest.run();
  EXPECT_EQ(exit.kind, Exit::Kind::kException) << exit;
  EXPECT_EQ(exit.vector, 13u);
  EXPECT_TRUE(guest.vcpu->rewritten().empty());
}

TEST(ProcessRuns, EndsAtItsDeadlineAndGoesOn) {
  ProcessGuest guest(CODE(spin));
  guest.begin();
  Waiting waiting;
  std::uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t start = host_monotonic_ns();
    waiting.begin(start + 20'000'000);
    ASSERT_TRUE(guest.vcpu->arm(waiting, 0));
    const Exit exit = guest.run();
    EXPECT_EQ(exit.kind, Exit::Kind::kInterrupted) << exit;
    EXPECT_GE(host_monotonic_ns() - start, 20'000'000u);
    EXPECT_LT(host_monotonic_ns() - start, 500'000'000u);
    waiting.end();
    guest.vcpu->disarm();
    EXPECT_GT(guest.word(kData), last);
    last = guest.word(kData);
    usleep(2000);
    EXPECT_EQ(guest.word(kData), last) << "it ran on";
  }
}

TEST(ProcessRuns, AnEndlessCallerIsInterruptedToo) {
  ProcessGuest guest(CODE(loop));
  guest.begin();
  // A first exit, so that the time that the process takes to start does not count.
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  guest.vcpu->answer(0);
  Waiting waiting;
  waiting.begin(host_monotonic_ns() + 200'000'000);
  ASSERT_TRUE(guest.vcpu->arm(waiting, 0));
  Exit exit;
  int calls = 0;
  do {
    exit = guest.run();
    guest.vcpu->answer(0);
    ++calls;
  } while (exit.kind == Exit::Kind::kHypercall);
  EXPECT_EQ(exit.kind, Exit::Kind::kInterrupted) << exit;
  EXPECT_GT(calls, 10);
  waiting.end();
  guest.vcpu->disarm();
  EXPECT_EQ(guest.run().kind, Exit::Kind::kHypercall);
}

TEST(ProcessRuns, ASignalThatMeansNothingLosesNothing) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  ProcessGuest guest(CODE(spin));
  guest.begin();
  const pid_t thread = static_cast<pid_t>(syscall(SYS_gettid));
  std::atomic<bool> done = false;
  std::thread other([thread, &done] {
    while (!done) {
      usleep(10000);
      syscall(SYS_tgkill, getpid(), thread, SIGUSR1);
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const Exit exit = guest.run();
    EXPECT_EQ(exit.kind, Exit::Kind::kInterrupted) << exit;
    EXPECT_GE(guest.word(kData), last);  // the next signal may have come before it could run
    last = guest.word(kData);
  }
  EXPECT_GT(last, 0u);
  done = true;
  other.join();
}

// What a guest may not do: the code, the vector, the error code, and where RIP is, relative to the code's start.
struct Fault {
  const char* name;
  std::span<const std::byte> code;
  unsigned vector;
  std::uint64_t error_code;
  std::uint64_t rip;
  std::uint64_t address = 0;
};
GUEST(f_ud2, "nop\n ud2");
GUEST(f_hlt, "hlt");
GUEST(f_in, "in $0x7e, %eax");
GUEST(f_out80, "out %eax, $0x80");
GUEST(f_outb, "outb %al, $0x7e");
GUEST(f_syscall, "mov $39, %eax\n syscall");
GUEST(f_x32, "mov $0x40000027, %eax\n syscall");
GUEST(f_sigreturn, "mov $15, %eax\n syscall");
GUEST(f_exit, "mov $231, %eax\n syscall");
GUEST(f_int80, "mov $20, %eax\n int $0x80");
GUEST(f_int20, "int $0x20");
GUEST(f_int3, "int3");
GUEST(f_int4, "int $4");
GUEST(f_div, "xor %ecx, %ecx\n div %ecx");
GUEST(f_null, "movl $1, 0");
GUEST(f_kernel, "mov $0xffffffff81000000, %rax\n mov (%rax), %rax");
GUEST(f_code, "lea -8(%rip), %rax\n movl $1, (%rax)");
GUEST(f_jump, "mov $0x550000102000, %rax\n jmp *%rax");
GUEST(f_vsyscall, "mov $0xffffffffff600000, %rax\n call *%rax");
GUEST(f_noncanonical, "mov $0x8000000000000000, %rax\n mov (%rax), %rax");
GUEST(f_stack, "mov $0x550000050000, %rsp\n push %rax");
GUEST(f_nt, "pushf\n orl $0x4000, (%rsp)\n popf\n ud2");
GUEST(f_ac, "pushf\n orl $0x40000, (%rsp)\n popf\n mov 1(%rsp), %rax");

TEST(ProcessRuns, FaultsAreExceptions) {
  const std::uint64_t code = kSlide + kCode;
  const std::vector<Fault> faults = {
      {"ud2", CODE(f_ud2), 6, 0, 1},
      {"hlt", CODE(f_hlt), 13, 0, 0},
      {"in", CODE(f_in), 13, 0, 0},
      {"out 0x80", CODE(f_out80), 13, 0, 0},
      {"outb", CODE(f_outb), 13, 0, 0},
      {"syscall", CODE(f_syscall), 6, 0, 5},
      {"x32", CODE(f_x32), 6, 0, 5},
      {"sigreturn", CODE(f_sigreturn), 6, 0, 5},
      {"exit_group", CODE(f_exit), 6, 0, 5},
      {"int 0x80", CODE(f_int80), 13, 0x402, 5},
      {"int 0x20", CODE(f_int20), 13, 0x102, 0},
      {"int3", CODE(f_int3), 3, 0, 1},
      {"int 4", CODE(f_int4), 4, 0, 2},
      {"div", CODE(f_div), 0, 0, 2},
      {"null", CODE(f_null), 14, 6, 0, 0},
      {"kernel", CODE(f_kernel), 14, 4, 7, 0xffffffff81000000},
      {"write to code", CODE(f_code), 14, 7, 7, code - 1},
      {"jump to data", CODE(f_jump), 14, 0x14, 0x2000, 0x550000102000},
      {"vsyscall", CODE(f_vsyscall), 14, 0x14, 0xffffffffff600000 - code, 0xffffffffff600000},
      {"noncanonical", CODE(f_noncanonical), 13, 0, 10},
      {"stack", CODE(f_stack), 14, 6, 10, 0x550000050000 - 8},
      {"NT", CODE(f_nt), 6, 0, 9},
      {"AC", CODE(f_ac), 17, 0, 9},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    ProcessGuest guest(fault.code);
    guest.state.registers.rbx = 0xb0b;
    guest.begin();
    const Exit exit = guest.run();
    EXPECT_EQ(exit.kind, Exit::Kind::kException) << exit;
    EXPECT_EQ(exit.vector, fault.vector);
    EXPECT_EQ(exit.error_code & ~std::uint64_t{1}, fault.error_code & ~std::uint64_t{1});
    EXPECT_EQ(exit.address, fault.address);
    EXPECT_EQ(guest.registers().rip, code + fault.rip) << std::hex << guest.registers().rip;
    EXPECT_EQ(guest.registers().rbx, 0xb0bu);
    // The guest goes on and does the same again, so nothing was lost.
    if (fault.vector == 6) {
      const Exit again = guest.run();
      EXPECT_EQ(again.kind, Exit::Kind::kException) << again;
      EXPECT_EQ(again.vector, fault.vector);
    }
  }
}

}  // namespace
}  // namespace spry
