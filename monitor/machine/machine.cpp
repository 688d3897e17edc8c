#include "spry/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "machine/boot_pages.h"
#include "machine/clock.h"
#include "machine/entry_state.h"
#include "machine/features.h"
#include "machine/machine_data.h"
#include "machine/system_page.h"
#include "machine/x86.h"

namespace spry {
namespace {

using namespace x86;

Result<void> check_options(const MachineData& machine) {
  std::uint64_t memory = *machine.options.memory;
  const Manifest& manifest = machine.image.manifest();
  if (memory < kMinimumMemory || memory > kMaximumMemory || memory % kPageSize != 0) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{} bytes of memory: a machine has a multiple of 4096 from 2 MiB to 32 GiB", memory));
  }
  if (memory < manifest.memory) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: its manifest asks for at least {} KiB of memory, and the machine has {} KiB",
                            machine.image.path(), (manifest.memory + 1023) >> 10, memory >> 10));
  }
  if (machine.options.deadline && machine.options.deadline->count() <= 0) {
    return fail(ErrorCode::kMonitor, "a deadline is at least one nanosecond");
  }
  return {};
}

// Sorts the attached devices by the handles of the manifest; both sides name the same ones.
Result<void> attach_devices(MachineData& machine, std::vector<Attachment> attachments) {
  const std::vector<DeviceNeed>& needs = machine.image.manifest().devices;
  const std::string& path = machine.image.path();
  for (const DeviceNeed& need : needs) {
    auto same = [&need](const Attachment& one) { return one.kind == need.kind && one.name == need.name; };
    auto found = std::find_if(attachments.begin(), attachments.end(), same);
    if (found == attachments.end()) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("{}: it needs the {} device {}, which is not attached", path, need.kind, need.name));
    }
    if (machine.devices.size() <= need.handle) machine.devices.resize(need.handle + 1);
    machine.devices[need.handle] = std::move(found->device);
    attachments.erase(found);
  }
  if (!attachments.empty()) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: the {} device {} is attached, but the manifest does not name it",
                                                 path, attachments.front().kind, attachments.front().name));
  }
  return {};
}

// Maps all user memory that is there from the beginning, and what the gates need.
Result<void> map_memory(MachineData& machine) {
  const Layout& layout = machine.layout;
  PageTables& tables = *machine.tables;
  bool mapped = tables.map({kSystemPage, kGateStack}, layout.slide, 0) &&
                tables.map({kGateStack, kPageTables}, layout.slide, PTE_RW | PTE_XD);
  std::vector<Region> regions = user_regions(machine.image, layout);
  for (const Region& region : regions) {
    // The heap comes as memory slots cover it.
    if (region.range.start == layout.heap.start && !layout.heap.empty()) continue;
    std::uint64_t flags = PTE_US | (region.permissions.write ? PTE_RW : 0) | (region.permissions.execute ? 0 : PTE_XD);
    mapped = mapped && tables.map(region.range, layout.slide, flags);
  }
  machine.memory.set_regions(std::move(regions), layout.slide);
  if (!mapped) {
    return fail(
        ErrorCode::kNotUnikernel,
        fmt::format("{}: its segments and the machine's {} KiB of memory need more page tables than the {} "
                    "that fit below {:#x}",
                    machine.image.path(), layout.memory >> 10, layout.tables.size() / kPageSize, SPRY_IMAGE_MIN));
  }
  return cover_memory(machine, layout.initial);
}

Result<void> fill_memory(MachineData& machine, const Input& input) {
  const Layout& layout = machine.layout;
  GuestMemory& memory = machine.memory;
  build_system_page(memory.bytes({kSystemPage, kGateStack}), kSystemPage + layout.slide, kPageTables + layout.slide);
  for (const Segment& segment : machine.image.segments()) {
    std::span<const std::byte> contents = machine.image.contents(segment);
    std::copy(contents.begin(), contents.end(),
              memory.bytes({segment.address, segment.address + contents.size()}).begin());
  }
  if (!layout.input.empty()) {
    if (auto mapped = memory.map_file(layout.input, input.descriptor, input.size); !mapped) return mapped;
    machine.count_in(input.size);
  }
  return fill_boot_pages(machine, input.size);
}

