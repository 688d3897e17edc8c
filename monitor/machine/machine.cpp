#include "spry/machine.h"

#include "machine/action.h"
#include "machine/build.h"
#include "machine/internals.h"
#include "machine/reset.h"
#include "system/clock.h"
#include "system/out_of_memory.h"
#include "text/format.h"

namespace spry {

std::optional<std::span<std::byte>> MachineData::resolve(GuestPointer pointer, std::uint64_t length, Access access) {
  auto found = memory.resolve(pointer, length, access);
  if (found && access == Access::kWrite && dirty.enabled() && length != 0) {
    const std::uint64_t start = static_cast<std::uint64_t>(pointer) - layout().slide;
    dirty.mark({start, start + length});
  }
  return found;
}

bool MachineData::write(GuestPointer to, std::span<const std::byte> from) {
  return resolve(to, from.size(), Access::kWrite) && memory.write(to, from);
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kExit:
      return "exit";
    case Reason::kAbort:
      return "abort";
    case Reason::kFault:
      return "fault";
    case Reason::kDeadline:
      return "deadline";
    case Reason::kInterrupted:
      return "interrupted";
    case Reason::kTooMuchOutput:
      return "output";
    case Reason::kCpuLimit:
      return "cpu";
  }
  return "unknown";
}

Machine::Machine(std::unique_ptr<MachineData> data) : data_(std::move(data)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

namespace {

Result<Machine> make(std::unique_ptr<Vcpu> shell, std::optional<Image> image, std::shared_ptr<const Base> base,
                     MachineOptions options) {
  return or_out_of_memory([&]() -> Result<Machine> {
    const std::uint64_t start = host_monotonic_ns();
    auto data = std::make_unique<MachineData>(std::move(options));
    if (auto built = build(*data, std::move(shell), image ? &*image : nullptr, std::move(base)); !built) {
      return tl::unexpected(built.error());
    }
    data->action.outcome.receipt.create = std::chrono::nanoseconds(host_monotonic_ns() - start);
    return Internals::machine(std::move(data));
  });
}

tl::unexpected<Error> unusable(const MachineData& machine) {
  return fail(ErrorCode::kClosed, fmt::format("{}: its machine failed before and cannot be used", machine.base->name));
}

Result<Outcome> run(MachineData& machine, const Input& input, const ActionOptions& action) {
  if (auto begun = begin_action(machine, input, action); !begun) return tl::unexpected(begun.error());
  if (auto done = run_action(machine); !done) {
    machine.phase = Phase::kBroken;
    return tl::unexpected(std::move(done.error()));
  }
  Outcome& outcome = machine.action.outcome;
  for (const auto& device : machine.devices) {
    if (device != nullptr) device->collect(outcome);
  }
  if (machine.options.measure_memory) outcome.receipt.memory_touched = machine.memory.resident();
  return std::move(outcome);
}

}  // namespace

Result<Machine> Machine::create(Image image, MachineOptions options) {
  return make(nullptr, std::move(image), nullptr, std::move(options));
}

Result<Machine> Machine::create(Shell shell, Image image, MachineOptions options) {
  return make(Internals::take(std::move(shell)), std::move(image), nullptr, std::move(options));
}

Result<Machine> Machine::create(Snapshot snapshot, MachineOptions options) {
  return make(nullptr, std::nullopt, Internals::take(std::move(snapshot)), std::move(options));
}

Result<Machine> Machine::create(Shell shell, Snapshot snapshot, MachineOptions options) {
  return make(Internals::take(std::move(shell)), std::nullopt, Internals::take(std::move(snapshot)),
              std::move(options));
}

Result<void> Machine::reset() {
  if (data_->phase == Phase::kReady) return {};
  return or_out_of_memory([this]() -> Result<void> {
    if (!usable()) return unusable(*data_);
    if (data_->options.reusable) return reset_machine(*data_);
    return fail(ErrorCode::kClosed,
                fmt::format("{}: the machine has run its action, and is not reusable", data_->base->name));
  });
}

Result<Outcome> Machine::run(const Input& input, const ActionOptions& action) {
  if (auto ready = reset(); !ready) return tl::unexpected(std::move(ready.error()));
  MachineData& machine = *data_;
  bool ended = false;
  auto outcome = or_out_of_memory([&] {
    auto made = spry::run(machine, input, action);
    ended = true;
    return made;
  });
  machine.action.input = nullptr;
  // Memory ran out within the action. No reset undoes what it left half done.
  if (!ended) machine.phase = Phase::kBroken;
  return outcome;
}

bool Machine::usable() const { return data_->usable(); }

void Machine::interrupt() noexcept {
  data_->waiting.interrupt();
  data_->vcpu->kick();
}

std::optional<Snapshot> Machine::snapshot() const {
  if (!data_->base->at_ready) return std::nullopt;
  return Internals::snapshot(data_->base);
}

Result<Shell> Machine::release() && {
  return or_out_of_memory([this]() -> Result<Shell> {
    MachineData& machine = *data_;
    if (!usable()) return unusable(machine);
    if (auto empty = machine.vcpu->empty(); !empty) return tl::unexpected(empty.error());
    std::unique_ptr<Vcpu> shell = std::move(machine.vcpu);
    data_.reset();
    return Internals::shell(std::move(shell));
  });
}

}  // namespace spry
