#include <limits>

#include "handles.h"
#include "spry/devices.h"
#include "text/escape.h"

namespace spry::c {
namespace {

// Adds an attachment for each "NAME=SPECIFICATION"; a NULL follows the last.
Result<void> attach(MachineOptions& options, const char* kind, const char* const* specifications,
                    Attachment (*make)(std::string, std::string)) {
  for (; specifications != nullptr && *specifications != nullptr; ++specifications) {
    const std::string text = *specifications;
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(ErrorCode::kInvalidArgument,
                  std::string(kind) + " \"" + escape(text) + "\": a device is given as NAME=SPECIFICATION");
    }
    options.devices.push_back(make(text.substr(0, equals), text.substr(equals + 1)));
  }
  return {};
}

// The deadline for a number of nanoseconds; none for 0.
Result<std::optional<std::chrono::nanoseconds>> deadline(std::uint64_t nanoseconds) {
  if (nanoseconds == 0) return std::nullopt;
  if (nanoseconds > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return fail(ErrorCode::kInvalidArgument, "a deadline of " + std::to_string(nanoseconds) + " ns is too long");
  }
  return std::chrono::nanoseconds(nanoseconds);
}

}  // namespace

Result<ActionOptions> action_options(const spry_action_options* given) {
  const auto from = read(given, "spry_action_options");
  if (!from) return tl::unexpected(from.error());
  return deadline(from->deadline_ns).map([](auto limit) { return ActionOptions{limit}; });
}

Result<MachineOptions> machine_options(const spry_machine_options* given) {
  const auto read_options = read(given, "spry_machine_options");
  if (!read_options) return tl::unexpected(read_options.error());
  const spry_machine_options& from = *read_options;
  constexpr unsigned kFlags = SPRY_REUSABLE | SPRY_VERIFY | SPRY_MEASURE_MEMORY | SPRY_CONSOLE;
  if ((from.flags & ~kFlags) != 0) {
    return fail(ErrorCode::kInvalidArgument,
                "the flags of struct spry_machine_options have bits that Spry " SPRY_VERSION " does not have: " +
                    std::to_string(from.flags & ~kFlags));
  }
  const auto limit = deadline(from.deadline_ns);
  if (!limit) return tl::unexpected(limit.error());
  const auto wanted = platform(from.platform);
  if (!wanted) return tl::unexpected(wanted.error());
  MachineOptions options;
  options.platform = *wanted;
  if (from.memory != 0) options.memory = from.memory;
  options.deadline = *limit;
  if (from.max_input != 0) options.max_input = from.max_input;
  for (const char* const* argument = from.arguments; argument != nullptr && *argument != nullptr; ++argument) {
    options.arguments.emplace_back(*argument);
  }
  options.devices.push_back((from.flags & SPRY_CONSOLE) != 0
                                ? console_device(from.output_descriptor, from.diagnostics_descriptor)
                                : capture(from.max_output != 0 ? from.max_output : kDefaultCapture));
  if (auto attached = attach(options, "block", from.block, block_device); !attached) {
    return tl::unexpected(attached.error());
  }
  if (auto attached = attach(options, "net", from.net, net_device); !attached) return tl::unexpected(attached.error());
  for (const auto* device = from.devices; device != nullptr && *device != nullptr; ++device) {
    auto made = attachment(*device);
    if (!made) return tl::unexpected(std::move(made.error()));
    options.devices.push_back(*std::move(made));
  }
  options.deadline_signal = from.deadline_signal;
  options.reusable = (from.flags & SPRY_REUSABLE) != 0;
  options.verify = (from.flags & SPRY_VERIFY) != 0;
  options.measure_memory = (from.flags & SPRY_MEASURE_MEMORY) != 0;
  return options;
}

}  // namespace spry::c
