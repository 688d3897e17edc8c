#include "spry/snapshot.h"

#include "machine/internals.h"
#include "machine/machine_data.h"
#include "snapshot/file.h"
#include "system/out_of_memory.h"
#include "text/format.h"

namespace spry {

Snapshot::Snapshot(std::shared_ptr<const Base> base) : base_(std::move(base)) {}

namespace {

Result<Snapshot> run_until_ready(Machine& machine, std::optional<Outcome>* ended) {
  MachineData& data = Internals::data(machine);
  const std::string& path = data.base->name;
  if (data.beginning != Beginning::kUnknown || !data.options.reusable) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: only a reusable machine that has not run yet can run until it is ready", path));
  }
  data.stop_at_ready = true;
  auto outcome = machine.run();
  data.stop_at_ready = false;
  if (!outcome) return tl::unexpected(outcome.error());
  if (auto snapshot = machine.snapshot()) return *std::move(snapshot);
  if (const std::string& why = data.not_captured; !why.empty()) {
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

Result<Snapshot> Machine::run_until_ready(std::optional<Outcome>* ended) {
  if (ended != nullptr) ended->reset();
  return or_out_of_memory([this, ended] { return spry::run_until_ready(*this, ended); });
}

Result<Snapshot> Snapshot::take(Image image, MachineOptions options, std::optional<Outcome>* ended) {
  if (ended != nullptr) ended->reset();
  options.reusable = true;
  auto machine = Machine::create(std::move(image), std::move(options));
  if (!machine) return tl::unexpected(std::move(machine.error()));
  return machine->run_until_ready(ended);
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
