#include "spry/machine.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "machine/clock.h"
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

std::uint64_t area_size(const Device* device) { return device == nullptr ? 0 : round_up(device->shared_size(), 16); }

// Bytes of the boot pages: spry_boot, argv with its null, the strings.
Result<std::uint64_t> boot_size(const MachineOptions& options) {
  std::uint64_t size = (options.arguments.size() + 1) * sizeof(std::uint64_t);
  for (const std::string& argument : options.arguments) size += argument.size() + 1;
  if (size > kLargestArguments) {
    return fail(ErrorCode::kMonitor, fmt::format("the arguments take {} bytes, more than the {} that a machine has",
                                                 size, kLargestArguments));
  }
  return sizeof(spry_boot) + size;
}

void fill_boot_pages(MachineData& machine) {
  const Layout& layout = machine.layout;
  std::span<std::byte> bytes = machine.memory.bytes(layout.boot);
  auto& boot = *reinterpret_cast<spry_boot*>(bytes.data());
  auto visible = [&layout](std::uint64_t address) { return address + layout.slide; };
  boot.self = visible(layout.boot.start);
  boot.abi_version = SPRY_ABI_VERSION;
  boot.size = sizeof(spry_boot);
  boot.features = machine.image.manifest().features;
  boot.generation = 1;
  boot.flags = SPRY_BOOT_READY;
  boot.slide = layout.slide;
  boot.image_start = visible(layout.image.start);
  boot.image_end = visible(layout.image.end);
  boot.heap_start = visible(layout.heap.start);
  boot.heap_end = visible(layout.heap.end);
  boot.stack_start = visible(layout.stack.start);
  boot.stack_end = visible(layout.stack.end);
  boot.device_count = machine.devices.size();

  std::uint64_t shared = layout.shared.start;
  for (std::size_t handle = 0; handle < machine.devices.size(); ++handle) {
    std::uint64_t size = area_size(machine.devices[handle].get());
    if (machine.devices[handle] == nullptr) continue;
    machine.devices[handle]->attach(machine.memory.bytes({shared, shared + machine.devices[handle]->shared_size()}));
    if (size != 0) boot.devices[handle] = {visible(shared), machine.devices[handle]->shared_size()};
    shared += size;
  }

  const std::vector<std::string>& arguments = machine.options.arguments;
  std::uint64_t argv = sizeof(spry_boot);
  std::uint64_t strings = argv + (arguments.size() + 1) * sizeof(std::uint64_t);
  boot.argc = arguments.size();
  boot.argv = visible(layout.boot.start + argv);
  for (const std::string& argument : arguments) {
    std::uint64_t address = visible(layout.boot.start + strings);
    std::memcpy(&bytes[argv], &address, sizeof address);
    std::memcpy(&bytes[strings], argument.c_str(), argument.size() + 1);
    argv += sizeof address;
    strings += argument.size() + 1;
  }
}

Result<void> fill_entropy(spry_boot& boot) {
  std::uint8_t random[sizeof boot.seed + sizeof boot.canary];
  if (getrandom(random, sizeof random, 0) != sizeof random) {
    return fail(ErrorCode::kMonitor, fmt::format("no random bytes: {}", std::strerror(errno)));
  }
  std::memcpy(boot.seed, random, sizeof boot.seed);
  std::memcpy(&boot.canary, random + sizeof boot.seed, sizeof boot.canary);
  // A zero byte first, as C libraries do: a string that runs over cannot supply it.
  boot.canary &= ~std::uint64_t{0xff};
  return {};
}

