#include "kvm/system_page.h"

#include <array>
#include <cstring>

#include "cpu/x86.h"
#include "spry/abi.h"

namespace spry {
namespace {

using x86::kUserCode;
using x86::kUserData;

// Segment descriptors (SDM 3A 3.4.5), flat, accessed, 4 KiB granular.
constexpr std::uint64_t kKernelCodeDescriptor = 0x00af9b000000ffff;  // L, DPL 0, execute/read
constexpr std::uint64_t kKernelDataDescriptor = 0x00cf93000000ffff;  // DPL 0, read/write
constexpr std::uint64_t kUserDataDescriptor = 0x00cff3000000ffff;    // DPL 3, read/write
constexpr std::uint64_t kUserCodeDescriptor = 0x00affb000000ffff;    // L, DPL 3, execute/read

constexpr std::uint64_t kTssSize = 0x68;  // SDM 3A 7.7: the 64-bit TSS without its bitmap
constexpr std::uint64_t kTypeBusyTss = 0xb;
constexpr std::uint64_t kTypeInterruptGate = 0xe;
constexpr std::uint64_t kIst = 1;

class PageWriter {
 public:
  explicit PageWriter(std::span<std::byte> page) : page_(page) {}
  template <class T>
  void put(std::uint64_t offset, T value) {
    std::memcpy(page_.subspan(offset, sizeof value).data(), &value, sizeof value);
  }

 private:
  std::span<std::byte> page_;
};

void put_gdt(PageWriter& page, std::uint64_t tss) {
  auto put = [&page](std::uint16_t selector, std::uint64_t descriptor) {
    page.put(kGdtOffset + (selector & ~7u), descriptor);
  };
  put(kKernelCode, kKernelCodeDescriptor);
  put(kKernelCode + 8, kKernelDataDescriptor);
  put(kUserData, kUserDataDescriptor);
  put(kUserCode, kUserCodeDescriptor);
  // TSS descriptor, 16 bytes (SDM 3A 7.2.3).
  put(kTaskState,
      kTssLimit | (tss & 0xffffff) << 16 | kTypeBusyTss << 40 | std::uint64_t{1} << 47 | (tss >> 24 & 0xff) << 56);
  put(kTaskState + 8, tss >> 32);
}

void put_tss(PageWriter& page, std::uint64_t gate_stack) {
  page.put(kTssOffset + 0x04, gate_stack);  // RSP0
  page.put(kTssOffset + 0x24, gate_stack);  // IST1
  page.put(kTssOffset + 0x66, static_cast<std::uint16_t>(kTssSize));
  // A clear bit allows a port; the four bytes of a 32-bit `out` need one each. Some hosts honour IOPL and some the
  // bitmap, so the monitor judges every port itself as well.
  std::array<std::uint8_t, kTssLimit + 1 - kTssSize> bitmap;
  bitmap.fill(0xff);
  for (unsigned port = SPRY_HYPERCALL_PORT; port < SPRY_HYPERCALL_PORT + 4; ++port) {
    bitmap[port / 8] = static_cast<std::uint8_t>(bitmap[port / 8] & ~(1u << port % 8));
  }
  page.put(kTssOffset + kTssSize, bitmap);
}

void put_gate(PageWriter& page, unsigned vector, std::uint64_t handler) {
  // `int3` and `int $4` are for programs to use; any other `int` is a general protection fault.
  std::uint64_t dpl = vector == x86::BP || vector == x86::OF ? 3 : 0;
  std::uint64_t low = (handler & 0xffff) | std::uint64_t{kKernelCode} << 16 | kIst << 32 | kTypeInterruptGate << 40 |
                      dpl << 45 | std::uint64_t{1} << 47 | (handler >> 16 & 0xffff) << 48;
  page.put(kIdtOffset + 16 * vector, low);
  page.put(kIdtOffset + 16 * vector + 8, handler >> 32);

  const std::array<std::uint8_t, kGateSize> code = {0xe6, static_cast<std::uint8_t>(vector),  // out %al, $vector
                                                    0x48, 0x83,
                                                    0xc4, 0x08,   // add $8, %rsp
                                                    0x48, 0xcf};  // iretq
  page.put(kGatesOffset + kGateSize * vector, code);
}

}  // namespace

void build_system_page(std::span<std::byte> bytes, std::uint64_t address, std::uint64_t gate_stack) {
  PageWriter page(bytes);
  put_gdt(page, address + kTssOffset);
  put_tss(page, gate_stack);
  for (unsigned vector = 0; vector < x86::kVectors; ++vector) {
    put_gate(page, vector, address + kGatesOffset + kGateSize * vector);
  }
}

}  // namespace spry