Result<void> build(MachineData& machine, std::vector<Attachment> attachments, const Input& input) {
  const Manifest& manifest = machine.image.manifest();
  machine.epoch_ns = host_monotonic_ns();
  if (!machine.options.memory) {
    machine.options.memory = std::max(kDefaultMemory, round_up(std::min(manifest.memory, kMaximumMemory), kPageSize));
  }
  if (auto checked = check_options(machine); !checked) return checked;
  if (auto attached = attach_devices(machine, std::move(attachments)); !attached) return attached;
  auto boot = boot_pages_size(machine.options);
  if (!boot) return tl::unexpected(boot.error());
  if (input.size > kMaximumInput) {
    return fail(ErrorCode::kMonitor, fmt::format("the input has {} bytes, more than 16 GiB", input.size));
  }
  auto layout = lay_out(machine.image, {*machine.options.memory, *boot, shared_areas_size(machine), input.size});
  if (!layout) return tl::unexpected(layout.error());
  machine.layout = *layout;

  auto kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  auto vm = kvm->create_vm();
  if (!vm) return tl::unexpected(vm.error());
  machine.vm = std::move(*vm);
  auto vcpu = machine.vm->create_vcpu();
  if (!vcpu) return tl::unexpected(vcpu.error());
  machine.vcpu = std::move(*vcpu);
  if (needs_cpuid(manifest.features)) {
    auto enabled = enable_features(*kvm, *machine.vcpu, with_implied(manifest.features), machine.image.path());
    if (!enabled) return enabled;
  }

  auto memory = GuestMemory::reserve(machine.layout.reserved());
  if (!memory) return tl::unexpected(memory.error());
  machine.memory = std::move(*memory);
  machine.tables.emplace(machine.memory.bytes(machine.layout.tables), machine.layout.tables.start);
  if (auto mapped = map_memory(machine); !mapped) return mapped;
  if (auto filled = fill_memory(machine, input); !filled) return filled;
  if (!machine.layout.input.empty()) {
    Range range = machine.layout.input;
    auto added =
        machine.vm->set_memory_slot(machine.slots++, range.start, range.size(), machine.memory.bytes(range).data());
    if (!added) return added;
  }
  machine.vcpu->set_registers(entry_registers(machine.layout, machine.image.entry()),
                              entry_special_registers(machine.layout, with_implied(manifest.features)));
  machine.receipt.memory_reserved = machine.layout.memory;
  return {};
}

}  // namespace

Result<void> cover_memory(MachineData& machine, std::uint64_t end) {
  std::uint64_t start = machine.covered;
  auto added =
      machine.vm->set_memory_slot(machine.slots, start, end - start, machine.memory.bytes({start, end}).data());
  if (!added) return added;
  ++machine.slots;
  machine.covered = end;
  Range heap = {std::max(machine.layout.heap.start, start), std::min(machine.layout.heap.end, end)};
  if (heap.start >= heap.end) return {};
  if (!machine.tables->map(heap, machine.layout.slide, PTE_RW | PTE_US | PTE_XD)) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: its heap needs more page tables than the {} that there are",
                                                      machine.image.path(), machine.layout.tables.size() / kPageSize));
  }
  return {};
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

Result<Machine> Machine::create(Image image, MachineOptions options, std::vector<Attachment> devices, Input input) {
  auto data = std::make_unique<MachineData>(std::move(image));
  data->options = std::move(options);
  if (auto built = build(*data, std::move(devices), input); !built) return tl::unexpected(built.error());
  data->receipt.create = std::chrono::nanoseconds(host_monotonic_ns() - data->epoch_ns);
  return Machine(std::move(data));
}

}  // namespace spry
