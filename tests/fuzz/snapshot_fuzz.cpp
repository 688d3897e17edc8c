// A snapshot's metadata, as if its digest were right: that of a guest of any shape, with lies put into it. What is not
// refused is built as far as possible without a machine, and the result is checked, page tables by walking them as a
// CPU would.
#include <fuzzer/FuzzedDataProvider.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include "cpu/x86.h"
#include "kvm/memory_map.h"
#include "kvm/page_tables.h"
#include "kvm/state.h"
#include "kvm/system_page.h"
#include "kvm/trampoline.h"
#include "process/guest_mappings.h"
#include "process/plan.h"
#include "snapshot/boot_pages.h"
#include "snapshot/parts.h"
#include "snapshot/soundness.h"
#include "snapshot_parts.h"
#include "spry/machine.h"

namespace {

using namespace spry;
using namespace spry::x86;

constexpr std::uint64_t kFrame = 0x000ffffffffff000;  // of an entry: where it points
constexpr std::uint64_t kFlags = PTE_US | PTE_RW | PTE_XD;

void require(bool condition, const char* rule) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

bool overlap(Range one, Range other) { return one.start < other.end && other.start < one.end; }
bool within(Range one, Range other) { return one.start >= other.start && one.end <= other.end; }

// Memory that a guest's tables may map, and how.
struct Allowed {
  Range range;
  std::uint64_t flags;
};

// Walks all page tables from the root on, as a CPU would.
class Walk {
 public:
  Walk(std::span<const std::byte> area, std::uint64_t slide, const std::vector<Allowed>& allowed)
      : area_(area), slide_(slide), allowed_(allowed) {
    table(kPageTables, 4, 0, kFlags & ~PTE_XD, 0);
  }
  std::uint64_t mapped() const { return mapped_; }  // bytes
  std::size_t tables() const { return tables_.size(); }

 private:
  // `flags` are what all levels above allow; `denied` is PTE_XD if one of them forbids execution.
  void table(std::uint64_t address, unsigned level, std::uint64_t base, std::uint64_t flags, std::uint64_t denied) {
    require(address >= kPageTables && address % kPageSize == 0 && address + kPageSize <= kPageTables + area_.size(),
            "a table lies outside of the area for tables");
    require(tables_.insert(address).second, "a table is in the tree twice");
    const std::uint64_t span = std::uint64_t{1} << (12 + 9 * (level - 1));
    for (std::uint64_t index = 0; index < 512; ++index) {
      std::uint64_t entry = 0;
      std::memcpy(&entry, area_.subspan(address - kPageTables + 8 * index, sizeof entry).data(), sizeof entry);
      if ((entry & PTE_P) == 0) continue;
      const std::uint64_t at = base + index * span;
      require((entry & PTE_A) != 0, "the CPU would write an accessed bit");
      const std::uint64_t combined = flags & (entry | ~kFlags);
      const std::uint64_t no_execute = denied | (entry & PTE_XD);
      if (level == 1 || (entry & PTE_PS) != 0) {
        require(level <= 2, "a page is larger than any that is mapped");
        require((entry & PTE_D) != 0, "the CPU would write a dirty bit");
        leaf({entry & kFrame, (entry & kFrame) + span}, at, combined | no_execute);
      } else {
        table(entry & kFrame, level - 1, at, combined, no_execute);
      }
    }
  }

  void leaf(Range physical, std::uint64_t address, std::uint64_t flags) {
    require(physical.start + slide_ == address, "a page lies elsewhere than its slide says");
    require((flags & PTE_RW) == 0 || (flags & PTE_XD) != 0, "a page may be written and executed");
    const bool user_writes = (flags & PTE_US) != 0 && (flags & PTE_RW) != 0;
    require(!user_writes || !overlap(physical, {kPageTables, kPageTables + area_.size()}),
            "the guest may write a page table");
    require(!user_writes || !overlap(physical, {kSystemPage, kPageTables}), "the guest may write the monitor's pages");
    for (const Allowed& one : allowed_) {
      if (!within(physical, one.range)) continue;
      require((flags & kFlags) == one.flags, "a page allows something else than its region");
      mapped_ += physical.size();
      return;
    }
    require(false, "a page lies in no region");
  }

