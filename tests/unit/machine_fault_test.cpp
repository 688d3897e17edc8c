// What a guest did, in words: one row for each thing that it can do, in the forms in which hosts report it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/x86.h"
#include "machine/fault.h"
#include "spry/abi.h"

namespace spry {
namespace {

using namespace x86;

constexpr std::uint64_t kSlide = 0x4000'0000;
constexpr std::uint64_t kMemory = 4 << 20;
constexpr std::uint64_t kCode = 0x100000;  // guest-physical, as the following
constexpr std::uint64_t kConstants = 0x110000;
constexpr std::uint64_t kHeap = 0x120000;
constexpr std::uint64_t kStack = 0xc0000;
constexpr std::uint64_t kBoot = 0xbb000;

using Bytes = std::vector<std::uint8_t>;

class FaultWords : public testing::Test {
 protected:
  FaultWords() : memory_(*GuestMemory::reserve(kMemory)) {
    layout_.slide = kSlide;
    layout_.boot = {kBoot, kStack - kLowGuard};
    layout_.stack = {kStack, 0xff800};
    layout_.shared = {0xff800, SPRY_IMAGE_MIN};
    layout_.image = {kCode, kHeap};
    layout_.heap = {kHeap, kMemory};
    layout_.memory = kMemory;
    memory_.set_regions({{layout_.boot, {.read = true}},
                         {{kStack, SPRY_IMAGE_MIN}, {.read = true, .write = true}},
                         {{kCode, kConstants}, {.read = true, .execute = true}},
                         {{kConstants, kHeap}, {.read = true}},
                         {{kHeap, kMemory}, {.read = true, .write = true}}},
                        kSlide);
    registers_.rip = kCode + 0x100 + kSlide;
    registers_.rsp = kStack + 0x8000 + kSlide;
  }

  // Puts code at RIP.
  void code(const Bytes& bytes) { put(registers_.rip, bytes); }
  void put(std::uint64_t address, const Bytes& bytes) {
    std::memcpy(memory_.bytes({address - kSlide, address - kSlide + bytes.size()}).data(), bytes.data(), bytes.size());
  }

  std::string exception(unsigned vector, std::uint64_t error = 0, std::uint64_t address = 0) {
    return explain(vector, error, address).words;
  }
  Fault explain(unsigned vector, std::uint64_t error, std::uint64_t address) {
    return explain_exception(
        memory_, layout_, {.kind = Exit::Kind::kException, .vector = vector, .error_code = error, .address = address},
        registers_);
  }
  std::string page_fault(std::uint64_t error, std::uint64_t address) { return exception(PF, error, address); }

