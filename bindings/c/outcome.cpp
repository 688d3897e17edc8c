#include "handles.h"

namespace {

const char* text(const std::string& from, size_t* size) {
  if (size != nullptr) *size = from.size();
  return from.c_str();
}

std::uint64_t nanoseconds(std::chrono::nanoseconds duration) { return static_cast<std::uint64_t>(duration.count()); }

}  // namespace

enum spry_reason spry_outcome_reason(const spry_outcome* outcome) {
  switch (outcome->outcome.reason) {
    case spry::Reason::kExit:
      return SPRY_EXIT;
    case spry::Reason::kAbort:
      return SPRY_ABORT;
    case spry::Reason::kFault:
      return SPRY_FAULT;
    case spry::Reason::kDeadline:
      return SPRY_DEADLINE;
    case spry::Reason::kInterrupted:
      break;
  }
  return SPRY_INTERRUPTED;
}

const char* spry_reason_name(enum spry_reason reason) {
  switch (reason) {
    case SPRY_EXIT:
      return "exit";
    case SPRY_ABORT:
      return "abort";
    case SPRY_FAULT:
      return "fault";
    case SPRY_DEADLINE:
      return "deadline";
    case SPRY_INTERRUPTED:
      return "interrupted";
  }
  return "unknown";
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

void spry_outcome_receipt(const spry_outcome* outcome, struct spry_receipt* receipt) {
  const spry::Receipt& from = outcome->outcome.receipt;
  spry_receipt full = {};
  full.exits = from.exits;
  full.bytes_in = from.bytes_in;
  full.bytes_out = from.bytes_out;
  full.memory_reserved = from.memory_reserved;
  full.memory_touched = from.memory_touched;
  full.create_ns = nanoseconds(from.create);
  full.reset_ns = nanoseconds(from.reset);
  full.run_ns = nanoseconds(from.run);
  spry::c::fill(receipt, full);
}

void spry_outcome_free(spry_outcome* outcome) { delete outcome; }
