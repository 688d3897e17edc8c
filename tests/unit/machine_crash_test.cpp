// The crash report: a backtrace through frames that the guest may have arranged as it likes.
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>
#include <stdexcept>

#include "elf_builder.h"
#include "machine/crash.h"

namespace spry {
namespace {

using test::ElfBuilder;
using test::MemoryFile;

constexpr std::uint64_t kBase = 0x200000;
constexpr std::uint64_t kStack = 0x300000;
constexpr std::uint64_t kStackEnd = 0x310000;
constexpr std::uint64_t kCode = kBase + test::kText;

class CrashReport : public testing::Test {
 protected:
  CrashReport() : image_(load()), memory_(*GuestMemory::reserve(kStackEnd)) {
    memory_.set_regions({{{kCode, kCode + 0x1000}, {.read = true, .execute = true}},
                         {{kStack, kStackEnd}, {.read = true, .write = true}}},
                        image_.slide());
    registers_.rip = kCode + 0x18;
    registers_.rsp = kStackEnd - 0x100;
  }

  static Image load() {
    ElfBuilder builder = ElfBuilder::executable();
    builder.add_symbol("first", kCode + 0x10, 0x10);
    builder.add_symbol("second", kCode + 0x20, 0x10);
    builder.add_symbol("_Z5thirdPKc", kCode + 0x30, 0x10);
    const MemoryFile file(builder.build());
    auto image = Image::load(file.path());
    if (!image) throw std::runtime_error(image.error().message);
    (void)image->symbolize(kCode);  // reads the table while the file has its name
    return *std::move(image);
  }

  void put(std::uint64_t address, std::uint64_t value) {
    std::memcpy(memory_.bytes({address, address + sizeof value}).data(), &value, sizeof value);
  }
  void frame(std::uint64_t at, std::uint64_t next, std::uint64_t caller) {
    put(at, next);
    put(at + 8, caller);
  }

  std::string report() {
    return describe_crash({FaultKind::kOther, {}, registers_, backtrace(&image_, memory_, registers_)});
  }

  // The report's lines that begin a frame.
  std::vector<std::string> frames() {
    std::vector<std::string> found;
    std::istringstream lines(report());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("  #")) found.push_back(line);
    }
    return found;
  }

  Image image_;
  GuestMemory memory_;
  Registers registers_;
};

TEST_F(CrashReport, NamesTheCallers) {
  registers_.rbp = kStack + 0x100;
  frame(kStack + 0x100, kStack + 0x200, kCode + 0x28);
  frame(kStack + 0x200, 0, kCode + 0x38);
  EXPECT_EQ(frames(),
            (std::vector<std::string>{"  #0  0x0000000000201018 first+0x8", "  #1  0x0000000000201028 second+0x7",
                                      "  #2  0x0000000000201038 third(char const*)+0x7"}));
}

// The call is the last instruction of `second`, so the return address belongs to another function.
TEST_F(CrashReport, LooksForTheCallAndNotForWhatFollows) {
  registers_.rbp = kStack;
  frame(kStack, 0, kCode + 0x30);
  EXPECT_EQ(frames().at(1), "  #1  0x0000000000201030 second+0xf");
}

TEST_F(CrashReport, GivesTheAddressWhereThereIsNoName) {
  registers_.rip = kCode + 0x800;
  EXPECT_EQ(frames(), std::vector<std::string>{"  #0  0x0000000000201800 ?"});
}

TEST_F(CrashReport, ShowsWhoCalledWhatIsNoCode) {
  registers_.rip = 0;
  put(registers_.rsp, kCode + 0x24);
  EXPECT_EQ(frames(), (std::vector<std::string>{"  #0  0x0000000000000000 ?", "  #1  0x0000000000201024 second+0x3"}));
  put(registers_.rsp, kStack);
  EXPECT_EQ(frames().size(), 1u) << "a word that points to no code is no caller";
}

