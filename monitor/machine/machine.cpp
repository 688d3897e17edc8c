#include "spry/machine.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "cpu/x86.h"
#include "kvm/entry_state.h"
#include "kvm/features.h"
#include "kvm/trampoline.h"
#include "machine/action.h"
#include "machine/internals.h"
#include "machine/reset.h"
#include "machine/verify.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

Result<void> check_options(const MachineOptions& options) {
  if (options.deadline && options.deadline->count() <= 0) {
    return fail(ErrorCode::kMonitor, "a deadline is at least one nanosecond");
  }
  if (options.max_input > kMaximumInput) {
    return fail(ErrorCode::kMonitor,
                fmt::format("inputs of up to {} bytes: no input has more than 16 GiB", options.max_input));
  }
  if (options.verify && !options.reusable) {
    return fail(ErrorCode::kMonitor, "a machine that is not reusable has no reset to verify");
  }
  return {};
}

// Opens the device for each handle of the manifest; both sides name the same ones.
Result<void> open_devices(MachineData& machine, const Manifest& manifest, const std::string& path) {
  std::vector<Attachment> attachments = std::move(machine.options.devices);
  for (const DeviceNeed& need : manifest.devices) {
    auto same = [&need](const Attachment& one) { return one.kind == need.kind && one.name == need.name; };
    auto found = std::find_if(attachments.begin(), attachments.end(), same);
    if (found == attachments.end()) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("{}: it needs the {} device {}, which is not attached", path, need.kind, need.name));
    }
    auto device = found->open(need);
    if (!device) return tl::unexpected(device.error());
    if (std::string reason = (*device)->single_use(); machine.options.reusable && !reason.empty()) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("{}: the {} device {} serves one action only: {}", path, need.kind, need.name, reason));
    }
    if (machine.devices.size() <= need.handle) machine.devices.resize(need.handle + 1);
    machine.devices[need.handle] = std::move(*device);
    attachments.erase(found);
  }
  for (const Attachment& left : attachments) {
    if (left.optional) continue;
    return fail(ErrorCode::kMonitor, fmt::format("{}: the {} device {} is attached, but the manifest does not name it",
                                                 path, left.kind, left.name));
  }
  return {};
}

std::vector<std::uint64_t> shared_sizes(const MachineData& machine) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(machine.devices.size());
  for (const auto& device : machine.devices) sizes.push_back(device == nullptr ? 0 : device->shared_size());
  return sizes;
}

// A snapshot fixes what the guest has seen already.
Result<void> check_snapshot(const MachineData& machine, const Base& base) {
  const MachineOptions& options = machine.options;
  if (options.memory && *options.memory != base.layout.memory) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: the snapshot was taken with {} KiB of memory, not {}", base.path,
                                                 base.layout.memory >> 10, *options.memory >> 10));
  }
  // The first is the program's name, which here is another file's.
  const std::vector<std::string>& given = options.arguments;
  const auto same = [&given, &base] {
    return given.size() == base.arguments.size() &&
           std::equal(given.begin() + 1, given.end(), base.arguments.begin() + 1);
  };
  if (given.size() > 1 && !same()) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: the snapshot was taken with other arguments, which belong to it", base.path));
  }
  if (shared_sizes(machine) != base.shared) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: the snapshot was taken with devices that share other memory", base.path));
  }
  return {};
}

// The shell that was given, or a new one, in which all that the machine may ever have fits.
Result<void> take_shell(MachineData& machine, std::unique_ptr<ShellData> given) {
  const std::uint64_t end = std::max(machine.layout().memory, machine.input_area.end);
  if (given == nullptr) {
    auto made = make_shell(end, machine.options.reusable ? machine.layout().memory / kPageSize : 0);
    if (!made) return tl::unexpected(made.error());
    given = *std::move(made);
  } else if (end > given->room) {
    return fail(
        ErrorCode::kMonitor,
        fmt::format("{}: its memory and its longest input end at {} MiB, but the shell comes from a machine that "
                    "had less, and takes {} MiB at most",
                    machine.base->path, end >> 20, given->room >> 20));
  }
  machine.shell = std::move(given);
  return {};
}

// CPU features are set before the first run and never again.
Result<void> give_features(ShellData& shell, const Base& base) {
  std::uint64_t features = with_implied(base.manifest.features);
  if (!needs_cpuid(features)) features = 0;
  if (shell.features == features) return {};
  if (shell.ran) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: the shell has run a machine with other CPU features, which are set once", base.path));
  }
  auto kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  auto enabled = enable_features(*kvm, shell.vcpu, features, base.path);
  if (enabled) shell.features = features;
  return enabled;
}

