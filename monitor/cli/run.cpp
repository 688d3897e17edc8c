// `spry run`: the order of this file is the order of a run.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/modules.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "spry/machine.h"
#include "text/escape.h"

namespace spry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestSentence = 8192;  // of an error: a path has at most 4096 bytes

// A run and what it leaves behind for its report.
struct Run {
  RunOptions options;
  int report = -1;
  Phases phases;
};

// Opened before the run, because a run opens nothing; and a report that cannot be written shall not cost a run.
Result<int> open_report(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) {
    return fail(ErrorCode::kMonitor,
                fmt::format("report {}: cannot be opened: {}", escape(path), std::strerror(errno)));
  }
  return fd;
}

const DeviceNeed* find_need(const Manifest& manifest, const Specification& specification) {
  for (const DeviceNeed& need : manifest.devices) {
    if (need.kind == specification.kind && need.name == specification.name) return &need;
  }
  return nullptr;
}

const Module* find_module(std::string_view kind) {
  for (const Module* module : modules) {
    if (module->kind == kind) return module;
  }
  return nullptr;
}

// The user gave a device that the manifest does not name.
tl::unexpected<Error> refuse(const Specification& specification, const RunOptions& options, const Image& image) {
  const std::string about = fmt::format("--{} {}: the manifest of {}", specification.kind, escape(specification.name),
                                        escape(options.unikernel));
  std::vector<std::string> others;
  for (const DeviceNeed& need : image.manifest().devices) {
    const Module* const module = find_module(need.kind);
    if (module != nullptr && module->usage.empty()) continue;
    if (need.name == specification.name) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("{} names it as a {} device, not as a {} device", about, need.kind, specification.kind));
    }
    others.push_back(fmt::format("--{} {}", need.kind, need.name));
  }
  return fail(ErrorCode::kMonitor, fmt::format("{} names no such device{}{}", about, others.empty() ? "" : ", only ",
                                               fmt::join(others, ", ")));
}

// Opens every device that the manifest names.
Result<std::vector<Attachment>> open_devices(const RunOptions& options, const Image& image) {
  const Manifest& manifest = image.manifest();
  for (const Specification& specification : options.specifications) {
    if (find_need(manifest, specification) == nullptr) return refuse(specification, options, image);
  }
  std::vector<Attachment> devices;
  devices.reserve(manifest.devices.size());
  for (const DeviceNeed& need : manifest.devices) {
    const Module* module = find_module(need.kind);
    if (module == nullptr) {
      return fail(ErrorCode::kNotUnikernel, fmt::format("{}: needs the module {}, which this monitor was built without",
                                                        escape(options.unikernel), need.kind));
    }
    std::optional<std::string_view> text;
    for (const Specification& specification : options.specifications) {
      if (find_need(manifest, specification) == &need) text = specification.text;
    }
    Result<std::unique_ptr<Device>> device = module->open(need, text);
    // A module's sentence may hold what the user wrote as it is.
    if (!device) return fail(device.error().code, escape(device.error().message, kLongestSentence));
    devices.push_back({need.kind, need.name, std::move(*device)});
  }
  return devices;
}

// Loads, builds and runs. The machine is never destroyed: the end of the process does it faster.
Result<Receipt> execute(Run& run, Clock::time_point start) {
  RunOptions& options = run.options;
  const Clock::time_point load = Clock::now();
  Result<Image> image = Image::load(options.unikernel);
  const Clock::time_point loaded = Clock::now();
  run.phases.load = loaded - load;
  run.phases.open = load - start;
  if (!image) return tl::unexpected(std::move(image.error()));

  Result<std::vector<Attachment>> devices = open_devices(options, *image);
  if (!devices) return tl::unexpected(std::move(devices.error()));
  Result<Input> input = options.input == nullptr ? Input() : open_input(options.input);
  run.phases.open += Clock::now() - loaded;
  if (!input) return tl::unexpected(std::move(input.error()));

  MachineOptions machine_options;
  machine_options.memory = options.memory;
  machine_options.arguments = std::move(options.arguments);
  machine_options.deadline = options.deadline;
  machine_options.measure_memory = options.report != nullptr;
  Result<Machine> created = Machine::create(std::move(*image), std::move(machine_options), std::move(*devices), *input);
  if (!created) return tl::unexpected(std::move(created.error()));
  Machine* machine = new Machine(std::move(*created));
  const SignalGuard guard(*machine);
  return machine->run();
}

// Says on standard error what went wrong with the guest; the exit code of the process.
int conclude(const RunOptions& options, const Receipt& receipt) {
  constexpr int kLowBits = 0xff;
  const auto say = [&](std::string_view words) {
    std::string text = fmt::format("{}: {}", escape(options.unikernel), words);
    if (!receipt.crash.empty()) text += "\n" + receipt.crash;
    if (text.ends_with('\n')) text.pop_back();
    complain({ErrorCode::kMonitor, std::move(text)});
  };
  switch (receipt.reason) {
    case Reason::kExit:
      return receipt.status & kLowBits;
    case Reason::kAbort:
      say(fmt::format("aborted: {}", receipt.message));
      return kExitAbort;
    case Reason::kFault:
      say(receipt.message);
      return kExitFault;
    case Reason::kDeadline:
      say(fmt::format("deadline of {} passed", options.deadline_text));
      return kExitDeadline;
    case Reason::kInterrupted:
      break;
  }
  // The signal again, now with its default: whoever waits for this process sees what ended it.
  std::raise(SignalGuard::caught());
  return kExitMonitor;
}

}  // namespace

int run_command(int argc, char** argv) {
  const Clock::time_point start = Clock::now();
  Run run;
  Result<RunOptions> options = parse_run(argc, argv, modules);
  if (!options) return complain(options.error());
  if (options->help) return print_help("run");
  run.options = std::move(*options);
  const char* const report = run.options.report;
  if (report != nullptr) {
    const Result<int> opened = open_report(report);
    if (!opened) return complain(opened.error());
    run.report = *opened;
  }

  const Result<Receipt> receipt = execute(run, start);
  Result<void> written;
  if (report != nullptr) {
    written = write_report(run.report, report,
                           receipt ? format_report(*receipt, run.phases) : format_report(receipt.error(), run.phases));
  }
  const int code = receipt ? conclude(run.options, *receipt) : complain(receipt.error());
  return written ? code : complain(written.error());
}

}  // namespace spry