TEST_F(CrashReport, EndsAtALoop) {
  registers_.rbp = kStack + 0x100;
  frame(kStack + 0x100, kStack + 0x100, kCode + 0x28);
  EXPECT_EQ(frames().size(), 2u);
  frame(kStack + 0x100, kStack + 0x200, kCode + 0x28);
  frame(kStack + 0x200, kStack + 0x100, kCode + 0x38);
  EXPECT_EQ(frames().size(), 3u);
}

TEST_F(CrashReport, EndsWhereFramesGoDown) {
  registers_.rbp = kStack + 0x1000;
  for (std::uint64_t at = kStack + 0x1000; at > kStack; at -= 0x100) frame(at, at - 0x100, kCode + 0x28);
  EXPECT_EQ(frames().size(), 2u);
}

TEST_F(CrashReport, EndsAfter32Frames) {
  registers_.rbp = kStack;
  for (std::uint64_t at = kStack; at < kStack + 0x8000; at += 16) frame(at, at + 16, kCode + 0x28);
  EXPECT_EQ(frames().size(), 32u);
  registers_.rip = 0;
  put(registers_.rsp, kCode + 0x24);
  EXPECT_EQ(frames().size(), 32u);
}

TEST_F(CrashReport, ReadsUnalignedFramesAsTheyAre) {
  registers_.rbp = kStack + 0x101;
  frame(kStack + 0x101, kStack + 0x203, kCode + 0x28);
  frame(kStack + 0x203, 1, kCode + 0x38);
  EXPECT_EQ(frames().size(), 3u);
}

TEST_F(CrashReport, EndsWhereAFrameLeavesMemory) {
  for (const std::uint64_t rbp :
       {std::uint64_t{1}, kStack - 8, kStackEnd - 8, kStackEnd - 1, kStackEnd, ~std::uint64_t{0}, ~std::uint64_t{0} - 7,
        ~std::uint64_t{0} - 15, std::uint64_t{1} << 63}) {
    registers_.rbp = rbp;
    EXPECT_EQ(frames().size(), 1u) << std::hex << rbp;
  }
  registers_.rbp = kStackEnd - 16;
  frame(kStackEnd - 16, ~std::uint64_t{0}, kCode + 0x28);
  EXPECT_EQ(frames().size(), 2u);
}

TEST_F(CrashReport, EndsAtACallerThatIsNoCode) {
  registers_.rbp = kStack + 0x100;
  for (const std::uint64_t caller : {std::uint64_t{0}, kStack + 8, kCode + 0x1000, ~std::uint64_t{0}}) {
    frame(kStack + 0x100, kStack + 0x200, caller);
    EXPECT_EQ(frames().size(), 1u) << std::hex << caller;
  }
}

TEST_F(CrashReport, ShowsEveryRegister) {
  registers_ = {.rax = 0x11,
                .rbx = 0x22,
                .rcx = 0x33,
                .rdx = 0x44,
                .rsi = 0x55,
                .rdi = 0x66,
                .rsp = 0x77,
                .rbp = 0,
                .r8 = 0x88,
                .r9 = 0x99,
                .r10 = 0xaa,
                .r11 = 0xbb,
                .r12 = 0xcc,
                .r13 = 0xdd,
                .r14 = 0xee,
                .r15 = 0xfedcba9876543210,
                .rip = 0x1234,
                .rflags = 0x246};
  const std::string text = report();
  for (const std::string field :
       {"rax 0000000000000011", "rbx 0000000000000022", "rcx 0000000000000033", "rdx 0000000000000044",
        "rsi 0000000000000055", "rdi 0000000000000066", "rsp 0000000000000077", "rbp 0000000000000000",
        "r8  0000000000000088", "r9  0000000000000099", "r10 00000000000000aa", "r11 00000000000000bb",
        "r12 00000000000000cc", "r13 00000000000000dd", "r14 00000000000000ee", "r15 fedcba9876543210",
        "rip 0000000000001234", "flags 00000246"}) {
    EXPECT_NE(text.find(field), std::string::npos) << field << " is not in\n" << text;
  }
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace spry
