#include "machine/crash.h"

#include <array>
#include <iterator>
#include <optional>

#include "text/format.h"

namespace spry {
namespace {

constexpr int kMostFrames = 32;

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
  Backtrace(const Image* image, std::string& out) : image_(image), out_(out) {}

  // `lookup` is an address inside of the instruction: for a caller, that of its call and not of what follows it, which
  // may be another function.
  void add(std::uint64_t address, std::uint64_t lookup) {
    std::string name = image_ == nullptr ? "" : image_->symbolize(lookup);
    fmt::format_to(std::back_inserter(out_), "  #{:<2} {:#018x} {}\n", count_++, address, name.empty() ? "?" : name);
  }
  bool full() const { return count_ >= kMostFrames; }

 private:
  const Image* image_;
  std::string& out_;
  int count_ = 0;
};

}  // namespace

std::string describe_crash(const Image* image, GuestMemory& memory, const Registers& registers) {
  std::string out;
  Backtrace trace(image, out);
  trace.add(registers.rip, registers.rip);
  // A call of something that is no code left its return address on top of the stack.
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
  const Registers& r = registers;
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
