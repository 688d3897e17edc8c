// A deadline ends KVM_RUN, and leaves the thread as it found it.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "cpu/x86.h"
#include "kvm/deadline.h"
#include "kvm/kvm.h"
#include "kvm/page_tables.h"
#include "kvm/system_page.h"
#include "memory/guest_memory.h"
#include "system/clock.h"

namespace spry {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kMinute = 60'000 * kMillisecond;

bool blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

bool pending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

// Sleeps until `deadline` has passed and its timer has fired.
void outlive(const Deadline& deadline) {
  while (!deadline.passed()) usleep(100);
  usleep(5000);
}

// A machine that executes `jmp .` in ring 3 for ever.
class EndlessLoop {
 public:
  explicit EndlessLoop(Vm vm) : memory_(*GuestMemory::reserve(kSize)), vm_(std::move(vm)), vcpu_(*vm_.create_vcpu()) {
    using namespace x86;
    PageTables tables(memory_.bytes({kTables, kCode}), kTables);
    build_system_page(memory_.bytes({kSystem, kTables}), kSystem, kSystem);
    const bool mapped = tables.map({kSystem, kTables}, 0, 0) && tables.map({kCode, kSize}, 0, PTE_US);
    EXPECT_TRUE(mapped);
    memory_.bytes({kCode, kCode + 2})[0] = std::byte{0xeb};
    memory_.bytes({kCode, kCode + 2})[1] = std::byte{0xfe};
    EXPECT_TRUE(vm_.set_memory_slot(0, 0, kSize, memory_.bytes({0, kSize}).data(), false));

    kvm_segment flat = {};
    flat.limit = 0xffffffff;
    flat.present = flat.s = flat.g = 1;
    flat.dpl = 3;
    kvm_sregs special = {};
    special.cs = special.ss = flat;
    special.cs.selector = kUserCode;
    special.cs.type = 11;
    special.cs.l = 1;
    special.ss.selector = kUserData;
    special.ss.type = 3;
    special.ss.db = 1;
    special.ds.unusable = special.es.unusable = special.fs.unusable = special.gs.unusable = special.ldt.unusable = 1;
    special.tr.base = kSystem + kTssOffset;
    special.tr.limit = kTssLimit;
    special.tr.selector = kTaskState;
    special.tr.type = 11;
    special.tr.present = 1;
    special.gdt = {.base = kSystem + kGdtOffset, .limit = kGdtLimit, .padding = {}};
    special.idt = {.base = kSystem + kIdtOffset, .limit = kIdtLimit, .padding = {}};
    special.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    special.cr3 = tables.root();
    special.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    special.efer = EFER_LME | EFER_LMA | EFER_NXE;
    special.apic_base = APIC_BASE_RESET;
    kvm_regs registers = {};
    registers.rip = kCode;
    registers.rflags = RFLAGS_FIXED | RFLAGS_IF;
    vcpu_.set_registers(registers, special);
  }

  VcpuIoctls& vcpu() { return vcpu_; }

 private:
  static constexpr std::uint64_t kSystem = 0x1000;
  static constexpr std::uint64_t kTables = 0x2000;
  static constexpr std::uint64_t kCode = 0x10000;
  static constexpr std::uint64_t kSize = 0x11000;

  GuestMemory memory_;
  Vm vm_;
  VcpuIoctls vcpu_;
};

class DeadlineTest : public testing::Test {
 protected:
  void SetUp() override {
    for (auto* loop : {&outer_, &inner_}) {
      auto kvm = Kvm::open();
      if (!kvm) GTEST_SKIP() << kvm.error().message;
      auto vm = kvm->create_vm();
      if (!vm) GTEST_SKIP() << vm.error().message;
      *loop = std::make_unique<EndlessLoop>(std::move(*vm));
    }
  }

  std::optional<Deadline> arm(std::uint64_t in, int signal = SIGRTMIN) { return arm(*outer_, in, signal); }
  static std::optional<Deadline> arm(EndlessLoop& loop, std::uint64_t in, int signal = SIGRTMIN) {
    auto deadline = Deadline::arm(loop.vcpu(), signal, host_monotonic_ns() + in);
    EXPECT_TRUE(deadline) << deadline.error().message;
    return deadline ? std::optional<Deadline>(std::move(*deadline)) : std::nullopt;
  }

