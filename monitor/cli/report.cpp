#include "cli/report.h"

#include <nlohmann/json.hpp>

namespace spry {
namespace {

using Json = nlohmann::ordered_json;

double microseconds(std::chrono::nanoseconds duration) { return static_cast<double>(duration.count()) / 1000.0; }

std::string format(Json status, std::string_view reason, const std::string& message, const Receipt& receipt,
                   const Phases& phases) {
  const auto calls = [&](std::uint32_t number) { return receipt.hypercalls[number]; };
  Json report;
  report["status"] = std::move(status);
  report["reason"] = reason;
  report["message"] = message;
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
  Json status;
  if (outcome.reason == Reason::kExit) status = outcome.status;
  return format(std::move(status), to_string(outcome.reason), outcome.message, outcome.receipt, phases);
}

std::string format_report(const Error& error, const Phases& phases) {
  return format(nullptr, "error", error.message, Receipt(), phases);
}

}  // namespace spry
