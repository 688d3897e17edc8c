#include "machine/crash.h"

#include <array>
#include <iterator>
#include <optional>

#include "text/format.h"

namespace spry {

std::string_view to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::kNone:
      return "none";
    case FaultKind::kRead:
      return "read";
    case FaultKind::kWrite:
      return "write";
    case FaultKind::kExecute:
      return "execute";
    case FaultKind::kStackOverflow:
      return "stack overflow";
    case FaultKind::kInstruction:
      return "instruction";
    case FaultKind::kArithmetic:
      return "arithmetic";
    case FaultKind::kOther:
      break;
  }
  return "other";
}

namespace {

constexpr std::size_t kMostFrames = 32;

std::optional<std::uint64_t> read_word(GuestMemory& memory, std::uint64_t address) {
  std::uint64_t word = 0;
  if (!memory.copy(std::as_writable_bytes(std::span(&word, 1)), GuestPointer{address})) return std::nullopt;
  return word;
}

bool executable(const GuestMemory& memory, std::uint64_t address) {
  const Region* region = memory.find(address);
  return region != nullptr && region->permissions.execute;
}

class Backtrace {
 public:
  explicit Backtrace(const Image* image) : image_(image) {}

  // `lookup` is an address inside the frame's instruction. For a caller it lies inside the call, because the return
  // address may already belong to another function.
  void add(std::uint64_t address, std::uint64_t lookup) {
    frames_.push_back({address, image_ == nullptr ? std::string() : image_->symbolize(lookup)});
  }
  bool full() const { return frames_.size() >= kMostFrames; }
  std::vector<Frame> take() { return std::move(frames_); }

 private:
  const Image* image_;
  std::vector<Frame> frames_;
};

}  // namespace

std::vector<Frame> backtrace(const Image* image, GuestMemory& memory, const Registers& registers) {
  Backtrace trace(image);
  trace.add(registers.rip, registers.rip);
  // If the guest called something that is no code, the return address is on top of the stack.
  if (!executable(memory, registers.rip)) {
    auto caller = read_word(memory, registers.rsp);
    if (caller && executable(memory, *caller)) trace.add(*caller, *caller - 1);
  }
  // psABI 3.2.2: RBP points at the caller's RBP, above which lies the return address. Frames only ever go up.
  for (std::uint64_t frame = registers.rbp; frame != 0 && !trace.full();) {
    auto next = read_word(memory, frame);
    auto caller = read_word(memory, frame + 8);
    if (!next || !caller || !executable(memory, *caller)) break;
    trace.add(*caller, *caller - 1);
    if (*next <= frame) break;
    frame = *next;
  }
  return trace.take();
}

std::string describe_crash(const Crash& crash) {
  std::string out;
  for (std::size_t i = 0; i < crash.frames.size(); ++i) {
    const Frame& frame = crash.frames[i];
    fmt::format_to(std::back_inserter(out), "  #{:<2} {:#018x} {}\n", i, frame.address,
                   frame.function.empty() ? "?" : frame.function);
  }
  const Registers& r = crash.registers;
  fmt::format_to(std::back_inserter(out),
                 "  rip {:016x} rsp {:016x} rbp {:016x} flags {:08x}\n"
                 "  rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}\n"
                 "  rsi {:016x} rdi {:016x} r8  {:016x} r9  {:016x}\n"
                 "  r10 {:016x} r11 {:016x} r12 {:016x} r13 {:016x}\n"
                 "  r14 {:016x} r15 {:016x}\n",
                 r.rip, r.rsp, r.rbp, r.rflags, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11,
                 r.r12, r.r13, r.r14, r.r15);
  return out;
}

}  // namespace spry
