// Frames on the gate stack: what a kernel writes is read, and what a guest may write there does no harm.
#include <sys/mman.h>

#include <cstring>
#include <random>

#include "cpu/x86.h"
#include "process/hypercall_instruction.h"
#include "process/plan.h"
#include "process/signal_frame.h"
#include "process_guest.h"

namespace spry {
namespace {

constexpr std::uint64_t kAddress = SPRY_GATE_STACK;
constexpr std::size_t kStackSize = SPRY_GATE_STACK_SIZE;
constexpr std::size_t kInfoSize = 24;      // what is read of siginfo
constexpr std::size_t kContextSize = 296;  // ... and of ucontext

class Frames : public testing::Test {
 protected:
  // Behind the stack's end nothing can be read, so that a read beyond it is a fault.
  Frames() {
    mapped_ = static_cast<std::byte*>(
        mmap(nullptr, kStackSize + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(mapped_ + kStackSize, 4096, PROT_NONE);
    stack_ = {{mapped_, kStackSize}, kAddress};
  }
  ~Frames() override { munmap(mapped_, kStackSize + 4096); }

  template <class T>
  void put(std::uint64_t pointer, T value) {
    std::memcpy(mapped_ + (pointer - kAddress), &value, sizeof value);
  }

  std::byte* mapped_ = nullptr;
  GateStack stack_;
};

TEST_F(Frames, AreReadWhereTheKernelPutsThem) {
  const std::uint64_t info = kAddress + 0x1000;
  const std::uint64_t context = kAddress + 0x2000;
  put<std::int32_t>(info, 11);
  put<std::int32_t>(info + 8, 2);
  put<std::uint64_t>(info + 16, 0x1234);
  for (std::uint64_t i = 0; i < 18; ++i) put<std::uint64_t>(context + 40 + 8 * i, 100 + i);
  put<std::uint64_t>(context + 40 + 8 * 19, 6);       // err
  put<std::uint64_t>(context + 40 + 8 * 20, 14);      // trapno
  put<std::uint64_t>(context + 40 + 8 * 22, 0x5678);  // cr2
  put<std::uint64_t>(context + 40 + 8 * 23, 0x9000);  // fpstate
  const auto frame = read_signal_frame(stack_, info, context);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->signal, 11);
  EXPECT_EQ(frame->code, 2);
  EXPECT_EQ(frame->address, 0x1234u);
  EXPECT_EQ(frame->registers.r8, 100u);
  EXPECT_EQ(frame->registers.rdi, 108u);
  EXPECT_EQ(frame->registers.rax, 113u);
  EXPECT_EQ(frame->registers.rsp, 115u);
  EXPECT_EQ(frame->registers.rip, 116u);
  EXPECT_EQ(frame->registers.rflags, 117u);
  EXPECT_EQ(frame->error_code, 6u);
  EXPECT_EQ(frame->vector, 14u);
  EXPECT_EQ(frame->cr2, 0x5678u);
  EXPECT_EQ(frame->vectors, 0x9000u);
}

TEST_F(Frames, OutsideOfTheGateStackAreNone) {
  const std::uint64_t end = kAddress + kStackSize;
  const std::uint64_t good = kAddress + 0x100;
  EXPECT_TRUE(read_signal_frame(stack_, end - kInfoSize, end - kContextSize));
  for (const std::uint64_t bad : {std::uint64_t{0}, kAddress - 1, end - 1, end, end + 1, end - kInfoSize + 1,
                                  ~std::uint64_t{0}, ~std::uint64_t{0} - 8, std::uint64_t{1} << 63}) {
    EXPECT_FALSE(read_signal_frame(stack_, bad, good)) << std::hex << bad;
    EXPECT_FALSE(read_signal_frame(stack_, good, bad)) << std::hex << bad;
  }
  EXPECT_FALSE(read_signal_frame(stack_, good, end - kContextSize + 1));
}

TEST_F(Frames, HostileVectorsAreRefusedOrTaken) {
  std::mt19937_64 random(1);
  const std::uint64_t end = kAddress + kStackSize;
  for (int round = 0; round < 20000; ++round) {
    const std::uint64_t at = round % 3 == 0 ? end - random() % 5000 : kAddress + random() % (kStackSize + 64);
    if (at + 576 <= end && at >= kAddress) {
      for (std::size_t i = 0; i < 576; i += 8) put<std::uint64_t>(at + i, random());
      if (round % 2 == 0) put<std::uint32_t>(at + 464, 0x46505853);
      if (round % 4 == 0) put<std::uint32_t>(at + 464 + 16, static_cast<std::uint32_t>(random() % 5000));
    }
    const auto vectors = read_vectors(stack_, at);
    if (!vectors || *vectors == nullptr) continue;
    // What is made of the frame must be fit for XRSTOR: no unknown part, no reserved bit.
    std::array<std::byte, VectorState::kSize> area;
    write_vectors(area, vectors->get());
    std::uint64_t words[8];
    std::memcpy(words, area.data() + 512, sizeof words);
    EXPECT_EQ(words[0] & ~std::uint64_t{0xe7}, 0u);
    for (int i = 1; i < 8; ++i) EXPECT_EQ(words[i], 0u);
    std::uint32_t mxcsr;
    std::memcpy(&mxcsr, area.data() + 24, sizeof mxcsr);
    EXPECT_EQ(mxcsr & ~0xffffu, 0u);
  }
  EXPECT_FALSE(read_vectors(stack_, 1));
  EXPECT_FALSE(read_vectors(stack_, end - 100));
  ASSERT_TRUE(read_vectors(stack_, 0));
  EXPECT_EQ(*read_vectors(stack_, 0), nullptr);
}

TEST(Hypercalls, AreOutsOf32Bits) {
  auto decode = [](std::vector<std::uint8_t> code, std::uint64_t rdx = 0) { return decode_hypercall(code, rdx); };
  ASSERT_TRUE(decode({0xe7, 0x7e}));
  EXPECT_TRUE(decode({0xe7, 0x7e})->plain);
  EXPECT_EQ(decode({0xe7, 0x7e})->size, 2u);
  ASSERT_TRUE(decode({0xef}, 0xabcd0000007e));
  EXPECT_FALSE(decode({0xef}, 0x7e)->plain);
  ASSERT_TRUE(decode({0x48, 0xe7, 0x7e}));
  EXPECT_FALSE(decode({0x48, 0xe7, 0x7e})->plain);
  EXPECT_FALSE(decode({0x66, 0xe7, 0x7e}));
  EXPECT_FALSE(decode({0xe6, 0x7e}));
  EXPECT_FALSE(decode({0xe5, 0x7e}));
  EXPECT_FALSE(decode({0xe7}));
  EXPECT_FALSE(decode({0xe7, 0x7f}));
  EXPECT_FALSE(decode({0xef}, 0x7f));
  EXPECT_FALSE(decode({0x6f}, 0x7e));
  EXPECT_FALSE(decode({}));
}

GUEST(forge_pointers,
      "mov $11, %edi\n mov $0x550000102000, %rsi\n mov %rsi, %rdx\n movabs $0x700000000000, %rbx\n"
      "1: cmpl $0x000027b8, (%rbx)\n je 2f\n inc %rbx\n jmp 1b\n"
      "2: cmpb $0, 4(%rbx)\n jne 3f\n cmpb $0x0f, 5(%rbx)\n je 4f\n 3: inc %rbx\n jmp 1b\n 4: jmp *%rbx");

TEST_F(Frames, ThatAGuestForgesEndIt) {
  ProcessGuest guest(CODE(forge_pointers));
  guest.begin();
  const Exit exit = guest.run();
  EXPECT_EQ(exit.kind, Exit::Kind::kDead) << exit;
  EXPECT_NE(exit.words.find("forged"), std::string::npos) << exit.words;
}

}  // namespace
}  // namespace spry
