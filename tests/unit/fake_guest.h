// A guest's memory and receipt, for the tests of modules. Each test defines itself how its guest waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "spry/module.h"

namespace spry {

// Guest memory: from kBase on kSize writable bytes, then kSize that may only be read.
class FakeGuestMemory : public Guest {
 public:
  static constexpr std::uint64_t kBase = 0x100000;
  static constexpr std::uint64_t kSize = std::uint64_t{4} << 20;
  static constexpr std::uint64_t kReadOnly = kBase + kSize;
  static constexpr std::uint64_t kEnd = kReadOnly + kSize;

  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) override {
    const auto address = static_cast<std::uint64_t>(pointer);
    if (length == 0) return std::span<std::byte>();
    const std::uint64_t end = access == Access::kWrite ? kReadOnly : kEnd;
    if (address < kBase || address >= end || length > end - address) return std::nullopt;
    return std::span(memory).subspan(address - kBase, length);
  }
  bool copy(std::span<std::byte> to, GuestPointer from) override {
    const auto source = resolve(from, to.size(), Access::kRead);
    if (!source) return false;
    if (!to.empty()) std::memcpy(to.data(), source->data(), to.size());
    return true;
  }
  bool write(GuestPointer to, std::span<const std::byte> from) override {
    const auto target = resolve(to, from.size(), Access::kWrite);
    if (!target) return false;
    if (!from.empty()) std::memcpy(target->data(), from.data(), from.size());
    return true;
  }
  bool initialising() const override { return is_initialising; }
  void count_in(std::uint64_t bytes) override { in += bytes; }
  void count_out(std::uint64_t bytes) override { out += bytes; }
  void output_is_full(std::string) override {}

  std::byte* at(std::uint64_t address) { return memory.data() + (address - kBase); }

  std::vector<std::byte> memory = std::vector<std::byte>(2 * kSize);
  bool is_initialising = false;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

}  // namespace spry
