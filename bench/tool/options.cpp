#include "tool/options.h"

#include <getopt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "text/format.h"
#include "text/join.h"

namespace spry::bench {
namespace {

enum Code : int {
  kQuick = 256,
  kRounds,
  kWarmUp,
  kGap,
  kPattern,
  kDuration,
  kInFlight,
  kDispatchers,
  kSeed,
  kHourly,
  kPerAction,
  kParts,
  kOnly,
  kSolo5Hvt,
  kSolo5Spt,
  kQemuKernel,
  kMicro,
  kRevision,
};

const std::vector<std::string> kAllParts = {"latency", "fetch", "throughput", "growth", "block"};

tl::unexpected<Error> usage_error(std::string sentence) { return fail(ErrorCode::kMonitor, std::move(sentence)); }

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t comma = text.find(',');
    words.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return words;
    text.remove_prefix(comma + 1);
  }
}

void set_defaults(Options& options) {
  const bool quick = options.quick;
  options.latency.rounds = quick ? 30 : 200;
  options.latency.warm_up = quick ? 3 : 10;
  options.load.duration = quick ? std::chrono::milliseconds(500) : std::chrono::milliseconds(4000);
  options.closed_duration = quick ? std::chrono::milliseconds(400) : std::chrono::milliseconds(2000);
  options.closed_in_flight =
      quick ? std::vector<std::size_t>{1, 8, 64} : std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64};
  options.growth_rounds = quick ? 10 : 50;
  options.block_rounds = quick ? 5 : 15;
  options.parts = kAllParts;
}

// The value of an option that is a number from `least` to `most`.
Result<double> in_range(std::string_view option, std::string_view text, double least, double most) {
  const std::optional<double> value = number(text);
  if (!value || *value < least || *value > most) {
    return usage_error(fmt::format("{}: \"{}\" is not a number from {} to {}", option, text, least, most));
  }
  return *value;
}

Result<void> apply_text(Options& options, int code, const std::string& value) {
  switch (code) {
    case kPattern:
      if (value != "poisson" && value != "constant") {
        return usage_error(fmt::format("--pattern: \"{}\" is neither poisson nor constant", value));
      }
      options.load.pattern = value == "poisson" ? Pattern::kPoisson : Pattern::kConstant;
      break;
    case kParts:
      options.parts = split(value);
      for (const std::string& part : options.parts) {
        if (std::find(kAllParts.begin(), kAllParts.end(), part) == kAllParts.end()) {
          return usage_error(fmt::format("--parts: \"{}\" is none of {}", part, join(kAllParts, ", ")));
        }
      }
      break;
    case kOnly:
      options.only = split(value);
      break;
    case kSolo5Hvt:
      options.guests.solo5_hvt = value;
      break;
    case kSolo5Spt:
      options.guests.solo5_spt = value;
      break;
    case kQemuKernel:
      options.guests.qemu_kernel = value;
      break;
    case kMicro:
      options.micro = value;
      break;
    default:
      options.revision = value;
      break;
  }
  return {};
}

Result<void> apply(Options& options, int code, const std::string& value) {
  constexpr double kMany = 1e6;
  constexpr double kDay = 86400;
  constexpr double kMillisecond = 1e-3;
  const auto set = [&](std::string_view option, double least, double most, const auto& assign) -> Result<void> {
    const Result<double> parsed = in_range(option, value, least, most);
    if (!parsed) return tl::unexpected(parsed.error());
    assign(*parsed);
    return {};
  };
  switch (code) {
    case kRounds:
      // From fewer rounds percentiles would mean little.
      return set("--rounds", 30, kMany, [&](double n) { options.latency.rounds = static_cast<unsigned>(n); });
    case kWarmUp:
      return set("--warm-up", 0, kMany, [&](double n) { options.latency.warm_up = static_cast<unsigned>(n); });
    case kGap:
      return set("--gap", 0, kMany, [&](double n) { options.latency.gap = from_seconds(n * kMillisecond); });
    case kDuration:
      return set("--duration", 0.1, kDay, [&](double n) { options.load.duration = from_seconds(n); });
    case kInFlight:
      return set("--in-flight", static_cast<double>(kLeastInFlight), kMany,
                 [&](double n) { options.load.in_flight = static_cast<std::size_t>(n); });
    case kDispatchers:
      return set("--dispatchers", 1, 256, [&](double n) { options.load.dispatchers = static_cast<unsigned>(n); });
    case kSeed:
      return set("--seed", 0, 1e15, [&](double n) { options.load.seed = static_cast<std::uint64_t>(n); });
    case kHourly:
      return set("--hourly", 1e-9, kMany, [&](double n) { options.prices.hourly = n; });
    case kPerAction:
      return set("--per-action", 1e-15, kMany, [&](double n) { options.prices.per_action = n; });
    default:
      return apply_text(options, code, value);
  }
}

