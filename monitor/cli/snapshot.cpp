// `spry snapshot`.
#include "spry/snapshot.h"

#include "cli/commands.h"
#include "cli/file_uses.h"
#include "cli/guest_machine.h"
#include "cli/modules.h"
#include "cli/notice.h"
#include "cli/options.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

Result<void> take(SnapshotCommandOptions& options) {
  FileUses files;
  auto used = files.read(fmt::format("unikernel {}", escape(options.unikernel)), options.unikernel);
  if (used) used = files.write(fmt::format("snapshot {}", escape(options.output)), options.output);
  if (!used) return used;
  auto image = Image::load(options.unikernel);
  if (!image) return tl::unexpected(std::move(image.error()));
  // What is printed now belongs to each action that begins at the snapshot, and is printed then.
  auto machine = guest_machine(options, image->manifest(), ConsoleTo::kOutcome, files);
  if (!machine) return tl::unexpected(std::move(machine.error()));
  tell_of_platform(options.platform);
  auto snapshot = Snapshot::take(*std::move(image), *std::move(machine));
  if (!snapshot) return tl::unexpected(std::move(snapshot.error()));
  return snapshot->save(options.output);
}

}  // namespace

int snapshot_command(int argc, char** argv) {
  auto options = parse_snapshot(argc, argv, modules);
  if (!options) return complain(options.error());
  if (options->help) return print_help("snapshot");
  auto taken = take(*options);
  return taken ? kExitSuccess : complain(taken.error());
}

}  // namespace spry
