#include "cli/report.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace spry {
namespace {

using Json = nlohmann::ordered_json;

double microseconds(std::chrono::nanoseconds duration) { return static_cast<double>(duration.count()) / 1000.0; }

// Null if there was no crash. Without "address" if the fault has none.
Json json_of(const std::optional<Crash>& crash) {
  if (!crash) return {};
  Json json;
  json["kind"] = to_string(crash->kind);
  if (crash->address) json["address"] = *crash->address;
  const Registers& r = crash->registers;
  json["registers"] = {{"rip", r.rip}, {"rsp", r.rsp}, {"rbp", r.rbp}, {"rflags", r.rflags}, {"rax", r.rax},
                       {"rbx", r.rbx}, {"rcx", r.rcx}, {"rdx", r.rdx}, {"rsi", r.rsi},       {"rdi", r.rdi},
                       {"r8", r.r8},   {"r9", r.r9},   {"r10", r.r10}, {"r11", r.r11},       {"r12", r.r12},
                       {"r13", r.r13}, {"r14", r.r14}, {"r15", r.r15}};
  json["frames"] = Json::array();
  for (const Frame& frame : crash->frames) {
    json["frames"].push_back(Json{{"address", frame.address}, {"function", frame.function}});
  }
  return json;
}

Json status_of(const Outcome& outcome) { return outcome.reason == Reason::kExit ? Json(outcome.status) : Json(); }

std::string format(Json status, std::string_view reason, const std::string& message, const std::optional<Crash>& crash,
                   const Receipt& receipt, const Phases& phases) {
  const auto calls = [&](std::uint32_t number) { return receipt.hypercalls[number]; };
  Json report;
  report["status"] = std::move(status);
  report["reason"] = reason;
  report["message"] = message;
  report["crash"] = json_of(crash);
  // Null if it came to no machine.
  report["platform"] = receipt.platform == Platform::kAutomatic ? Json() : Json(to_string(receipt.platform));
  report["exits"] = {{"total", receipt.exits},
                     {"exit", calls(SPRY_CALL_EXIT)},
                     {"abort", calls(SPRY_CALL_ABORT)},
                     {"ready", calls(SPRY_CALL_READY)},
                     {"poll", calls(SPRY_CALL_POLL)},
                     {"clock", calls(SPRY_CALL_CLOCK)},
                     {"device", calls(SPRY_CALL_DEVICE)},
                     {"unknown", calls(0)}};
  report["bytes"] = {{"in", receipt.bytes_in}, {"out", receipt.bytes_out}};
  report["memory"] = {{"reserved", receipt.memory_reserved}, {"touched", receipt.memory_touched}};
  report["microseconds"] = {{"open", microseconds(phases.open)},
                            {"load", microseconds(phases.load)},
                            {"create", microseconds(receipt.create)},
                            {"run", microseconds(receipt.run)}};
  return report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string format_report(const Outcome& outcome, const Phases& phases) {
  return format(status_of(outcome), to_string(outcome.reason), outcome.message, outcome.crash_data, outcome.receipt,
                phases);
}

std::string format_report(const Error& error, const Phases& phases) {
  return format(nullptr, "error", error.message, std::nullopt, Receipt(), phases);
}

bool write_line(const std::string& name, const Result<Outcome>& outcome, bool with_output, JsonText::Sink sink) {
  JsonText line(std::move(sink));
  const auto add = [&line](std::string_view key, const Json& value) {
    line.add(key);
    line.add(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  add("{\"input\":", name);
  add(",\"reason\":", outcome ? to_string(outcome->reason) : "error");
  add(",\"status\":", outcome ? status_of(*outcome) : Json());
  add(",\"message\":", outcome ? outcome->message : outcome.error().message);
  if (outcome) {
    add(",\"crash\":", json_of(outcome->crash_data));
    if (with_output) {
      line.add(",\"output\":");
      line.add_string(outcome->output);
    }
    line.add(",\"diagnostics\":");
    line.add_string(outcome->diagnostics);
    add(",\"microseconds\":",
        {{"reset", microseconds(outcome->receipt.reset)}, {"run", microseconds(outcome->receipt.run)}});
  }
  line.add("}\n");
  return line.finish();
}

}  // namespace spry
