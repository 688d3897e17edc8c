// A guest of a few instructions in a process: memory, regions and layout by hand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "process/process_vcpu.h"

namespace spry {

inline constexpr std::uint64_t kSlide = 0x550000000000;
inline constexpr std::uint64_t kCode = 0x100000;
inline constexpr std::uint64_t kEntry = 0x101000;  // of system calls, in a guest that serves them
inline constexpr std::uint64_t kData = 0x102000;
inline constexpr std::uint64_t kEntryStack = 0x118000;
inline constexpr std::uint64_t kStackTop = 0x120000;
inline constexpr std::uint64_t kHeap = 0x200000;
inline constexpr std::uint64_t kInputArea = 0x1000000;
inline constexpr std::uint64_t kSize = kInputArea + 0x200000;

// The code between two labels of a test's assembly.
#define GUEST(name, text)                                                                                   \
  extern "C" const std::byte name##_start[], name##_end[];                                                  \
  __asm__(".pushsection .rodata\n.globl " #name "_start, " #name "_end\n" #name "_start:\n" text "\n" #name \
          "_end:\n.popsection\n")
#define CODE(name) std::span<const std::byte>(name##_start, name##_end)

class ProcessGuest {
 public:
  // With an `entry` it serves system calls there, in a segment of its own.
  explicit ProcessGuest(std::span<const std::byte> code, bool reusable = false, std::uint64_t features = 0,
                        std::span<const std::byte> entry = {}) {
    layout.slide = kSlide;
    layout.memory = kInputArea;
    layout.image = {kCode, kHeap};
    regions = {{{kCode, kData}, {.read = true, .execute = true}},
               {{kData, 0x110000}, {.read = true, .write = true}},
               {{0x110000, kStackTop}, {.read = true, .write = true}},
               {{kHeap, kInputArea}, {.read = true, .write = true}}};
    if (!entry.empty()) {
      regions.front().range.end = kEntry;
      regions.insert(regions.begin() + 1, {{kEntry, kData}, {.read = true, .execute = true}});
      state.system_calls = {kEntry + kSlide, kEntryStack + kSlide};
    }
    auto made = make_process_shell();
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    vcpu = std::move(*made);
    auto reserved = vcpu->make_memory(kSize, reusable);
    EXPECT_TRUE(reserved) << (reserved ? "" : reserved.error().message);
    memory = std::move(*reserved);
    memory.set_regions(regions, kSlide);
    std::copy(code.begin(), code.end(), memory.bytes({kCode, kData}).begin());
    std::copy(entry.begin(), entry.end(), memory.bytes({kEntry, kData}).begin());
    state.registers.rip = kCode + kSlide;
    state.registers.rsp = kStackTop + kSlide;
    state.registers.rflags = 0x3202;
    state.registers.rdi = kData + kSlide;
    state.fs.base = kData + kSlide;
    auto furnished = vcpu->furnish(memory, furnishing(regions, reusable, features));
    EXPECT_TRUE(furnished) << (furnished ? "" : furnished.error().message);
  }

  // A Furnishing with the guest's memory, mapped as `pieces` say.
  Furnishing furnishing(std::span<const Region> pieces, bool reusable = false, std::uint64_t features = 0) const {
    return {.path = path,
            .layout = layout,
            .regions = pieces,
            .state = state,
            .covered = kSize,
            .end = kSize,
            .features = features,
            .input = reusable ? Range{kInputArea, kSize} : Range(),
            .reusable = reusable};
  }

  void begin() {
    auto begun = vcpu->begin(state.registers);
    ASSERT_TRUE(begun) << begun.error().message;
  }
  Exit run() { return vcpu->run(); }
  Registers& registers() { return vcpu->registers(); }
  std::uint64_t word(std::uint64_t physical) {
    std::uint64_t value;
    std::copy_n(memory.bytes({physical, physical + 8}).data(), 8, reinterpret_cast<std::byte*>(&value));
    return value;
  }

  std::string path = "guest";
  Layout layout;
  std::vector<Region> regions;
  GuestMemory memory;
  std::unique_ptr<Vcpu> vcpu;
  CpuState state;
};

inline std::ostream& operator<<(std::ostream& stream, const Exit& exit) {
  return stream << "kind " << static_cast<int>(exit.kind) << " vector " << exit.vector << " code " << exit.error_code
                << " address " << exit.address << " " << exit.words << exit.error.message;
}

}  // namespace spry
