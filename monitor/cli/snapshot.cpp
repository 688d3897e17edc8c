// `spry snapshot`.
#include "spry/snapshot.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "cli/commands.h"
#include "cli/conclusion.h"
#include "cli/file_uses.h"
#include "cli/guest_machine.h"
#include "cli/modules.h"
#include "cli/notice.h"
#include "cli/options.h"
#include "cli/time_limit.h"
#include "system/io.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using Clock = std::chrono::steady_clock;

// Sets `limit` to the time that is left of the deadline, which counts from `start`, but to `least` at least.
void set_limit(std::optional<TimeLimit>& limit, const SnapshotCommandOptions& options, Clock::time_point start,
               std::string_view about, std::chrono::nanoseconds least = {}) {
  if (!options.deadline) return;
  const std::chrono::nanoseconds left = *options.deadline - (Clock::now() - start);
  limit.emplace(std::max(left, least), fmt::format("spry: {}: {}deadline of {} passed\n", escape(options.unikernel),
                                                   about, options.deadline_text));
}

// Ends the command after a guest that ended before it called ready. The exit code is that of `spry run`, but a guest
// that exited with 0 is an error here too, because there is no snapshot. What the guest printed goes to standard error,
// because standard output may be where the snapshot goes.
int end_without(const SnapshotCommandOptions& options, const Outcome& outcome, Clock::time_point start) {
  constexpr std::string_view kAbout = "there is no snapshot to take: ";
  constexpr auto kAtOnce = std::chrono::milliseconds(100);  // of a guest whose deadline has passed
  std::optional<TimeLimit> limit;
  set_limit(limit, options, start, kAbout, kAtOnce);
  for (const std::string* text : {&outcome.output, &outcome.diagnostics}) write_all(STDERR_FILENO, *text);
  if (outcome.reason != Reason::kExit) return conclude(options, outcome, kAbout);
  const int status = exit_code_of(outcome);
  complain({ErrorCode::kNotUnikernel, fmt::format("{}: {}it exited with {} before it called ready",
                                                  escape(options.unikernel), kAbout, outcome.status)});
  return status == 0 ? kExitNotUnikernel : status;
}

Result<int> take(SnapshotCommandOptions& options) {
  FileUses files;
  auto used = files.read(fmt::format("unikernel {}", escape(options.unikernel)), options.unikernel);
  if (used) used = files.write(fmt::format("snapshot {}", escape(options.output)), options.output);
  if (!used) return tl::unexpected(std::move(used.error()));
  auto image = Image::load(options.unikernel);
  if (!image) return tl::unexpected(std::move(image.error()));
  // The output is kept: what the guest prints before `ready` belongs to each action from the snapshot, which prints it.
  auto machine = guest_machine(options, image->manifest(), ConsoleTo::kOutcome, files);
  if (!machine) return tl::unexpected(std::move(machine.error()));
  tell_of_platform(options.platform);
  const Clock::time_point start = Clock::now();
  std::optional<Outcome> ended;
  auto snapshot = Snapshot::take(*std::move(image), *std::move(machine), &ended);
  if (ended) return end_without(options, *ended, start);
  if (!snapshot) return tl::unexpected(std::move(snapshot.error()));
  std::optional<TimeLimit> limit;
  set_limit(limit, options, start, "the snapshot was not written: ");
  auto saved = snapshot->save(options.output);
  if (!saved) return tl::unexpected(std::move(saved.error()));
  return kExitSuccess;
}

}  // namespace

int snapshot_command(int argc, char** argv) {
  auto options = parse_snapshot(argc, argv, modules);
  if (!options) return complain(options.error());
  if (options->help) return print_help("snapshot");
  const Result<int> code = take(*options);
  return code ? *code : complain(code.error());
}

}  // namespace spry
