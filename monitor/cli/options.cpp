// Uses getopt_long and not CLI11. Parsing `run --memory 16M hello a b` takes getopt_long 3 us (11 with the page faults
// of musl) and CLI11 65 us, a third of what a process costs. CLI11 also needs iostream with its locales, which do not
// work with musl (monitor/cli/musl.c).
#include "cli/options.h"

#include <getopt.h>

#include <cstring>
#include <functional>

#include "platform/platforms.h"
#include "text/escape.h"
#include "text/format.h"
#include "text/units.h"

namespace spry {
namespace {

constexpr int kFirst = 256;  // beyond any character

// One command's options, in any order, and what each does with its value.
class Parser {
 public:
  using Apply = std::function<Result<void>(const char* value)>;

  Parser(std::string_view command, GuestOptions& guest, std::span<const Module* const> modules)
      : command_(command), guest_(guest) {
    options_.reserve(8 + modules.size());
    add("platform", [this](const char* value) -> Result<void> {
      const auto platform = platform_named(value);
      if (!platform) return refuse(fmt::format("--platform: \"{}\" is no platform: kvm or process", escape(value)));
      guest_.platform = *platform;
      return {};
    });
    add("memory", [this](const char* value) { return take(parse_size(named("memory"), value), guest_.memory); });
    add("deadline", [this](const char* value) {
      guest_.deadline_text = value;
      return take(parse_duration(named("deadline"), value), guest_.deadline);
    });
    for (const Module* module : modules) {
      if (module->usage.empty()) continue;
      add(module->kind, [this, module](const char* value) { return add_specification(module->kind, value); });
    }
  }

  void add(std::string_view name, Apply apply) { options_.push_back({std::string(name), std::move(apply), true}); }
  void add_flag(std::string_view name, bool& flag) {
    auto set = [&flag](const char*) {
      flag = true;
      return Result<void>();
    };
    options_.push_back({std::string(name), set, false});
  }
  void add_path(std::string_view name, const char*& path) {
    add(name, [&path](const char* value) {
      path = value;
      return Result<void>();
    });
  }
  void add_size(std::string_view name, std::optional<std::uint64_t>& size) {
    add(name, [this, name, &size](const char* value) { return take(parse_size(named(name), value), size); });
  }
  template <class T>
  void add_count(std::string_view name, T& count, std::uint64_t largest) {
    add(name, [this, name, &count, largest](const char* value) -> Result<void> {
      const Result<std::uint64_t> number = parse_count(named(name), value, largest);
      if (!number) return tl::unexpected(number.error());
      count = static_cast<T>(*number);
      return {};
    });
  }
  // Makes -`letter` a short form of --`name`.
  void set_short(char letter, std::string_view name) {
    letter_ = letter;
    letters_name_ = name;
  }

  Result<void> parse(int argc, char** argv);

  tl::unexpected<Error> refuse(std::string sentence) const {
    return fail(ErrorCode::kMonitor, fmt::format("{0}: {1} (see spry help {0})", command_, sentence));
  }

 private:
  struct Option {
    std::string name;
    Apply apply;
    bool takes_value;
  };

  std::string named(std::string_view option) const { return fmt::format("{}: --{}", command_, option); }

  template <class T>
  static Result<void> take(const Result<T>& parsed, std::optional<T>& to) {
    if (!parsed) return tl::unexpected(parsed.error());
    to = *parsed;
    return {};
  }

  Result<void> add_specification(std::string_view kind, std::string_view value);
  const Option* find(std::string_view name) const;

