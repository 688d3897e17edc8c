#include "process/signal_frame.h"

#include <array>
#include <csignal>
#include <cstring>

#include "cpu/x86.h"
#include "cpu/xsave.h"

namespace spry {
namespace {

using namespace x86;

// struct sigcontext, struct ucontext and struct siginfo of the kernel (arch/x86/include/uapi/asm/sigcontext.h).
struct Context {
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t err, trapno, oldmask, cr2, fpstate;
  std::uint64_t reserved[8];
};
struct Ucontext {
  std::uint64_t flags, link;
  std::uint64_t stack[3];
  Context context;
};
struct Siginfo {
  std::int32_t signo, error, code, pad;
  std::uint64_t address;
};
static_assert(offsetof(Ucontext, context) == 40 && offsetof(Ucontext, context.fpstate) == 0xe0, "as the stub has it");

// An XSAVE area (SDM 1 13.4), and the kernel's description of it (struct _fpx_sw_bytes).
constexpr std::size_t kLegacySize = 512;
constexpr std::size_t kHeaderEnd = 576;
constexpr std::size_t kXmm = 160;
constexpr std::uint32_t kMagic = 0x46505853;
struct FpxSwBytes {
  std::uint32_t magic, extended_size;
  std::uint64_t features;
  std::uint32_t size;
};
constexpr std::uint16_t kControlWordReset = 0x37f;
constexpr std::uint32_t kMxcsrReset = 0x1f80;

constexpr std::uint64_t kUserFlags = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 1u << 14 | 1u << 16 |
                                     1u << 18 | 1u << 21;  // CF PF AF ZF SF TF DF OF NT RF AC ID

template <class T>
T load(std::span<const std::byte> bytes, std::size_t offset = 0) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <class T>
void store(std::span<std::byte> bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }

}  // namespace

std::optional<std::span<const std::byte>> GateStack::find(std::uint64_t pointer, std::uint64_t size) const {
  if (pointer < address || size > bytes.size() || pointer - address > bytes.size() - size) return std::nullopt;
  return bytes.subspan(pointer - address, size);
}

std::optional<SignalFrame> read_signal_frame(const GateStack& stack, std::uint64_t siginfo, std::uint64_t ucontext) {
  const auto info_bytes = stack.find(siginfo, sizeof(Siginfo));
  const auto context_bytes = stack.find(ucontext, sizeof(Ucontext));
  if (!info_bytes || !context_bytes) return std::nullopt;
  const auto info = load<Siginfo>(*info_bytes);
  const Context c = load<Ucontext>(*context_bytes).context;
  SignalFrame frame;
  frame.signal = info.signo;
  frame.code = info.code;
  frame.address = info.address;
  frame.registers = {c.rax, c.rbx, c.rcx, c.rdx, c.rsi, c.rdi, c.rsp, c.rbp, c.r8,
                     c.r9,  c.r10, c.r11, c.r12, c.r13, c.r14, c.r15, c.rip, c.rflags};
  frame.error_code = c.err;
  frame.vector = c.trapno;
  frame.cr2 = c.cr2;
  frame.vectors = c.fpstate;
  return frame;
}

std::optional<std::shared_ptr<const VectorState>> read_vectors(const GateStack& stack, std::uint64_t address) {
  if (address == 0) return std::shared_ptr<const VectorState>();
  const auto legacy = stack.find(address, kHeaderEnd);
  if (!legacy) return std::nullopt;
  const auto words = load<FpxSwBytes>(*legacy, XSAVE_SOFTWARE);
  const std::uint64_t size = words.magic == kMagic ? words.size : kLegacySize;
  if (size > VectorState::kSize || (words.magic == kMagic && size < kHeaderEnd)) return std::nullopt;
  const auto area = stack.find(address, size);
  if (!area) return std::nullopt;
  const std::uint64_t present = words.magic == kMagic
                                    ? load<std::uint64_t>(*area, kLegacySize) & words.features & XCR0_GUEST
                                    : XCR0_X87 | XCR0_SSE;
  auto state = std::make_shared<VectorState>();
  std::span<std::byte, VectorState::kSize> to(state->area);
  write_vectors(to, nullptr);
  auto copy = [&](std::size_t start, std::size_t end) {
    if (end > area->size()) return false;
    std::memcpy(to.data() + start, area->data() + start, end - start);
    return true;
  };
  // MXCSR is always copied: it is not a part of x87, and without SSE it need not be initial.
  std::memcpy(to.data() + XSAVE_MXCSR, area->data() + XSAVE_MXCSR, sizeof(std::uint32_t));
  bool complete = true;
  if ((present & XCR0_X87) != 0) complete = copy(0, XSAVE_MXCSR) && copy(32, kXmm);
  if ((present & XCR0_SSE) != 0) complete = complete && copy(kXmm, kXmm + 256);
  for (unsigned part = 2; part < 8; ++part) {
    if ((present & bit(part)) == 0) continue;
    const XsavePart place = xsave_part(part);
    complete = complete && place.size != 0 && copy(place.offset, place.offset + place.size);
  }
  if (!complete) return std::nullopt;
  // The legacy parts are always named, so that no CPU takes MXCSR for initial.
  store<std::uint64_t>(to, kLegacySize, present | XCR0_X87 | XCR0_SSE);
  VectorState initial;
  write_vectors(initial.area, nullptr);
  if (std::memcmp(initial.area.data(), to.data(), kLegacySize) == 0 && (present & ~(XCR0_X87 | XCR0_SSE)) == 0) {
    return std::shared_ptr<const VectorState>();
  }
  return state;
}

void write_vectors(std::span<std::byte, VectorState::kSize> area, const VectorState* state) {
  if (state == nullptr) {
    // XRSTOR does not look at parts that the header does not name.
    std::memset(area.data(), 0, kHeaderEnd);
    store<std::uint16_t>(area, 0, kControlWordReset);
    store<std::uint32_t>(area, XSAVE_MXCSR, kMxcsrReset);
    return;
  }
  VectorState normal = *state;
  normalise(normal);
  std::memcpy(area.data(), normal.area.data(), area.size());
}

void to_frame_order(const Registers& r, std::span<std::uint64_t, 15> general) {
  const std::array<std::uint64_t, 15> ordered = {r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15,
                                                 r.rdi, r.rsi, r.rbp, r.rbx, r.rdx, r.rax, r.rcx};
  std::memcpy(general.data(), ordered.data(), sizeof ordered);
}

std::uint64_t user_flags(std::uint64_t rflags) { return (rflags & kUserFlags) | RFLAGS_FIXED | RFLAGS_IF; }

}  // namespace spry
