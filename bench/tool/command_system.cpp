#include "tool/command_system.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "text/format.h"

namespace spry::bench {
namespace {

constexpr Nanoseconds kPatience = std::chrono::seconds(20);

Description with_command(Description description, const Arguments& arguments) {
  if (!description.how.empty()) return description;
  description.how = show_command(arguments);
  return description;
}

class CommandRunner : public Runner {
 public:
  explicit CommandRunner(CommandSystem& system) : system_(system) {}

  Result<Action> run() override {
    const Arguments arguments = system_.next_arguments();
    system_.before();
    Result<Process> process = spawn(arguments);
    if (!process) return tl::unexpected(process.error());
    Listener listener;
    while (!listener.heard() && listener.receive(process->output.get())) {
    }
    if (listener.heard()) {
      while (listener.receive(process->output.get())) {
      }
    }
    const Result<Usage> used = wait_for(process->pid, arguments);
    const Time end = Clock::now();
    if (!used) return tl::unexpected(used.error());
    if (system_.silent()) return Action{process->start, end, end, *used};
    if (!listener.heard()) {
      return fail(ErrorCode::kMonitor, fmt::format("\"{}\" did not print Hello", show_command(arguments)));
    }
    return Action{process->start, listener.hello(), end, *used};
  }

 private:
  CommandSystem& system_;
};

// The end of what a command printed, on one line.
std::string last_words(std::string text) {
  constexpr std::size_t kMost = 200;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& character : text) {
    if (static_cast<unsigned char>(character) < ' ') character = ' ';
  }
  return text.size() > kMost ? "..." + text.substr(text.size() - kMost) : text;
}

}  // namespace

CommandSystem::CommandSystem(Description description, CommandOptions options, Collector& collector)
    : System(with_command(std::move(description), options.arguments)),
      options_(std::move(options)),
      collector_(collector) {}

Arguments CommandSystem::next_arguments() {
  constexpr std::string_view kPlace = "{id}";
  Arguments arguments = options_.arguments;
  const unsigned number = actions_++;
  for (std::string& argument : arguments) {
    const std::size_t at = argument.find(kPlace);
    if (at == std::string::npos) continue;
    argument.replace(at, kPlace.size(), fmt::format("spry-bench-{}-{}-{}", getpid(), description().name, number));
  }
  return arguments;
}

Result<void> CommandSystem::prepare() {
  const std::string& program = options_.arguments.front();
  if (access(program.c_str(), X_OK) != 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} is not there", program.empty() ? "its program" : show_command({program})));
  }
  if (options_.set_up) {
    const Result<void> ready = options_.set_up();
    if (!ready) return ready;
  }
  const Result<Captured> captured = capture(next_arguments(), kPatience);
  if (!captured) return tl::unexpected(captured.error());
  if (!WIFEXITED(captured->status) || WEXITSTATUS(captured->status) != 0) {
    return fail(ErrorCode::kMonitor,
                fmt::format("it does not work here: {}",
                            captured->output.empty() ? "it fails and prints nothing" : last_words(captured->output)));
  }
  if (!options_.silent && captured->output.find("Hello") == std::string::npos) {
    return fail(ErrorCode::kMonitor, fmt::format("it prints no Hello but \"{}\"", last_words(captured->output)));
  }
  return {};
}

Result<std::unique_ptr<Runner>> CommandSystem::runner() { return std::make_unique<CommandRunner>(*this); }

void CommandSystem::submit(Completion done) {
  Arguments arguments = next_arguments();
  before();
  Result<Process> process = spawn(arguments);
  if (!process) {
    done(tl::unexpected(process.error()));
    return;
  }
  collector_.add(std::move(*process), std::move(arguments), std::move(done));
}

}  // namespace spry::bench