  std::unique_ptr<EndlessLoop> outer_;
  std::unique_ptr<EndlessLoop> inner_;
};

TEST_F(DeadlineTest, EndsAnEndlessLoop) {
  auto deadline = arm(20 * kMillisecond);
  ASSERT_TRUE(deadline);
  EXPECT_EQ(outer_->vcpu().run(), EINTR);
  EXPECT_TRUE(deadline->take_signals());
}

TEST_F(DeadlineTest, FiresAndEndsKvmRun) {
  const auto deadline = arm(kMillisecond);
  ASSERT_TRUE(deadline);
  EXPECT_TRUE(blocked(SIGRTMIN));
  outlive(*deadline);
  EXPECT_TRUE(pending(SIGRTMIN));
  EXPECT_EQ(outer_->vcpu().run(), EINTR);
  EXPECT_TRUE(pending(SIGRTMIN)) << "no handler took it";
}

TEST_F(DeadlineTest, InThePastFiresAtOnce) {
  auto past = Deadline::arm(outer_->vcpu(), SIGRTMIN, 1);
  ASSERT_TRUE(past);
  EXPECT_TRUE(past->passed());
  EXPECT_EQ(outer_->vcpu().run(), EINTR);
}

TEST_F(DeadlineTest, IsConsumedAndTheMaskRestored) {
  for (const std::uint64_t in : {kMillisecond, kMinute}) {
    {
      const auto deadline = arm(in);
      ASSERT_TRUE(deadline);
      if (in != kMinute) outlive(*deadline);
      EXPECT_EQ(deadline->passed(), in != kMinute);
      EXPECT_EQ(pending(SIGRTMIN), in != kMinute);
    }
    EXPECT_FALSE(blocked(SIGRTMIN));
    EXPECT_FALSE(pending(SIGRTMIN));
  }
}

TEST_F(DeadlineTest, ASignalThatWasBlockedStaysBlocked) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &set, nullptr), 0);
  {
    const auto deadline = arm(kMillisecond, SIGUSR2);
    ASSERT_TRUE(deadline);
    outlive(*deadline);
    EXPECT_EQ(outer_->vcpu().run(), EINTR);
  }
  EXPECT_TRUE(blocked(SIGUSR2));
  EXPECT_FALSE(pending(SIGUSR2));
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

TEST_F(DeadlineTest, MovesWithItsTimer) {
  {
    auto first = arm(kMillisecond);
    ASSERT_TRUE(first);
    const Deadline second = std::move(*first);
    first.reset();
    EXPECT_TRUE(blocked(SIGRTMIN));
    outlive(second);
    EXPECT_TRUE(pending(SIGRTMIN));
  }
  EXPECT_FALSE(blocked(SIGRTMIN));
}

TEST_F(DeadlineTest, NestedOnesRestoreWhatWasBefore) {
  {
    const auto outer = arm(kMinute);
    ASSERT_TRUE(outer);
    {
      const auto inner = arm(kMillisecond, SIGRTMIN + 1);
      ASSERT_TRUE(inner);
      outlive(*inner);
      EXPECT_TRUE(blocked(SIGRTMIN));
      EXPECT_TRUE(blocked(SIGRTMIN + 1));
    }
    EXPECT_TRUE(blocked(SIGRTMIN));
    EXPECT_FALSE(blocked(SIGRTMIN + 1));
  }
  EXPECT_FALSE(blocked(SIGRTMIN));
}

// The inner deadline takes its own signal and not that of the outer one, which must still end the outer's machine.
TEST_F(DeadlineTest, NestedOnesOfOneSignalDoNotTakeEachOthers) {
  {
    const auto outer = arm(kMillisecond);
    ASSERT_TRUE(outer);
    {
      const auto inner = arm(*inner_, 2 * kMillisecond);
      ASSERT_TRUE(inner);
      outlive(*inner);
    }
    EXPECT_TRUE(pending(SIGRTMIN));
    EXPECT_EQ(outer_->vcpu().run(), EINTR);
  }
  EXPECT_FALSE(pending(SIGRTMIN));
  EXPECT_FALSE(blocked(SIGRTMIN));
}

// The signal is sent by someone else: it ends one KVM_RUN and not all that follow.
TEST_F(DeadlineTest, AForeignSignalEndsOneKvmRun) {
  {
    auto deadline = arm(kMinute);
    ASSERT_TRUE(deadline);
    ASSERT_EQ(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN), 0);
    EXPECT_EQ(outer_->vcpu().run(), EINTR);
    EXPECT_FALSE(deadline->take_signals());
    EXPECT_FALSE(pending(SIGRTMIN));
  }
  EXPECT_FALSE(pending(SIGRTMIN));
}

TEST_F(DeadlineTest, WhatTheOuterOneIsOwedIsReturned) {
  const auto outer = arm(kMillisecond);
  ASSERT_TRUE(outer);
  outlive(*outer);
  {
    auto inner = arm(*inner_, kMinute);
    ASSERT_TRUE(inner);
    EXPECT_FALSE(inner->take_signals());
    EXPECT_FALSE(pending(SIGRTMIN));
  }
  EXPECT_TRUE(pending(SIGRTMIN));
}

TEST_F(DeadlineTest, ASignalThatDoesNotExistIsAnError) {
  const auto deadline = Deadline::arm(outer_->vcpu(), 1000, host_monotonic_ns());
  ASSERT_FALSE(deadline);
  EXPECT_EQ(deadline.error().code, ErrorCode::kMonitor);
  EXPECT_EQ(deadline.error().message, "cannot create a timer for the deadline: Invalid argument");
}

}  // namespace
}  // namespace spry
