#include "handles.h"

namespace {

const char* text(const std::string& from, size_t* size) {
  if (size != nullptr) *size = from.size();
  return from.c_str();
}

// Both enumerations have the same numbers.
constexpr bool same(spry_reason c, spry::Reason reason) { return static_cast<int>(c) == static_cast<int>(reason); }
static_assert(same(SPRY_EXIT, spry::Reason::kExit) && same(SPRY_ABORT, spry::Reason::kAbort) &&
              same(SPRY_FAULT, spry::Reason::kFault) && same(SPRY_DEADLINE, spry::Reason::kDeadline) &&
              same(SPRY_INTERRUPTED, spry::Reason::kInterrupted) &&
              same(SPRY_TOO_MUCH_OUTPUT, spry::Reason::kTooMuchOutput) &&
              same(SPRY_CPU_LIMIT, spry::Reason::kCpuLimit));

constexpr bool same(spry_fault c, spry::FaultKind kind) { return static_cast<int>(c) == static_cast<int>(kind); }
static_assert(same(SPRY_FAULT_NONE, spry::FaultKind::kNone) && same(SPRY_FAULT_READ, spry::FaultKind::kRead) &&
              same(SPRY_FAULT_WRITE, spry::FaultKind::kWrite) && same(SPRY_FAULT_EXECUTE, spry::FaultKind::kExecute) &&
              same(SPRY_FAULT_STACK_OVERFLOW, spry::FaultKind::kStackOverflow) &&
              same(SPRY_FAULT_INSTRUCTION, spry::FaultKind::kInstruction) &&
              same(SPRY_FAULT_ARITHMETIC, spry::FaultKind::kArithmetic) &&
              same(SPRY_FAULT_OTHER, spry::FaultKind::kOther));

}  // namespace

enum spry_reason spry_outcome_reason(const spry_outcome* outcome) {
  return static_cast<spry_reason>(outcome->outcome.reason);
}

const char* spry_reason_name(enum spry_reason reason) {
  // to_string returns views of literals, which end with a zero.
  return spry::to_string(static_cast<spry::Reason>(reason)).data();
}

int spry_outcome_status(const spry_outcome* outcome) { return outcome->outcome.status; }

const char* spry_outcome_output(const spry_outcome* outcome, size_t* size) {
  return text(outcome->outcome.output, size);
}

const char* spry_outcome_diagnostics(const spry_outcome* outcome, size_t* size) {
  return text(outcome->outcome.diagnostics, size);
}

const char* spry_outcome_message(const spry_outcome* outcome) { return outcome->outcome.message.c_str(); }

const char* spry_outcome_crash(const spry_outcome* outcome) { return outcome->outcome.crash.c_str(); }

const char* spry_fault_name(enum spry_fault kind) {
  // to_string returns views of literals, which end with a zero.
  return spry::to_string(static_cast<spry::FaultKind>(kind)).data();
}

int spry_outcome_crash_data(const spry_outcome* outcome, struct spry_crash* crash) {
  const auto& from = outcome->outcome.crash_data;
  if (!from) return 0;
  const spry::Registers& r = from->registers;
  spry_crash full = {};
  full.kind = static_cast<spry_fault>(from->kind);
  full.has_address = from->address ? 1 : 0;
  full.address = from->address.value_or(0);
  // Both have the registers in the same order.
  static_assert(offsetof(spry_crash, frames) - offsetof(spry_crash, rax) == sizeof r);
  std::memcpy(&full.rax, &r, sizeof r);
  full.frames = from->frames.size();
  spry::c::fill(crash, full);
  return 1;
}

const char* spry_outcome_frame(const spry_outcome* outcome, size_t index, uint64_t* address) {
  const auto& crash = outcome->outcome.crash_data;
  if (!crash || index >= crash->frames.size()) return nullptr;
  if (address != nullptr) *address = crash->frames[index].address;
  return crash->frames[index].function.c_str();
}

void spry_outcome_receipt(const spry_outcome* outcome, struct spry_receipt* receipt) {
  const spry::Receipt& from = outcome->outcome.receipt;
  spry_receipt full = {};
  full.exits = from.exits;
  full.bytes_in = from.bytes_in;
  full.bytes_out = from.bytes_out;
  full.memory_reserved = from.memory_reserved;
  full.memory_touched = from.memory_touched;
  full.create_ns = spry::c::nanoseconds(from.create);
  full.reset_ns = spry::c::nanoseconds(from.reset);
  full.run_ns = spry::c::nanoseconds(from.run);
  full.platform = spry::c::platform(from.platform);
  spry::c::fill(receipt, full);
}

void spry_outcome_free(spry_outcome* outcome) { delete outcome; }
