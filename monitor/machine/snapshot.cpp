#include "spry/snapshot.h"

#include <fmt/format.h>

#include "machine/internals.h"

namespace spry {

Snapshot::Snapshot(std::shared_ptr<const Base> base) : base_(std::move(base)) {}

Result<Snapshot> Snapshot::take(Image image, MachineOptions options) {
  options.reusable = true;
  auto machine = Machine::create(image, std::move(options));
  if (!machine) return tl::unexpected(machine.error());
  Internals::data(*machine).stop_at_ready = true;
  auto outcome = machine->run();
  if (!outcome) return tl::unexpected(outcome.error());
  if (auto snapshot = machine->snapshot()) return *std::move(snapshot);
  return fail(ErrorCode::kNotUnikernel,
              fmt::format("{}: there is no snapshot to take: before it called ready, the run ended ({}{}{})",
                          image.path(), to_string(outcome->reason), outcome->message.empty() ? "" : ": ",
                          outcome->message));
}

const std::string& Snapshot::path() const { return base_->path; }
const Manifest& Snapshot::manifest() const { return base_->manifest; }

std::uint64_t Snapshot::contents_size() const {
  std::uint64_t size = 0;
  for (const ContentsRun& run : base_->contents.runs()) size += run.range.size();
  return size;
}

}  // namespace spry
