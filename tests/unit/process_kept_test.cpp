// Machines that run many actions: each begins as the first did, whatever the one before left.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "process_guest.h"
#include "system/clock.h"

namespace spry {
namespace {

GUEST(k_count, "mov (%rdi), %rsi\n incq (%rdi)\n mov $1, %eax\n out %eax, $0x7e\n ud2");
GUEST(k_spin, "1: incq (%rdi)\n jmp 1b");
GUEST(k_compute, "mov $200000000, %rcx\n 1: dec %rcx\n jnz 1b\n mov $1, %eax\n out %eax, $0x7e\n ud2");
// The first action spoils everything: flags, selectors, vectors, x87, MXCSR and the gate stack.
GUEST(
    k_spoil,
    "cmpq $0, %rsi\n jne 1f\n"
    "mov $0x2b, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n"
    "pcmpeqd %xmm0, %xmm0\n pcmpeqd %xmm15, %xmm15\n fld1\n movl $0x9fc0, -8(%rsp)\n ldmxcsr -8(%rsp)\n"
    "movabs $0x700000110000, %rbx\n mov $2048, %ecx\n mov %rbx, %rdi\n mov $-1, %rax\n rep stosq\n"
    "mov $-1, %rbp\n mov $-1, %r8\n mov $-1, %r12\n"
    "pushf\n orl $0x244cd5, (%rsp)\n popf\n"
    "mov $1, %eax\n out %eax, $0x7e\n"
    // The next action reports what it finds.
    "1: pushf\n pop %r14\n lea 64(%rdi), %rdi\n fxsave64 (%rdi)\n"
    "mov %ds, %ecx\n mov %es, %edx\n add %rdx, %rcx\n mov %fs, %edx\n add %rdx, %rcx\n mov %gs, %edx\n add %rdx, %rcx\n"
    "mov %rcx, %r13\n movabs $0x700000110000, %rbx\n mov $2048, %ecx\n xor %r15d, %r15d\n"
    "2: or (%rbx), %r15\n add $8, %rbx\n dec %ecx\n jnz 2b\n"
    "mov %fs:0, %rbx\n mov $1, %eax\n out %eax, $0x7e\n ud2");
GUEST(k_edge, "1: mov $1, %eax\n out %eax, $0x7e\n movabs $0x700000110100, %rsp\n jmp 1b");
GUEST(write_pages,
      "mov $1, %eax\n out %eax, $0x7e\n movb $1, 0x5000(%rdi)\n movabs $0x550000200000, %rbx\n"
      "movb $1, 0x333000(%rbx)\n mov $1, %eax\n out %eax, $0x7e\n ud2");
GUEST(k_fault, "ud2");

GUEST(save_vectors,
      "pcmpeqd %xmm3, %xmm3\n fldpi\n mov $0x2b, %eax\n mov %eax, %es\n mov $3, %eax\n out %eax, $0x7e\n"
      "movdqa %xmm3, %xmm4\n fxsave64 64(%rdi)\n mov %es, %ebx\n mov $1, %eax\n out %eax, $0x7e\n ud2");

TEST(ProcessActions, FollowOneAnother) {
  ProcessGuest guest(CODE(k_count), true);
  for (std::uint64_t i = 0; i < 50; ++i) {
    guest.begin();
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    ASSERT_EQ(guest.registers().rsi, i);
  }
}

TEST(ProcessActions, FollowFaultsAndDeadlines) {
  for (const auto code : {CODE(k_fault), CODE(k_spin)}) {
    ProcessGuest guest(code, true);
    Waiting waiting;
    for (int i = 0; i < 5; ++i) {
      guest.begin();
      waiting.begin(host_monotonic_ns() + 3'000'000);
      ASSERT_TRUE(guest.vcpu->arm(waiting, 0));
      const Exit exit = guest.run();
      EXPECT_NE(exit.kind, Exit::Kind::kHypercall) << exit;
      EXPECT_NE(exit.kind, Exit::Kind::kFailed) << exit;
      EXPECT_NE(exit.kind, Exit::Kind::kDead) << exit;
      waiting.end();
      guest.vcpu->disarm();
    }
  }
}

TEST(ProcessActions, BeginWithNothingOfTheLast) {
  ProcessGuest guest(CODE(k_spoil), true);
  guest.begin();
  Exit exit = guest.run();
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  guest.state.registers.rsi = 1;
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t self = kData + kSlide;
    std::memcpy(guest.memory.bytes({kData, kData + 8}).data(), &self, sizeof self);
    guest.begin();
    exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    ASSERT_TRUE(guest.vcpu->complete_registers());
    const Registers& seen = guest.registers();
    EXPECT_EQ(seen.r14 & 0x3fcfff, 0x202u) << std::hex << seen.r14;
    EXPECT_EQ(seen.r13, 0u) << "selectors";
    EXPECT_EQ(seen.r15, 0u) << "gate stack";
    EXPECT_EQ(seen.rbx, self) << "FS base";
    EXPECT_EQ(seen.rbp | seen.r8 | seen.r12, 0u);
    EXPECT_EQ(guest.word(kData + 64) & 0xffffff, 0x037fu);
    EXPECT_EQ(guest.word(kData + 64 + 24) & 0xffffffff, 0x1f80u);
    std::uint64_t rest = 0;
    for (std::uint64_t at = 32; at < 416; at += 8) rest |= guest.word(kData + 64 + at);
    EXPECT_EQ(rest, 0u) << "x87 and XMM";
  }
}

TEST(ProcessActions, AProcessThatCannotBeginIsReplaced) {
  ProcessGuest guest(CODE(k_edge), true);
  for (int i = 0; i < 3; ++i) {
    guest.begin();
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    guest.vcpu->answer(0);
    // Now the guest's RSP leaves no room on the gate stack for a signal.
    ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  }
}

TEST(ProcessActions, ALongFirstStretchIsNotTakenForAFailure) {
  ProcessGuest guest(CODE(k_compute), true);
  for (int i = 0; i < 2; ++i) {
    guest.begin();
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  }
}

TEST(ProcessActions, VectorsAndBasesAreSavedAndBegunWith) {
  ProcessGuest guest(CODE(save_vectors), true);
  guest.begin();
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  auto saved = guest.vcpu->save();
  ASSERT_TRUE(saved) << saved.error().message;
  ASSERT_NE(saved->vectors, nullptr);
  EXPECT_EQ(saved->es.selector, 0x2b);
  EXPECT_EQ(saved->ds.selector, 0);
  EXPECT_EQ(saved->fs.base, kData + kSlide);
  guest.vcpu->answer(0);
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  const std::uint64_t st0 = guest.word(kData + 64 + 32);
  EXPECT_NE(st0, 0u);
  guest.state = *saved;
  ASSERT_TRUE(guest.vcpu->rebase(Contents(), guest.state));
  for (int i = 0; i < 3; ++i) {
    auto all = guest.memory.bytes({kData + 64, kData + 64 + 512});
    std::fill(all.begin(), all.end(), std::byte{0});
    guest.begin();
    const Exit exit = guest.run();
    ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
    ASSERT_TRUE(guest.vcpu->complete_registers());
    EXPECT_EQ(guest.registers().rbx, 0x2bu);
    EXPECT_EQ(guest.word(kData + 64 + 32), st0);
    EXPECT_EQ(guest.word(kData + 64 + 160 + 3 * 16), ~std::uint64_t{0});
    EXPECT_EQ(guest.word(kData + 64 + 160 + 4 * 16), ~std::uint64_t{0});
  }
  // The same again, where the last exit was a notification and not a signal frame.
  auto again = guest.vcpu->save();
  ASSERT_TRUE(again) << again.error().message;
}

TEST(ProcessActions, TellWhatTheyWrote) {
  ProcessGuest guest(CODE(write_pages), true);
  auto written = [&] {
    auto fetched = guest.vcpu->write_log()->fetch();
    EXPECT_TRUE(fetched) << (fetched ? "" : fetched.error().message);
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = 0; page < fetched->size() * 64; ++page) {
      if (((*fetched)[page / 64] >> page % 64 & 1) != 0) pages.push_back(page * 4096);
    }
    return pages;
  };
  guest.begin();
  for (int round = 0; round < 4; ++round) {
    ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
    EXPECT_TRUE(round == 0 || written().empty());
    guest.vcpu->answer(0);
    ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
    const auto pages = written();
    EXPECT_NE(std::find(pages.begin(), pages.end(), 0x107000u), pages.end());
    EXPECT_NE(std::find(pages.begin(), pages.end(), 0x533000u), pages.end());
    for (const std::uint64_t page : pages) EXPECT_GE(page, kData);
    EXPECT_TRUE(round == 0 || pages.size() == 2) << pages.size();
    std::vector<std::uint64_t> all(8192, ~std::uint64_t{0});
    ASSERT_TRUE(guest.vcpu->write_log()->forget(all));
    EXPECT_TRUE(written().empty());
    guest.begin();
  }
  // A page that is not chosen stays in the log.
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  guest.vcpu->answer(0);
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  std::vector<std::uint64_t> chosen(64);
  chosen[0x107 / 64] = std::uint64_t{1} << 0x107 % 64;
  ASSERT_TRUE(guest.vcpu->write_log()->forget(chosen));
  EXPECT_EQ(written(), std::vector<std::uint64_t>{0x533000});
}

TEST(ProcessActions, AShellTakesOneMachineAfterAnother) {
  ProcessGuest guest(CODE(k_count), true);
  guest.begin();
  ASSERT_EQ(guest.run().kind, Exit::Kind::kHypercall);
  auto emptied = guest.vcpu->empty();
  ASSERT_TRUE(emptied) << emptied.error().message;
  EXPECT_TRUE(guest.vcpu->rewritten().empty());
  auto memory = guest.vcpu->make_memory(kSize, false);
  ASSERT_TRUE(memory);
  memory->set_regions(guest.regions, kSlide);
  std::copy(k_count_start, k_count_end, memory->bytes({kCode, kData}).begin());
  ASSERT_TRUE(guest.vcpu->furnish(*memory, guest.furnishing(guest.regions)));
  guest.begin();
  const Exit exit = guest.run();
  ASSERT_EQ(exit.kind, Exit::Kind::kHypercall) << exit;
  EXPECT_EQ(guest.registers().rsi, 0u);
  EXPECT_EQ(guest.vcpu->write_log(), nullptr);
  guest.vcpu.reset();
}

}  // namespace
}  // namespace spry