  GuestMemory memory_;
  Layout layout_;
  Registers registers_;
};

constexpr std::uint64_t kRead = PF_U;
constexpr std::uint64_t kWrite = PF_U | PF_W;
constexpr std::uint64_t kFetch = PF_U | PF_I;

TEST_F(FaultWords, NullPointers) {
  EXPECT_EQ(page_fault(kRead, 0), "null pointer read at 0x0");
  EXPECT_EQ(page_fault(kWrite, 8), "null pointer write at 0x8");
  EXPECT_EQ(page_fault(kWrite, 0xffff), "null pointer write at 0xffff");
  EXPECT_EQ(page_fault(kFetch, 0), "null pointer execution at 0x0");
  EXPECT_EQ(page_fault(kRead, 0x10000), "read of unmapped memory at 0x10000");
}

TEST_F(FaultWords, MemoryThatIsTheGuestsButNotSo) {
  EXPECT_EQ(page_fault(kWrite | PF_P, kCode + kSlide), "write to code at 0x40100000");
  EXPECT_EQ(page_fault(kWrite | PF_P, kConstants + kSlide), "write to read-only memory at 0x40110000");
  EXPECT_EQ(page_fault(kWrite | PF_P, kBoot + kSlide), "write to read-only memory at 0x400bb000");
  EXPECT_EQ(page_fault(kFetch | PF_P, kHeap + kSlide), "executed data at 0x40120000");
  EXPECT_EQ(page_fault(kFetch | PF_P, kConstants + kSlide), "executed data at 0x40110000");
  EXPECT_EQ(page_fault(kFetch | PF_P, kStack + kSlide), "executed the stack at 0x400c0000");
  EXPECT_EQ(page_fault(kFetch | PF_P, 0xfffff + kSlide), "executed the stack at 0x400fffff");
}

TEST_F(FaultWords, MemoryThatIsNotTheGuests) {
  EXPECT_EQ(page_fault(kRead | PF_P, kPlatformStart + kSlide), "read of the monitor's memory at 0x40010000");
  EXPECT_EQ(page_fault(kWrite, kPlatformStart + 0x2000 + kSlide), "write of the monitor's memory at 0x40012000");
  EXPECT_EQ(page_fault(kFetch | PF_P, kPlatformStart + kSlide), "jump into the monitor's memory at 0x40010000");
  EXPECT_EQ(page_fault(kRead, kMemory + kSlide), "read of unmapped memory at 0x40400000");
  EXPECT_EQ(page_fault(kWrite, kSlide - 1), "write of unmapped memory at 0x3fffffff");
  EXPECT_EQ(page_fault(kFetch, kMemory + kSlide), "jump to unmapped memory at 0x40400000");
  EXPECT_EQ(page_fault(kRead, 0xffffffff81000000), "read of unmapped memory at 0xffffffff81000000");
}

TEST_F(FaultWords, StackOverflows) {
  EXPECT_EQ(page_fault(kWrite, kStack - 1 + kSlide), "stack overflow at 0x400bffff");
  EXPECT_EQ(page_fault(kRead, kStack - kLowGuard + kSlide), "stack overflow at 0x400bc000");
  // A frame larger than the guard reaches beyond it, and RSP is there too.
  registers_.rsp = kStack - 0x9000 + kSlide;
  EXPECT_EQ(page_fault(kWrite, kStack - 0x9000 + kSlide), "stack overflow at 0x400b7000");
  EXPECT_EQ(page_fault(kWrite, kHeap + 0x10000000), "write of unmapped memory at 0x10120000");
}

TEST_F(FaultWords, ExceptionsOfPrograms) {
  // An address that is not canonical raises #GP or #SS, depending on the CPU and the register.
  const char* const kGeneralProtection =
      "general protection fault (an address that is not canonical, a misaligned vector operand, or a privileged "
      "instruction)";
  EXPECT_EQ(exception(SS), kGeneralProtection);
  code({0x90});
  EXPECT_EQ(exception(DE), "integer division by zero or overflow");
  EXPECT_EQ(exception(DB), "debug trap");
  EXPECT_EQ(exception(BP), "breakpoint (int3)");
  EXPECT_EQ(exception(OF), "overflow trap (int 4)");
  EXPECT_EQ(exception(BR), "bound range exceeded");
  EXPECT_EQ(exception(UD), "invalid instruction");
  EXPECT_EQ(exception(NM), "floating-point unit not available");
  EXPECT_EQ(exception(TS), "invalid task state segment");
  EXPECT_EQ(exception(NP), "segment not present");
  EXPECT_EQ(exception(GP), kGeneralProtection);
  EXPECT_EQ(exception(GP, 0x70), "general protection fault with error code 0x70");
  EXPECT_EQ(exception(MF), "x87 floating-point exception");
  EXPECT_EQ(exception(AC), "misaligned access with alignment checks on");
  EXPECT_EQ(exception(XM), "SIMD floating-point exception");
  EXPECT_EQ(exception(31), "exception 31");
}

TEST_F(FaultWords, EveryVectorHasWords) {
  for (unsigned vector = 0; vector < kVectors; ++vector) EXPECT_NE(exception(vector), "") << vector;
}

TEST_F(FaultWords, ForbiddenInstructionsHaveTheirNameHoweverTheyFault) {
  code({0xf4});
  EXPECT_EQ(exception(GP), "privileged instruction (hlt)");
  code({0x0f, 0x05});
  EXPECT_EQ(exception(UD), "system call instruction (syscall)");
  code({0x0f, 0x34});
  EXPECT_EQ(exception(UD), "system call instruction (sysenter)");
  EXPECT_EQ(exception(GP), "system call instruction (sysenter)");
  code({0x0f, 0x0b});
  EXPECT_EQ(exception(UD), "invalid instruction (ud2: a compiler's trap)");
  code({0xcd, 0x80});
  EXPECT_EQ(exception(UD), "software interrupt 0x80");
  EXPECT_EQ(exception(GP, 0x802), "software interrupt 0x80");
}

TEST_F(FaultWords, AnInterruptIsFoundBehindItToo) {
  code({0xcd, 0x0d, 0x90});
  registers_.rip += 2;
  EXPECT_EQ(exception(GP, 13 * 16 + 2), "software interrupt 0xd");
  EXPECT_EQ(exception(GP, 13 * 8), "general protection fault with error code 0x68") << "not in the IDT";
}

// On a host without hardware virtualization `syscall` jumps to 0, with the next instruction's address in RCX.
TEST_F(FaultWords, SyscallThatJumpedToZero) {
  put(kCode + 0x200 + kSlide, {0x0f, 0x05});
  registers_.rip = 0;
  registers_.rcx = kCode + 0x202 + kSlide;
  const Fault fault = explain(PF, kFetch, 0);
  EXPECT_EQ(fault.words, "system call instruction (syscall)");
  EXPECT_EQ(fault.registers.rip, kCode + 0x200 + kSlide);
  registers_.rcx = 1;
  EXPECT_EQ(page_fault(kFetch, 0), "null pointer execution at 0x0");
}

TEST_F(FaultWords, PortsAreNamedByImmediateAndByRegister) {
  code({0xe6, 0x60});
  EXPECT_EQ(exception(GP), "access to I/O port 0x60");
  code({0xef});
  registers_.rdx = 0xabcd'0cf8;
  EXPECT_EQ(exception(GP), "access to I/O port 0xcf8");
}

TEST_F(FaultWords, AnIoExitIsAtItsInstructionOrPastIt) {
  for (const Bytes& instruction : {Bytes{0xe6, 0x60}, Bytes{0xef}, Bytes{0x66, 0xef}, Bytes{0xf3, 0x66, 0x6f},
                                   Bytes{0x6e}, Bytes{0x66, 0xe7, 0x60}}) {
    registers_.rip = kCode + 0x300 + kSlide;
    Bytes bytes(15, 0x90);
    std::copy(instruction.begin(), instruction.end(), bytes.begin());
    code(bytes);
    EXPECT_EQ(explain_io(memory_, 0x60, registers_).registers.rip, kCode + 0x300 + kSlide);
    registers_.rip += instruction.size();
    const Fault past = explain_io(memory_, 0x60, registers_);
    EXPECT_EQ(past.words, "access to I/O port 0x60");
    // The byte before an instruction of one byte may be its prefix or not; it is taken for none.
    EXPECT_LE(past.registers.rip, kCode + 0x300 + kSlide + instruction.size() - 1);
    EXPECT_GE(past.registers.rip, kCode + 0x300 + kSlide);
  }
  registers_.rip = 0;
  EXPECT_EQ(explain_io(memory_, 0x7d, registers_).words, "access to I/O port 0x7d");
  EXPECT_EQ(explain_io(memory_, 0x7d, registers_).registers.rip, 0u);
}

TEST_F(FaultWords, ExitsOfOtherKinds) {
  code({0x90});
  EXPECT_EQ(explain_death(memory_, "triple fault", registers_).words, "triple fault");
  code({0xf4});
  EXPECT_EQ(explain_death(memory_, "triple fault", registers_).words, "privileged instruction (hlt)");
}

// Code that ends with its memory, or lies nowhere, is read as far as it goes.
TEST_F(FaultWords, CodeAtAnEdge) {
  memory_.set_regions({{{kCode, kCode + 0x1000}, {.read = true, .execute = true}}}, kSlide);
  registers_.rip = kCode + 0xfff + kSlide;
  code({0xf4});
  EXPECT_EQ(exception(GP), "privileged instruction (hlt)");
  code({0x0f});
  EXPECT_EQ(exception(UD), "invalid instruction");
  for (const std::uint64_t rip : {std::uint64_t{0}, ~std::uint64_t{0}, kSlide, std::uint64_t{1} << 63}) {
    registers_.rip = rip;
    EXPECT_EQ(exception(UD), "invalid instruction");
    EXPECT_NE(exception(GP, 2), "");
    EXPECT_NE(explain_io(memory_, 1, registers_).words, "");
  }
}

}  // namespace
}  // namespace spry
