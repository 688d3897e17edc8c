// `spry pool`: the order of this file is the order of a run.
#include "spry/pool.h"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "cli/commands.h"
#include "cli/file_uses.h"
#include "cli/guest_machine.h"
#include "cli/modules.h"
#include "cli/notice.h"
#include "cli/options.h"
#include "cli/pool_inputs.h"
#include "cli/pool_outputs.h"
#include "cli/program.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "system/io.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kExitActionsFailed = 1;

std::string line_of(std::string_view name, const Histogram& durations) {
  const auto us = [](std::chrono::nanoseconds duration) { return static_cast<double>(duration.count()) / 1000; };
  return fmt::format("  {:<8} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n", name, us(durations.quantile(0.5)),
                     us(durations.quantile(0.99)), us(durations.quantile(0.999)), us(durations.largest()));
}

std::string describe(const PoolStatistics& counts, Clock::duration elapsed, unsigned workers) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const std::uint64_t done = counts.completed + counts.failed;
  std::string text = fmt::format("{} actions in {:.3f} s, {:.0f} a second, {} workers, {}\n", done, seconds,
                                 static_cast<double>(done) / seconds, workers, to_string(counts.platform));
  for (std::size_t i = 0; i < counts.reasons.size(); ++i) {
    if (counts.reasons[i] != 0) text += fmt::format("  {:<8} {:>10}\n", to_string(Reason(i)), counts.reasons[i]);
  }
  if (counts.failed != 0) text += fmt::format("  {:<8} {:>10}\n", "failed", counts.failed);
  text += fmt::format("  resets   {:>10} ({} after failures), rebuilds {}, machines {}\n",
                      counts.resets + counts.resets_after_failure, counts.resets_after_failure, counts.rebuilds,
                      counts.machines);
  text += fmt::format("  {:<8} {:>10} {:>10} {:>10} {:>10}\n", "us", "p50", "p99", "p99.9", "max");
  return text + line_of("queue", counts.queue) + line_of("service", counts.service) + line_of("reset", counts.reset) +
         line_of("total", counts.total);
}

Result<Pool> open_pool(PoolCommandOptions& options, const PoolInputs& inputs, FileUses& files) {
  auto program = Program::load(options.unikernel, false);
  if (!program) return tl::unexpected(std::move(program.error()));
  auto machine = guest_machine(options, program->manifest(), ConsoleTo::kOutcome, files);
  if (!machine) return tl::unexpected(std::move(machine.error()));
  tell_of_platform(options.platform);
  PoolOptions pool;
  pool.machine = *std::move(machine);
  pool.workers = options.workers;
  pool.queue_bytes = options.max_held;
  pool.machine.max_input = inputs.limit();
  return program->take([&](auto held) { return Pool::create(std::move(held), std::move(pool)); });
}

Result<int> run_pool(PoolCommandOptions& options) {
  FileUses files;  // before the pool, whose workers open devices
  auto used = files.read(fmt::format("unikernel {}", escape(options.unikernel)), options.unikernel);
  if (!used) return tl::unexpected(std::move(used.error()));
  auto inputs = PoolInputs::open(options.inputs, options.repeat, files);
  if (!inputs) return tl::unexpected(std::move(inputs.error()));
  inputs->limit(options.max_input.value_or(inputs->needed()));
  // These too are made before the pool: its workers call them.
  Progress progress(inputs->count(), options.outputs == nullptr);
  PoolOutputs outputs(files, options.max_held, options.json, progress);
  if (options.outputs != nullptr) {
    auto opened = outputs.open_directory(options.outputs, options.inputs);
    if (!opened) return tl::unexpected(std::move(opened.error()));
    heed_signals_between_steps();
  }
  auto pool = open_pool(options, *inputs, files);
  if (!pool) return tl::unexpected(std::move(pool.error()));
  std::optional<Error> unread;
  std::uint64_t submitted = 0;
  const Clock::time_point start = Clock::now();
  for (; !outputs.error(); ++submitted) {
    auto input = inputs->next();
    // Inputs that were taken before the error are still run.
    if (!input) unread = std::move(input.error());
    if (unread || !*input) break;
    outputs.expect();
    auto put = [&outputs, index = submitted, name = std::move((*input)->name)](Result<Outcome> outcome) {
      outputs.put(index, name, std::move(outcome));
    };
    // An input that cannot be read or is too long fails alone; the others are run.
    auto taken = (*input)->bytes ? pool->submit(*std::move((*input)->bytes), put)
                                 : Result<void>(tl::unexpected(std::move((*input)->bytes.error())));
    if (!taken) put(tl::unexpected(std::move(taken.error())));
    progress.show(outputs.written());
  }
  while (progress.shown() && outputs.written() < submitted) {
    constexpr auto kLook = std::chrono::milliseconds(20);
    std::this_thread::sleep_for(kLook);
    progress.show(outputs.written());
  }
  pool->drain();
  progress.end();
  const Clock::duration elapsed = Clock::now() - start;
  if (unread) return tl::unexpected(*std::move(unread));
  if (outputs.error()) return tl::unexpected(*outputs.error());
  // The statistics are too large for a small stack.
  const std::unique_ptr<const PoolStatistics> counts(new PoolStatistics(pool->statistics()));
  write_all(STDERR_FILENO, describe(*counts, elapsed, pool->workers()));
  return outputs.failures() == 0 ? kExitSuccess : kExitActionsFailed;
}

}  // namespace

int pool_command(int argc, char** argv) {
  auto options = parse_pool(argc, argv, modules);
  if (!options) return complain(options.error());
  if (options->help) return print_help("pool");
  const Result<int> code = run_pool(*options);
  return code ? *code : complain(code.error());
}

}  // namespace spry