Result<Verb> parse_verb(std::string_view word) {
  if (word == "measure") return Verb::kMeasure;
  if (word == "table") return Verb::kTable;
  if (word == "draw") return Verb::kDraw;
  if (word == "publish") return Verb::kPublish;
  if (word == "document") return Verb::kDocument;
  if (word == "help" || word == "--help" || word == "-h") return Verb::kHelp;
  return usage_error(fmt::format("unknown command {}", word));
}

}  // namespace

bool Options::part(const std::string& name) const { return std::find(parts.begin(), parts.end(), name) != parts.end(); }

bool Options::wanted(const std::string& system) const {
  return only.empty() || std::find(only.begin(), only.end(), system) != only.end();
}

std::string usage() {
  return R"(spry-bench measures how fast an action that prints "Hello" starts, and how many a second.

  spry-bench measure [OPTION...] RESULTS   measure, and write RESULTS (JSON)
  spry-bench table RESULTS                 print RESULTS
  spry-bench draw RESULTS FOLDER           draw RESULTS into FOLDER (SVG, PNG)
  spry-bench publish RESULTS FOLDER        renew FOLDER/kvm or FOLDER/process, the set that RESULTS belong to
  spry-bench document FOLDER PAGE          write both sets between the markers of PAGE

  --quick               fewer rounds and shorter loads
  --parts LIST          some of latency,fetch,throughput,growth,block
  --only LIST           names of systems, as in the results
  --rounds N            of the latency measurement, 30 at least (200; quick: 30)
  --warm-up N           rounds before that are not counted (10; quick: 3)
  --gap MS              idle time before each invocation (0: back to back)
  --pattern NAME        of arrivals: poisson (or constant)
  --duration SECONDS    of each rate (4; quick: 0.5)
  --in-flight N         actions at once under load, 64 at least (64)
  --dispatchers N       threads that start actions (64)
  --seed N              of the arrivals (1)
  --hourly DOLLARS      price of the machine (0.188)
  --per-action DOLLARS  price of an action (0.000000417)
  --solo5-hvt FILE      a Solo5 unikernel for solo5-hvt that prints Hello
  --solo5-spt FILE      the same for solo5-spt
  --qemu-kernel FILE    a kernel that prints Hello and powers off
  --micro FILE          what spry-bench-micro wrote, to be included
  --revision TEXT       of the sources, to be noted
)";
}

Result<Options> parse_options(int argc, char** argv) {
  static const option table[] = {{"quick", no_argument, nullptr, kQuick},
                                 {"rounds", required_argument, nullptr, kRounds},
                                 {"warm-up", required_argument, nullptr, kWarmUp},
                                 {"gap", required_argument, nullptr, kGap},
                                 {"pattern", required_argument, nullptr, kPattern},
                                 {"duration", required_argument, nullptr, kDuration},
                                 {"in-flight", required_argument, nullptr, kInFlight},
                                 {"dispatchers", required_argument, nullptr, kDispatchers},
                                 {"seed", required_argument, nullptr, kSeed},
                                 {"hourly", required_argument, nullptr, kHourly},
                                 {"per-action", required_argument, nullptr, kPerAction},
                                 {"parts", required_argument, nullptr, kParts},
                                 {"only", required_argument, nullptr, kOnly},
                                 {"solo5-hvt", required_argument, nullptr, kSolo5Hvt},
                                 {"solo5-spt", required_argument, nullptr, kSolo5Spt},
                                 {"qemu-kernel", required_argument, nullptr, kQemuKernel},
                                 {"micro", required_argument, nullptr, kMicro},
                                 {"revision", required_argument, nullptr, kRevision},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  if (argc < 2) return options;
  const Result<Verb> verb = parse_verb(argv[1]);
  if (!verb) return tl::unexpected(verb.error());
  options.verb = *verb;
  if (options.verb == Verb::kHelp) return options;

  std::vector<std::pair<int, std::string>> given;
  optind = 0;  // begin anew
  opterr = 0;  // getopt_long prints no sentences of its own
  for (int code = 0; (code = getopt_long(argc - 1, argv + 1, ":", table, nullptr)) != -1;) {
    const std::string_view argument = argv[optind];
    if (code == ':') return usage_error(fmt::format("{} needs a value", argument));
    if (code == '?') return usage_error(fmt::format("unknown option {}", argument));
    if (code == kQuick)
      options.quick = true;
    else
      given.emplace_back(code, optarg);
  }
  if (options.verb != Verb::kMeasure && (options.quick || !given.empty())) {
    return usage_error("only measure takes options");
  }
  set_defaults(options);
  for (const auto& [code, value] : given) {
    const Result<void> applied = apply(options, code, value);
    if (!applied) return tl::unexpected(applied.error());
  }
  const std::vector<std::string> operands(argv + 1 + optind, argv + argc);
  const bool two = options.verb != Verb::kMeasure && options.verb != Verb::kTable;
  if (operands.size() != (two ? 2U : 1U)) {
    return usage_error(options.verb == Verb::kDocument ? "needs FOLDER and PAGE"
                       : two                           ? "needs RESULTS and FOLDER"
                                                       : "needs RESULTS");
  }
  options.results = operands[0];
  if (two) options.target = operands[1];
  return options;
}

}  // namespace spry::bench
