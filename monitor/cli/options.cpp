// getopt_long and not CLI11: to parse `run --memory 16M hello a b` takes 3 us (11 with musl's page faults) against
// CLI11's 65, a third of what a process costs, and CLI11 needs iostream and its locales, which musl cannot serve.
#include "cli/options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <cstring>

#include "cli/units.h"
#include "text/escape.h"

namespace spry {
namespace {

constexpr int kMemory = 256;  // beyond any character
constexpr int kDeadline = 257;
constexpr int kInput = 258;
constexpr int kReport = 259;
constexpr int kFirstModule = 512;

tl::unexpected<Error> usage_error(std::string sentence) {
  return fail(ErrorCode::kMonitor, fmt::format("run: {} (see spry help run)", sentence));
}

// The option as the user wrote it, without a value joined to it.
std::string_view spelled(std::string_view argument) { return argument.substr(0, argument.find('=')); }

Result<void> add_specification(RunOptions& options, std::string_view kind, std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return usage_error(fmt::format("--{}: \"{}\" is not NAME=SPECIFICATION", kind, escape(value)));
  }
  const Specification added{kind, value.substr(0, equals), value.substr(equals + 1)};
  for (const Specification& other : options.specifications) {
    if (other.kind == added.kind && other.name == added.name) {
      return usage_error(fmt::format("--{}: {} is given twice", kind, escape(added.name)));
    }
  }
  options.specifications.push_back(added);
  return {};
}

Result<void> apply(RunOptions& options, int code, const char* value, std::span<const Module* const> modules) {
  switch (code) {
    case kMemory: {
      const Result<std::uint64_t> size = parse_size("run: --memory", value);
      if (!size) return tl::unexpected(size.error());
      options.memory = *size;
      return {};
    }
    case kDeadline: {
      const Result<std::chrono::nanoseconds> duration = parse_duration("run: --deadline", value);
      if (!duration) return tl::unexpected(duration.error());
      options.deadline = *duration;
      options.deadline_text = value;
      return {};
    }
    case kInput:
      options.input = value;
      return {};
    case kReport:
      options.report = value;
      return {};
    default:
      return add_specification(options, modules[static_cast<std::size_t>(code - kFirstModule)]->kind, value);
  }
}

}  // namespace

Result<RunOptions> parse_run(int argc, char** argv, std::span<const Module* const> modules) {
  std::vector<option> table = {{"help", no_argument, nullptr, 'h'},
                               {"memory", required_argument, nullptr, kMemory},
                               {"deadline", required_argument, nullptr, kDeadline},
                               {"input", required_argument, nullptr, kInput},
                               {"report", required_argument, nullptr, kReport}};
  std::vector<std::string> kinds;  // owns the zero-terminated names that `table` points at
  kinds.reserve(modules.size());
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (modules[i]->usage.empty()) continue;
    kinds.emplace_back(modules[i]->kind);
    table.push_back({kinds.back().c_str(), required_argument, nullptr, kFirstModule + static_cast<int>(i)});
  }
  table.push_back({});

  RunOptions options;
  optind = 0;  // begin anew
  opterr = 0;  // sentences are ours
  while (true) {
    const int at = optind == 0 ? 1 : optind;
    int index = -1;
    // '+': stop at UNIKERNEL, so that what follows is the guest's. ':': tell a missing value from an unknown option.
    const int code = getopt_long(argc, argv, "+:h", table.data(), &index);
    if (code == -1) break;
    const std::string_view argument = argv[at];
    if (code == ':') return usage_error(fmt::format("{} needs a value", escape(argument)));
    const bool abbreviated = index >= 0 && argument.starts_with("--") &&
                             spelled(argument).size() != 2 + std::strlen(table[static_cast<std::size_t>(index)].name);
    if (code == '?' || abbreviated) {
      return usage_error(fmt::format("unknown option {}", escape(spelled(argument))));
    }
    if (code == 'h') {
      options.help = true;
      return options;
    }
    const Result<void> applied = apply(options, code, optarg, modules);
    if (!applied) return tl::unexpected(applied.error());
  }
  if (optind >= argc) return usage_error("no UNIKERNEL is given");
  options.unikernel = argv[optind];
  options.arguments.assign(argv + optind, argv + argc);
  return options;
}

}  // namespace spry
