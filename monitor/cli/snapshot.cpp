// `spry snapshot`.
#include "spry/snapshot.h"

#include "cli/commands.h"
#include "cli/devices.h"
#include "cli/modules.h"
#include "cli/options.h"

namespace spry {
namespace {

Result<void> take(SnapshotCommandOptions& options) {
  auto image = Image::load(options.unikernel);
  if (!image) return tl::unexpected(std::move(image.error()));
  // What is printed now belongs to each action that begins at the snapshot, and is printed then.
  auto devices = attach_devices(options.unikernel, options.specifications, image->manifest(), ConsoleTo::kOutcome);
  if (!devices) return tl::unexpected(std::move(devices.error()));
  MachineOptions machine;
  machine.memory = options.memory;
  machine.arguments = std::move(options.arguments);
  machine.devices = *std::move(devices);
  machine.deadline = options.deadline;
  auto snapshot = Snapshot::take(*std::move(image), std::move(machine));
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