// Whole large pages of `range`, for a machine that runs once. Each costs as much as some 25 small ones, because it is
// cleared whole, and so none is for what a small action touches.
void grow_large(MachineData& machine, Range range) {
  const Range large = {round_up(range.start, kLargePageSize), round_down(range.end, kLargePageSize)};
  if (!machine.options.reusable && large.start < large.end) prefer_large_pages(machine.memory.bytes(large));
}

// Memory, page tables and slots. A base without contents gets them here: one for this machine alone in its own memory,
// one for further machines in a memfd.
Result<void> furnish(MachineData& machine, const std::shared_ptr<Base>& fresh) {
  const Base& base = *machine.base;
  const Layout& layout = base.layout;
  const bool reusable = machine.options.reusable;
  const bool low = layout.stack.start < layout.image.start;
  const Range all = {0, layout.memory};
  auto memory = GuestMemory::reserve(std::max(layout.memory, machine.input_area.end));
  if (!memory) return tl::unexpected(memory.error());
  machine.memory = std::move(*memory);
  if (fresh != nullptr && reusable) {
    auto contents = Contents::allocate(layout.memory);
    if (!contents) return tl::unexpected(contents.error());
    fresh->contents = std::move(*contents);
  }
  if (fresh != nullptr) {
    auto filled = fill_base(*fresh, reusable ? base.contents.bytes(all) : machine.memory.bytes(all),
                            reusable ? machine.input_area : Range());
    if (!filled) return filled;
  }
  std::uint64_t page_tables = base.page_tables;
  if (!base.contents.empty()) {
    // What the monitor itself reads and writes lies below the image, or, with a large stack, anywhere.
    if (auto placed = base.contents.place(machine.memory, low ? SPRY_IMAGE_MIN : layout.memory); !placed) return placed;
    if (!base.contents.in_memory()) {
      // A file has none of the monitor's pages: nothing of what they promise depends on it.
      auto built = build_monitor_pages(base, machine.memory.bytes(all), Range());
      if (!built) return tl::unexpected(built.error());
      page_tables = *built;
    }
  }
  machine.memory.set_regions(base.regions, layout.slide);
  machine.tables = PageTables(machine.memory.bytes(layout.tables), layout.tables.start, page_tables);
  machine.covered = base.covered;
  if (!low) grow_large(machine, layout.heap);  // which does not grow
  const Range covered = {0, base.covered};
  if (auto added = machine.shell->add_slot(covered, machine.memory.bytes(covered).data()); !added) return added;
  const Range input = machine.input_area;
  if (!reusable || input.empty()) return {};
  machine.memory.add_region({input, {.read = true}});
  return machine.shell->add_input_slot(input, machine.memory.bytes(input).data());
}

// Either of `image` and `snapshot`.
Result<void> build(MachineData& machine, std::unique_ptr<ShellData> shell, const Image* image,
                   std::shared_ptr<const Base> snapshot) {
  if (auto checked = check_options(machine.options); !checked) return checked;
  const Manifest& manifest = image != nullptr ? image->manifest() : snapshot->manifest;
  auto opened = open_devices(machine, manifest, image != nullptr ? image->path() : snapshot->path);
  if (!opened) return opened;
  std::shared_ptr<Base> fresh;
  if (image != nullptr) {
    auto planned = plan_base(*image, machine.options, shared_sizes(machine));
    if (!planned) return tl::unexpected(planned.error());
    fresh = std::make_shared<Base>(std::move(*planned));
    machine.base = fresh;
  } else {
    if (auto checked = check_snapshot(machine, *snapshot); !checked) return checked;
    machine.base = std::move(snapshot);
    if (machine.options.reusable) {
      auto loaded = load_contents(machine.base, machine.options);
      if (!loaded) return tl::unexpected(loaded.error());
      machine.base = *std::move(loaded);
    }
  }
  // Page tables that are shared map the input already.
  const Layout& layout = machine.layout();
  machine.input_area =
      machine.base->contents.in_memory() ? layout.input : input_area(layout.memory, machine.options.max_input);
  if (auto taken = take_shell(machine, std::move(shell)); !taken) return taken;
  Vcpu& vcpu = machine.shell->vcpu;
  if (auto given = give_features(*machine.shell, *machine.base); !given) return given;
  if (machine.options.reusable) {
    if (auto logs = machine.shell->log_writes(); !logs) return logs;
    machine.dirty = DirtyPages(machine.layout().memory);
  }
  if (auto furnished = furnish(machine, fresh); !furnished) return furnished;
  if (fresh != nullptr && machine.options.reusable) {
    auto vectors = vcpu.vector_state();
    if (!vectors) return tl::unexpected(vectors.error());
    name_legacy_parts(*vectors);
    fresh->vectors = std::make_shared<kvm_xsave>(*vectors);
    write_trampoline(*fresh, fresh->contents.bytes(fresh->layout.trampoline));
  } else if (machine.base->vectors != nullptr) {
    if (auto set = vcpu.set_vector_state(*machine.base->vectors); !set) return set;
  }
  if (machine.options.reusable) {
    auto native = can_use_trampoline(machine);
    if (!native) return tl::unexpected(native.error());
    machine.native_vectors = *native;
  }
  if ((machine.base->manifest.features & SPRY_FEATURE_CLOCK) != 0) {
    auto tsc = find_guest_tsc(vcpu);
    if (!tsc) return tl::unexpected(tsc.error());
    machine.tsc = *tsc;
  }
  machine.generation = machine.base->generation;
  return machine.options.verify ? begin_verifying(machine) : Result<void>();
}

}  // namespace