  std::span<const std::byte> area_;
  std::uint64_t slide_;
  const std::vector<Allowed>& allowed_;
  std::set<std::uint64_t> tables_;
  std::uint64_t mapped_ = 0;
};

// A kind of machine that may be made of a snapshot.
struct Making {
  bool reusable;
  bool verify;
  std::uint64_t max_input;
};

void look_at_tables(const Base& base, const Making& making) {
  const Layout& layout = base.layout;
  static auto* const memory = static_cast<std::byte*>(
      mmap(nullptr, SPRY_IMAGE_MIN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  require(layout.platform.end > kPageTables + kPageSize && layout.platform.end <= SPRY_IMAGE_MIN,
          "there is no room for page tables");
  const std::span area(memory, layout.platform.end - kPageTables);
  const Range input = input_area(layout.memory, making.max_input);
  PageTables tables(area, kPageTables);
  const bool mapped = map_memory(tables, {.path = base.path,
                                          .layout = layout,
                                          .regions = base.regions,
                                          .state = base.cpu,
                                          .covered = base.covered,
                                          .end = std::max(layout.memory, input.end),
                                          .features = base.manifest.features,
                                          .input = making.reusable ? input : Range(),
                                          .reusable = making.reusable,
                                          .verify = making.verify});
  // What is mapped later: the rest of the heap, when it is touched, and the input of a machine that runs once.
  bool all = mapped;
  const std::uint64_t heap_from = std::clamp(base.covered, layout.heap.start, layout.heap.end);
  if (all && heap_from < layout.heap.end) {
    all = tables.map({heap_from, layout.heap.end}, layout.slide, user_flags({.read = true, .write = true}));
  }
  if (all && !making.reusable) all = tables.map(input, layout.slide, user_flags({.read = true}));

  std::vector<Allowed> allowed = {{{kSystemPage, kGateStack}, 0}, {{kGateStack, kPageTables}, PTE_RW | PTE_XD}};
  if (making.reusable) allowed.push_back({layout.trampoline, PTE_US});
  if (making.verify) {
    const std::uint64_t page = layout.probe.start + kPageSize;
    allowed.push_back({{layout.probe.start, page}, PTE_US});
    allowed.push_back({{page, layout.probe.end}, PTE_US | PTE_RW | PTE_XD});
  }
  for (const Region& region : base.regions) allowed.push_back({region.range, user_flags(region.permissions)});
  allowed.push_back({input, PTE_US | PTE_XD});
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    bytes += allowed[i].range.size();
    require(allowed[i].range.end <= std::max(layout.memory, input.end), "a region lies beyond the memory");
    require(!overlap(allowed[i].range, {kPageTables, layout.platform.end}), "a region lies over the page tables");
    for (std::size_t j = 0; j < i; ++j) require(!overlap(allowed[i].range, allowed[j].range), "two regions overlap");
  }
  const Walk walk(area, layout.slide, allowed);
  require(walk.tables() <= tables.used(), "there are more tables than were made");
  // If there are too few pages for tables, the machine is refused with a sentence. Else everything must be mapped.
  require(all ? walk.mapped() == bytes : walk.mapped() <= bytes, "a page is missing, or mapped twice");
  std::memset(area.data(), 0, tables.used() * kPageSize);
}

void look_at_processor(const Base& base) {
  const kvm_sregs special = to_kvm_special(base.layout, base.manifest.features, base.cpu);
  require(special.cs.dpl == 3 && special.ss.dpl == 3, "the guest would not begin in ring 3");
  require(special.cr3 == kPageTables, "the guest would begin with other page tables");
  const kvm_xsave vectors = to_kvm(*base.cpu.vectors, base.manifest.features);
  alignas(kPageSize) static std::byte page[kPageSize];
  std::memset(page, 0, sizeof page);
  write_trampoline(page, base.cpu.registers, vectors);
  const kvm_regs registers = to_kvm(base.cpu.registers);
  require((registers.rip + (1ull << 47)) >> 48 == 0, "the next instruction is nowhere");
}

// Checks what a guest's process would map.
void look_at_mappings(const Base& base) {
  const auto mappings = guest_mappings(base.regions, base.layout.slide, 0, false);
  for (const spry_mapping& mapping : mappings) {
    require((mapping.protection & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC),
            "a mapping may be written and executed");
    require(mapping.address - base.layout.slide == mapping.offset, "a mapping lies elsewhere than its slide says");
    require(mapping.size <= base.layout.memory && mapping.offset <= base.layout.memory - mapping.size,
            "a mapping lies beyond the memory");
    require(mapping.offset >= base.layout.boot.start, "a mapping shows the guest the platform's pages");
  }
}

void look_at_contents(const Base& base, const std::vector<ContentsRun>& runs, std::uint64_t size) {
  const Layout& layout = base.layout;
  require(layout.boot.size() >= sizeof(spry_boot), "there is no room for the boot page");
  SharedAreas areas(layout.shared.start);
  for (const std::uint64_t shared : base.shared) {
    require(within(areas.next(shared), layout.shared), "a shared area lies outside of them");
  }
  std::uint64_t all = 0;
  for (const ContentsRun& run : runs) {
    require(within(run.range, {layout.boot.start, layout.memory}), "contents lie over the platform's pages");
    all += run.range.size();
  }
  // Larger contents would only take longer.
  constexpr std::uint64_t kMost = std::uint64_t{4} << 20;
  if (all > kMost || layout.memory > (std::uint64_t{1} << 30)) return;
  Descriptor file(memfd_create("snapshot", MFD_CLOEXEC));
  require(ftruncate(file.get(), static_cast<off_t>(size)) == 0, "no memfd");
  auto memory = GuestMemory::reserve(layout.memory);
  require(memory.has_value(), "no memory");
  const auto placed = Contents::of_file(std::move(file), runs)
                          .place(*memory, layout.boot.start, layout.low_stack() ? SPRY_IMAGE_MIN : layout.memory);
  require(placed.has_value(), "contents that do not fit");
}

std::uint64_t pages(FuzzedDataProvider& data, std::uint64_t most) {
  return data.ConsumeIntegralInRange<std::uint64_t>(0, most) * kPageSize;
}

// A guest that a machine could have captured, of a shape that the bytes choose.
std::optional<Parts> any_shape(FuzzedDataProvider& data) {
  test::SnapshotShape shape;
  constexpr std::uint64_t kMemory[] = {kMinimumMemory, std::uint64_t{16} << 20, std::uint64_t{1} << 30, kMaximumMemory};
  constexpr std::uint64_t kSlides[] = {0, std::uint64_t{1} << 30, 0x555500000000, 0x7ff000000000};
  shape.memory = std::max(kMinimumMemory, data.PickValueInArray(kMemory) - (data.ConsumeBool() ? pages(data, 500) : 0));
  shape.slide = data.PickValueInArray(kSlides) + data.ConsumeIntegralInRange<std::uint64_t>(0, 3) * kLargePageSize;
  shape.stack = kPageSize + pages(data, data.ConsumeBool() ? 128 : 4096);
  shape.shared = {data.ConsumeIntegralInRange<std::uint64_t>(0, 1 << 17), 0,
                  data.ConsumeIntegralInRange<std::uint64_t>(0, 4096)};
  if (data.ConsumeBool())
    shape.arguments.push_back(std::string(data.ConsumeIntegralInRange<std::size_t>(0, 70000), 'x'));
  std::uint64_t at = SPRY_IMAGE_MIN + (data.ConsumeBool() ? pages(data, 4096) : 0);
  shape.segments.clear();
  for (std::size_t count = data.ConsumeIntegralInRange<std::size_t>(1, 8); count > 0; --count) {
    constexpr std::uint64_t kKinds[] = {Parts::kRead, Parts::kRead | Parts::kExecute, test::kReadWrite, 0};
    const std::uint64_t end = at + kPageSize + pages(data, data.ConsumeBool() ? 8 : 2048);
    const std::uint64_t kind = shape.segments.empty() ? kKinds[1] : data.PickValueInArray(kKinds);
    shape.segments.push_back({{at, end}, kind});
    at = end + (data.ConsumeBool() ? pages(data, 1024) : 0);
  }
  return test::shaped(shape);
}

// Changes one field of the file; with `repair`, also the fields that follow from it, so that they fit.
void lie(FuzzedDataProvider& data, Parts& parts) {
  const auto moved = [&](std::uint64_t& number) {
    constexpr std::uint64_t kUnits[] = {
        1, 8, kPageSize, kLargePageSize, std::uint64_t{1} << 30, std::uint64_t{1} << 47};
    number += data.PickValueInArray(kUnits) * static_cast<std::uint64_t>(data.ConsumeIntegralInRange<int>(-64, 64));
  };
  const auto move_range = [&](Range& range) {
    if (data.ConsumeBool()) moved(range.start);
    if (data.ConsumeBool()) moved(range.end);
  };
  const auto any = [&](auto& list) -> auto& {
    return list[data.ConsumeIntegralInRange<std::size_t>(0, list.size() - 1)];
  };
  Layout& layout = parts.layout;
  Range* const ranges[] = {&layout.platform, &layout.trampoline, &layout.probe, &layout.boot,
                           &layout.stack,    &layout.shared,     &layout.image, &layout.heap};
  std::uint64_t* const numbers[] = {&layout.slide,   &layout.memory,    &layout.initial,      &parts.covered,
                                    &parts.features, &parts.generation, &parts.registers.rip, &parts.registers.rflags};
  switch (data.ConsumeIntegralInRange<int>(0, 9)) {
    case 0:
      return move_range(*data.PickValueInArray(ranges));
    case 1:
      return moved(*data.PickValueInArray(numbers));
    case 2:
      return parts.regions.empty() ? void() : move_range(any(parts.regions).range);
    case 3:
      if (!parts.regions.empty()) any(parts.regions).permissions ^= data.ConsumeIntegralInRange<std::uint64_t>(1, 15);
      return;
    case 4:
      if (!parts.regions.empty()) parts.regions.push_back(any(parts.regions));
      return;
    case 5:
      if (!parts.regions.empty()) std::swap(any(parts.regions), any(parts.regions));
      return;
    case 6: {
      if (parts.runs.empty()) return;
      if (data.ConsumeBool()) parts.runs.push_back({{parts.runs.back().range.end, parts.runs.back().range.end}, 0});
      move_range(any(parts.runs).range);
      if (!data.ConsumeBool()) return;
      parts.runs = place_runs(parts.runs, test::kStart);
      parts.covered = covered_up_to(layout, parts.runs.back().range.end);
      return;
    }
    case 7:
      return parts.shared.empty() ? void() : moved(any(parts.shared));
    case 8: {
      auto& segment = any(parts.segments);
      moved(data.ConsumeBool() ? segment.base : segment.selector);
      return;
    }
    default:
      any(parts.vectors) ^= static_cast<std::byte>(data.ConsumeIntegral<std::uint8_t>());
  }
}

// Changes bytes of the file, whatever they mean.
void damage(FuzzedDataProvider& data, std::vector<std::byte>& bytes) {
  const std::size_t at = data.ConsumeIntegralInRange<std::size_t>(0, bytes.size() - 1);
  switch (data.ConsumeIntegralInRange<int>(0, 3)) {
    case 0:
      bytes[at] ^= static_cast<std::byte>(data.ConsumeIntegral<std::uint8_t>());
      return;
    case 1: {
      const auto number = data.ConsumeIntegral<std::uint64_t>();
      std::memcpy(&bytes[at], &number, std::min(sizeof number, bytes.size() - at));
      return;
    }
    case 2:
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), data.ConsumeIntegralInRange<std::size_t>(1, 64),
                   static_cast<std::byte>(data.ConsumeIntegral<std::uint8_t>()));
      return;
    default: {
      const std::size_t count = std::min(data.ConsumeIntegralInRange<std::size_t>(1, 64), bytes.size() - at);
      if (count == bytes.size()) return;
      const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      bytes.erase(from, from + static_cast<std::ptrdiff_t>(count));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzedDataProvider data(bytes, size);
  const Making making = {data.ConsumeBool(), data.ConsumeBool(),
                         data.ConsumeBool() ? data.ConsumeIntegralInRange<std::uint64_t>(0, 1 << 14)
                                            : data.ConsumeIntegralInRange<std::uint64_t>(0, kMaximumInput)};
  const unsigned lies = data.ConsumeIntegralInRange<unsigned>(0, 3);
  const unsigned damages = data.ConsumeIntegralInRange<unsigned>(0, 2);
  auto parts = any_shape(data);
  if (!parts) return 0;
  if (lies + damages == 0) {
    const char* const rule = contradiction(*parts, test::kStart, test::end_of(*parts));
    // any_shape() gives nothing that a machine could not have written, with one exception: the slide.
    const bool beyond = rule != nullptr && std::strstr(rule, "slide") != nullptr;
    require(rule == nullptr || beyond, rule);
  }
  for (unsigned i = 0; i < lies; ++i) lie(data, *parts);
  std::vector<std::byte> metadata = encode(*parts);
  for (unsigned i = 0; i < damages; ++i) damage(data, metadata);
  auto decoded = decode(metadata);
  if (!decoded) return 0;
  require(encode(*decoded) == metadata, "parts have two encodings");
  const std::uint64_t file_size = decoded->runs.empty() ? 0 : test::end_of(*decoded);
  if (contradiction(*decoded, test::kStart, file_size) != nullptr) return 0;
  const std::vector<ContentsRun> runs = decoded->runs;
  const auto base = base_of(*std::move(decoded), "file");
  look_at_tables(*base, {making.reusable, making.reusable && making.verify, making.max_input});
  look_at_processor(*base);
  look_at_mappings(*base);
  look_at_contents(*base, runs, file_size);
  return 0;
}
