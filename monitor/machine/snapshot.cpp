#include "spry/snapshot.h"

#include "machine/internals.h"
#include "snapshot/file.h"
#include "system/out_of_memory.h"
#include "text/format.h"

namespace spry {

Snapshot::Snapshot(std::shared_ptr<const Base> base) : base_(std::move(base)) {}

namespace {

Result<Snapshot> take_snapshot(Image image, MachineOptions options, std::optional<Outcome>* ended) {
  options.reusable = true;
  const std::string path = image.path();
  auto machine = Machine::create(std::move(image), std::move(options));
  if (!machine) return tl::unexpected(machine.error());
  Internals::data(*machine).stop_at_ready = true;
  auto outcome = machine->run();
  if (!outcome) return tl::unexpected(outcome.error());
  if (auto snapshot = machine->snapshot()) return *std::move(snapshot);
  if (const std::string& why = Internals::data(*machine).not_captured; !why.empty()) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: there is no snapshot to take: {}", path, why));
  }
  auto failed =
      fail(ErrorCode::kNotUnikernel,
           fmt::format("{}: there is no snapshot to take: before it called ready, the run ended ({}{}{})", path,
                       to_string(outcome->reason), outcome->message.empty() ? "" : ": ", outcome->message));
  if (ended != nullptr) *ended = *std::move(outcome);
  return failed;
}

}  // namespace

Result<Snapshot> Snapshot::take(Image image, MachineOptions options, std::optional<Outcome>* ended) {
  if (ended != nullptr) ended->reset();
  return or_out_of_memory([&] { return take_snapshot(std::move(image), std::move(options), ended); });
}

Result<Snapshot> Snapshot::load(const std::string& path, bool verify) {
  return or_out_of_memory([&]() -> Result<Snapshot> {
    auto base = load_snapshot(path, verify);
    if (!base) return tl::unexpected(base.error());
    return Snapshot(*std::move(base));
  });
}

bool Snapshot::recognise(const std::string& path) { return recognise_snapshot(path); }

Result<void> Snapshot::save(const std::string& path) const {
  return or_out_of_memory([&] { return save_snapshot(*base_, path); });
}

const std::string& Snapshot::path() const { return base_->path; }
const Manifest& Snapshot::manifest() const { return base_->manifest; }

const std::vector<std::string>& Snapshot::arguments() const { return base_->arguments; }
std::uint64_t Snapshot::memory() const { return base_->layout.memory; }

std::uint64_t Snapshot::contents_size() const {
  std::uint64_t size = 0;
  for (const ContentsRun& run : base_->contents.runs()) size += run.range.size();
  return size;
}

}  // namespace spry
