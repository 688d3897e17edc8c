// `spry run`: the order of this file is the order of a run.
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string_view>

#include "cli/commands.h"
#include "cli/conclusion.h"
#include "cli/file_uses.h"
#include "cli/guest_machine.h"
#include "cli/input.h"
#include "cli/modules.h"
#include "cli/notice.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/program.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "machine/internals.h"
#include "platform/platforms.h"
#include "spry/machine.h"
#include "spry/shell.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using Clock = std::chrono::steady_clock;

// A run and what it leaves behind for its report.
struct Run {
  RunOptions options;
  Machine* machine = nullptr;  // never destroyed: the end of the process is faster
  FileUses files;
  std::optional<OutputFile> report;
  Phases phases;
};

// Notes the files that the user named, each with its purpose. A run that writes no named file needs no notes.
Result<void> note_files(Run& run) {
  const RunOptions& options = run.options;
  if (options.report == nullptr && options.specifications.empty()) return {};
  auto noted = run.files.read(fmt::format("unikernel {}", escape(options.unikernel)), options.unikernel);
  if (!noted || options.input == nullptr) return noted;
  const std::string input = fmt::format("input {}", escape(options.input));
  return std::string_view(options.input) == "-" ? run.files.read(input, STDIN_FILENO)
                                                : run.files.read(input, options.input);
}

// Opens the report before the run, because a run opens nothing, and so that a report that cannot be opened is found
// before the guest has run in vain.
Result<void> open_report(Run& run) {
  const char* const path = run.options.report;
  if (path == nullptr) return {};
  auto opened = OutputFile::open(fmt::format("report {}", escape(path)), run.files, path);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  run.report = *std::move(opened);
  return {};
}

// The outcome of a run that a signal ended before there was a machine.
Outcome interrupted() {
  Outcome outcome;
  outcome.reason = Reason::kInterrupted;
  return outcome;
}

// Loads, builds and runs.
Result<Outcome> execute(Run& run, Clock::time_point start) {
  RunOptions& options = run.options;
  SignalGuard signals;
  // A guest's process starts by itself while the program is read. A VM is made later, because it depends on the
  // program.
  const Platform platform = platform_for(options.platform);
  std::optional<Result<Shell>> ahead;
  if (platform == Platform::kProcess) ahead = Shell::create(platform);
  const Clock::time_point load = Clock::now();
  Result<Program> program = Program::load(options.unikernel, options.verify);
  const Clock::time_point loaded = Clock::now();
  run.phases.load = loaded - load;
  run.phases.open = load - start;
  if (!program) return tl::unexpected(std::move(program.error()));

  Result<MachineOptions> machine_options = guest_machine(options, program->manifest(), ConsoleTo::kStandard, run.files);
  if (!machine_options) return tl::unexpected(std::move(machine_options.error()));
  Result<Input> input = options.input == nullptr ? Input() : open_input(options.input);
  run.phases.open += Clock::now() - loaded;
  if (SignalGuard::caught() != 0) return interrupted();
  if (!input) return tl::unexpected(std::move(input.error()));

  tell_of_platform(options.platform, platform);
  machine_options->max_input = input->size;
  machine_options->measure_memory = options.report != nullptr;
  if (ahead && !*ahead) return tl::unexpected(std::move(ahead->error()));
  Result<Machine> created = program->take([&](auto held) {
    return ahead ? Machine::create(**std::move(ahead), std::move(held), *std::move(machine_options))
                 : Machine::create(std::move(held), *std::move(machine_options));
  });
  if (!created) return tl::unexpected(std::move(created.error()));
  run.machine = new Machine(std::move(*created));
  // The report of an earlier run must not stay, however this one ends.
  if (run.report) {
    if (auto emptied = run.report->empty(); !emptied) return tl::unexpected(std::move(emptied.error()));
  }
  signals.interrupt(*run.machine);
  return run.machine->run(*input);
}

}  // namespace

int run_command(int argc, char** argv) {
  const Clock::time_point start = Clock::now();
  Run run;
  Result<RunOptions> options = parse_run(argc, argv, modules);
  if (!options) return complain(options.error());
  if (options->help) return print_help("run");
  run.options = std::move(*options);
  if (auto noted = note_files(run); !noted) return complain(noted.error());
  if (auto opened = open_report(run); !opened) return complain(opened.error());

  const Result<Outcome> outcome = execute(run, start);
  Result<void> written;
  if (run.report && !run.files.conflict()) {
    written =
        run.report->replace(outcome ? format_report(*outcome, run.phases) : format_report(outcome.error(), run.phases));
  }
  const int code = outcome ? conclude(run.options, *outcome) : complain(outcome.error());
  // Closes the VM before the process ends. If both ended together, the kernel would wait for two grace periods of its
  // SRCU, one for the memory and one for the VM; now it waits for one. Of many processes at a time, twice as many end.
  if (run.machine != nullptr) Internals::close_vcpu(*run.machine);
  return written ? code : complain(written.error());
}

}  // namespace spry