  std::string command_;
  GuestOptions& guest_;
  std::vector<Option> options_;
  char letter_ = 0;
  std::string_view letters_name_;
};

// The option as the user wrote it, without a value joined to it.
std::string_view spelled(std::string_view argument) { return argument.substr(0, argument.find('=')); }

Result<void> Parser::add_specification(std::string_view kind, std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return refuse(fmt::format("--{}: \"{}\" is not NAME=SPECIFICATION", kind, escape(value)));
  }
  const Specification added{kind, value.substr(0, equals), value.substr(equals + 1)};
  for (const Specification& other : guest_.specifications) {
    if (other.kind == added.kind && other.name == added.name) {
      return refuse(fmt::format("--{}: {} is given twice", kind, escape(added.name)));
    }
  }
  guest_.specifications.push_back(added);
  return {};
}

const Parser::Option* Parser::find(std::string_view name) const {
  for (const Option& one : options_) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

Result<void> Parser::parse(int argc, char** argv) {
  std::vector<option> table;
  table.reserve(options_.size() + 2);
  table.push_back({"help", no_argument, nullptr, 'h'});
  for (std::size_t i = 0; i < options_.size(); ++i) {
    table.push_back({options_[i].name.c_str(), options_[i].takes_value ? required_argument : no_argument, nullptr,
                     kFirst + static_cast<int>(i)});
  }
  table.push_back({});
  // '+': stop at UNIKERNEL, so that what follows is the guest's. ':': tell a missing value from an unknown option.
  std::string letters = "+:h";
  if (letter_ != 0) letters += {letter_, ':'};
  optind = 0;  // begin anew
  opterr = 0;  // sentences are ours
  while (true) {
    const int at = optind == 0 ? 1 : optind;
    int index = -1;
    const int code = getopt_long(argc, argv, letters.c_str(), table.data(), &index);
    if (code == -1) break;
    const std::string_view argument = argv[at];
    if (code == ':') return refuse(fmt::format("{} needs a value", escape(argument)));
    const bool abbreviated = index >= 0 && argument.starts_with("--") &&
                             spelled(argument).size() != 2 + std::strlen(table[static_cast<std::size_t>(index)].name);
    if (code == '?' || abbreviated) {
      return refuse(fmt::format("unknown option {}", escape(spelled(argument))));
    }
    if (code == 'h') {
      guest_.help = true;
      return {};
    }
    const Option& chosen = code == letter_ ? *find(letters_name_) : options_[static_cast<std::size_t>(code - kFirst)];
    if (auto applied = chosen.apply(optarg); !applied) return applied;
  }
  if (optind >= argc) return refuse("no UNIKERNEL is given");
  guest_.unikernel = argv[optind];
  guest_.arguments.assign(argv + optind, argv + argc);
  return {};
}

}  // namespace

Result<RunOptions> parse_run(int argc, char** argv, std::span<const Module* const> modules) {
  RunOptions options;
  Parser parser("run", options, modules);
  parser.add_path("input", options.input);
  parser.add_path("report", options.report);
  parser.add_flag("verify", options.verify);
  if (auto parsed = parser.parse(argc, argv); !parsed) return tl::unexpected(parsed.error());
  return options;
}

Result<PoolCommandOptions> parse_pool(int argc, char** argv, std::span<const Module* const> modules) {
  constexpr std::uint64_t kMostWorkers = 1024;
  constexpr std::uint64_t kMostRepeats = 1'000'000'000'000;
  PoolCommandOptions options;
  Parser parser("pool", options, modules);
  parser.add_path("inputs", options.inputs);
  parser.add_path("outputs", options.outputs);
  parser.add_count("repeat", options.repeat, kMostRepeats);
  parser.add_count("workers", options.workers, kMostWorkers);
  parser.add_size("max-input", options.max_input);
  std::optional<std::uint64_t> held;
  parser.add_size("max-held", held);
  parser.add_flag("json", options.json);
  if (auto parsed = parser.parse(argc, argv); !parsed) return tl::unexpected(parsed.error());
  options.max_held = held.value_or(options.max_held);
  return options;
}

Result<SnapshotCommandOptions> parse_snapshot(int argc, char** argv, std::span<const Module* const> modules) {
  SnapshotCommandOptions options;
  Parser parser("snapshot", options, modules);
  parser.add_path("output", options.output);
  parser.set_short('o', "output");
  if (auto parsed = parser.parse(argc, argv); !parsed) return tl::unexpected(parsed.error());
  if (!options.help && options.output == nullptr)
    return parser.refuse("-o FILE is missing: where the snapshot is to go");
  return options;
}

}  // namespace spry