Result<void> fill_clock(MachineData& machine, spry_boot& boot) {
  auto clock = read_clock(*machine.vcpu);
  if (!clock) return tl::unexpected(clock.error());
  boot.clock_tsc = clock->tsc;
  boot.clock_ns = clock->host_ns - machine.epoch_ns;
  boot.clock_mult = clock->scale.mult;
  boot.clock_shift = clock->scale.shift;
  boot.clock_wall = host_wall_ns() - (host_monotonic_ns() - machine.epoch_ns);
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
  fill_boot_pages(machine);
  auto& boot = *reinterpret_cast<spry_boot*>(memory.bytes(layout.boot).data());
  if (!layout.input.empty()) {
    if (auto mapped = memory.map_file(layout.input, input.descriptor, input.size); !mapped) return mapped;
    boot.input = layout.input.start + layout.slide;
    boot.input_length = input.size;
    machine.count_in(input.size);
  }
  if (auto random = fill_entropy(boot); !random) return random;
  if ((boot.features & SPRY_FEATURE_CLOCK) != 0) return fill_clock(machine, boot);
  return {};
}

// Ring 3 in 64-bit mode, entered directly: every register is set here and none is read from KVM first.
kvm_sregs special_registers(const MachineData& machine) {
  std::uint64_t slide = machine.layout.slide;
  kvm_segment flat = {};
  flat.limit = 0xffffffff;
  flat.present = 1;
  flat.dpl = 3;
  flat.s = 1;
  flat.g = 1;
  kvm_segment null = {};
  null.unusable = 1;

  kvm_sregs special = {};
  special.cs = flat;
  special.cs.selector = kUserCode;
  special.cs.type = 11;  // code, execute/read, accessed
  special.cs.l = 1;
  special.ss = flat;
  special.ss.selector = kUserData;
  special.ss.type = 3;  // data, read/write, accessed
  special.ss.db = 1;
  special.ds = special.es = special.fs = special.gs = special.ldt = null;
  special.fs.base = machine.layout.boot.start + slide;
  special.tr.base = kSystemPage + kTssOffset + slide;
  special.tr.limit = kTssLimit;
  special.tr.selector = kTaskState;
  special.tr.type = 11;  // busy 64-bit TSS: VT-x refuses to enter with an available one
  special.tr.present = 1;
  special.gdt.base = kSystemPage + kGdtOffset + slide;
  special.gdt.limit = kGdtLimit;
  special.idt.base = kSystemPage + kIdtOffset + slide;
  special.idt.limit = kIdtLimit;
  special.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
  special.cr3 = machine.tables->root();
  special.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | cr4_bits(machine.image.manifest().features);
  special.efer = EFER_LME | EFER_LMA | EFER_NXE;
  special.apic_base = APIC_BASE_RESET;
  return special;
}

// docs/abi.md, "Entry". IOPL 3 and the TSS's bitmap: some hosts read the one and some the other.
kvm_regs entry_registers(const MachineData& machine) {
  kvm_regs registers = {};
  registers.rip = machine.image.entry();
  registers.rsp = machine.layout.stack.end + machine.layout.slide;
  registers.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL3;
  registers.rax = SPRY_ENTRY_MAGIC;
  registers.rdi = machine.layout.boot.start + machine.layout.slide;
  return registers;
}

Result<void> build(MachineData& machine, std::vector<Attachment> attachments, const Input& input) {
  const Manifest& manifest = machine.image.manifest();
  machine.epoch_ns = host_monotonic_ns();
  if (!machine.options.memory) {
    machine.options.memory = std::max(kDefaultMemory, round_up(std::min(manifest.memory, kMaximumMemory), kPageSize));
  }
  if (auto checked = check_options(machine); !checked) return checked;
  if (auto attached = attach_devices(machine, std::move(attachments)); !attached) return attached;
  auto boot = boot_size(machine.options);
  if (!boot) return tl::unexpected(boot.error());
  LayoutRequest request = {*machine.options.memory, *boot, 0, input.size};
  for (const auto& device : machine.devices) request.shared += area_size(device.get());
  if (request.input > kMaximumInput) {
    return fail(ErrorCode::kMonitor, fmt::format("the input has {} bytes, more than 16 GiB", input.size));
  }
  auto layout = lay_out(machine.image, request);
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
    auto enabled = enable_features(*kvm, *machine.vcpu, manifest.features, machine.image.path());
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
  machine.vcpu->set_registers(entry_registers(machine), special_registers(machine));
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