Result<void> cover_memory(MachineData& machine, std::uint64_t end) {
  const Range range = {machine.covered, end};
  grow_large(machine, range);
  if (auto added = machine.shell->add_slot(range, machine.memory.bytes(range).data()); !added) return added;
  machine.covered = end;
  const Layout& layout = machine.layout();
  Range heap = {std::max(layout.heap.start, range.start), std::min(layout.heap.end, end)};
  if (heap.start >= heap.end) return {};
  if (!machine.tables.map(heap, layout.slide, PTE_RW | PTE_US | PTE_XD)) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: its heap needs more page tables than the {} that there are",
                                                      machine.base->path, layout.tables.size() / kPageSize));
  }
  return {};
}

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

int MachineData::enter() {
  for (;;) {
    const int error = shell->vcpu.run();
    if (error != 0 || shell->vcpu.state().exit_reason != KVM_EXIT_DIRTY_RING_FULL) return error;
    if (!dirty.make_room(shell->write_log())) return EIO;
  }
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
  }
  return "unknown";
}

Machine::Machine(std::unique_ptr<MachineData> data) : data_(std::move(data)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

namespace {

Result<Machine> make(std::unique_ptr<ShellData> shell, std::optional<Image> image, std::shared_ptr<const Base> base,
                     MachineOptions options) {
  const std::uint64_t start = host_monotonic_ns();
  auto data = std::make_unique<MachineData>(std::move(options));
  if (auto built = build(*data, std::move(shell), image ? &*image : nullptr, std::move(base)); !built) {
    return tl::unexpected(built.error());
  }
  data->outcome.receipt.create = std::chrono::nanoseconds(host_monotonic_ns() - start);
  return Internals::machine(std::move(data));
}

tl::unexpected<Error> unusable(const MachineData& machine) {
  return fail(ErrorCode::kMonitor, fmt::format("{}: its machine failed before and cannot be used", machine.base->path));
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
  switch (data_->state) {
    case MachineData::State::kReady:
      return {};
    case MachineData::State::kBroken:
      return unusable(*data_);
    case MachineData::State::kUsed:
      break;
  }
  if (data_->options.reusable) return reset_machine(*data_);
  return fail(ErrorCode::kMonitor,
              fmt::format("{}: the machine has run its action, and is not reusable", data_->base->path));
}

Result<Outcome> Machine::run(const Input& input) {
  MachineData& machine = *data_;
  if (auto ready = reset(); !ready) return tl::unexpected(ready.error());
  if (auto begun = begin_action(machine, input); !begun) return tl::unexpected(begun.error());
  auto done = run_action(machine);
  machine.input = nullptr;
  if (!done) {
    machine.state = MachineData::State::kBroken;
    return tl::unexpected(std::move(done.error()));
  }
  for (const auto& device : machine.devices) {
    if (device != nullptr) device->collect(machine.outcome);
  }
  if (machine.options.measure_memory) machine.outcome.receipt.memory_touched = machine.memory.resident();
  return std::move(machine.outcome);
}

bool Machine::usable() const { return data_->state != MachineData::State::kBroken; }

void Machine::interrupt() noexcept {
  data_->interrupted.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  data_->shell->vcpu.state().immediate_exit = 1;
  data_->wait_timeout = {};
}

std::optional<Snapshot> Machine::snapshot() const {
  if (!data_->base->at_ready) return std::nullopt;
  return Internals::snapshot(data_->base);
}

Result<Shell> Machine::release() && {
  MachineData& machine = *data_;
  if (!usable()) return unusable(machine);
  if (auto empty = empty_shell(machine); !empty) return tl::unexpected(empty.error());
  std::unique_ptr<ShellData> shell = std::move(machine.shell);
  data_.reset();
  return Internals::shell(std::move(shell));
}

}  // namespace spry
