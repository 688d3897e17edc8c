#include "snapshot/soundness.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"
#include "snapshot/boot_pages.h"
#include "spry/abi.h"

namespace spry {
namespace {

using namespace x86;

constexpr std::size_t kMostRegions = 128;
constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 47;  // of guest virtual addresses
constexpr std::uint64_t kLatest = std::uint64_t{1} << 62;   // for what counts up
constexpr std::uint64_t kReadWrite = Parts::kRead | Parts::kWrite;

bool inside(Range range, std::uint64_t start, std::uint64_t end) {
  return range.start >= start && range.start <= range.end && range.end <= end;
}

bool same(Range one, Range other) { return one.start == other.start && one.end == other.end; }

bool aligned(Range range) { return (range.start | range.end) % kPageSize == 0; }

bool is_name(std::string_view text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
  });
}

// True if the array holds its text, at least one zero behind it, and nothing but zeros after that.
template <std::size_t N>
bool padded(const std::array<char, N>& array) {
  const auto end = std::find(array.begin(), array.end(), '\0');
  return end != array.end() && std::all_of(end, array.end(), [](char c) { return c == '\0'; });
}

const char* of_devices(const Parts& parts) {
  if (parts.shared.size() > SPRY_DEVICES_MAX) return "it has more devices than there are handles";
  if (parts.devices.size() != parts.shared.size() || parts.constants.size() != parts.shared.size()) {
    return "its lists of devices differ in length";
  }
  if (parts.needs.empty() != parts.shared.empty()) return "its lists of devices differ in length";
  std::uint64_t named = 0;
  for (std::size_t i = 0; i < parts.needs.size(); ++i) {
    const Parts::Need& need = parts.needs[i];
    if (need.handle >= parts.shared.size() || (i != 0 && need.handle <= parts.needs[i - 1].handle)) {
      return "its devices are not in the order of their handles";
    }
    if (!padded(need.kind) || !padded(need.name) || !is_name(text_of(need.kind), "-") ||
        !is_name(text_of(need.name), "_-")) {
      return "a device has a name that no manifest can have";
    }
    named |= std::uint64_t{1} << need.handle;
  }
  if (!parts.needs.empty() && parts.needs.back().handle + 1 != parts.shared.size()) {
    return "its lists of devices differ in length";
  }
  for (std::size_t handle = 0; handle < parts.shared.size(); ++handle) {
    if (parts.shared[handle] > parts.layout.memory) return "a device shares more than its memory";
    const bool nothing = parts.shared[handle] == 0 && parts.devices[handle].empty() && parts.constants[handle].empty();
    if ((named >> handle & 1) == 0 && !nothing) return "a handle without a device has something";
  }
  return nullptr;
}

// The whole layout follows from a few of its numbers: it is laid out again from those, and must be the same.
const char* of_layout(const Parts& parts) {
  const Layout& layout = parts.layout;
  if (layout.memory < kMinimumMemory || layout.memory > kMaximumMemory || layout.memory % kPageSize != 0) {
    return "no machine has so much memory";
  }
  if (layout.slide % kLargePageSize != 0 || layout.slide >= kUserEnd ||
      input_area(layout.memory, kMaximumInput).end > kUserEnd - layout.slide) {
    return "its slide is none that an image can have";
  }
  if (!inside(layout.image, SPRY_IMAGE_MIN, layout.memory) || !aligned(layout.image) || layout.image.empty()) {
    return "its image does not lie in its memory";
  }
  const auto boot = boot_pages_size(parts.arguments);
  if (!boot) return "its arguments take more than a machine has room for";
  const std::uint64_t shared = shared_areas_size(parts.shared);
  if (shared > layout.memory || !inside({layout.stack.start, layout.shared.end}, 0, layout.memory)) {
    return "its stack does not lie in its memory";
  }
  const std::uint64_t both = layout.shared.end - layout.stack.start;
  if (both % kPageSize != 0 || both <= round_up(shared, kPageSize)) return "it has no stack";
  const auto placed = lay_out({layout.slide, layout.image, both - round_up(shared, kPageSize)},
                              {.memory = layout.memory, .boot = *boot, .shared = shared, .reusable = true});
  if (!placed || std::memcmp(&*placed, &layout, sizeof layout) != 0)
    return "its parts do not lie where a machine has them";
  return nullptr;
}

const char* of_regions(const Parts& parts) {
  const Layout& layout = parts.layout;
  if (parts.regions.size() > kMostRegions) return "its memory is in too many pieces";
  const Parts::Region boot = {layout.boot, Parts::kRead};
  const Parts::Region stack = {{layout.stack.start, layout.shared.end}, kReadWrite};
  const Parts::Region heap = {layout.heap, kReadWrite};
  std::span<const Parts::Region> rest = parts.regions;
  const auto is = [](const Parts::Region& one, const Parts::Region& other) {
    return same(one.range, other.range) && one.permissions == other.permissions;
  };
  const auto take_first = [&](const Parts::Region& region) {
    if (rest.empty() || !is(rest.front(), region)) return false;
    rest = rest.subspan(1);
    return true;
  };
  const auto take_last = [&](const Parts::Region& region) {
    if (rest.empty() || !is(rest.back(), region)) return false;
    rest = rest.first(rest.size() - 1);
    return true;
  };
  const bool taken = take_first(boot) && (layout.low_stack() ? take_first(stack) : take_last(stack)) &&
                     (heap.range.empty() || take_last(heap));
  if (!taken) return "what its guest may do where is not what a machine allows";
  std::uint64_t end = layout.image.start;
  for (const Parts::Region& region : rest) {
    if (!inside(region.range, end, layout.image.end) || !aligned(region.range) || region.range.empty()) {
      return "its segments overlap, or lie outside of its image";
    }
    constexpr std::uint64_t kWriteExecute = Parts::kWrite | Parts::kExecute;
    if (region.permissions > (kReadWrite | Parts::kExecute) || (region.permissions & kWriteExecute) == kWriteExecute) {
      return "a segment allows what no segment does";
    }
    end = region.range.end;
  }
  return nullptr;
}

const char* of_cpu(const Parts& parts) {
  const std::uint64_t rip = parts.registers.rip - parts.layout.slide;
  const auto executes = [rip](const Parts::Region& region) {
    return (region.permissions & Parts::kExecute) != 0 && rip >= region.range.start && rip <= region.range.end;
  };
  if (std::none_of(parts.regions.begin(), parts.regions.end(), executes)) return "its next instruction is no code";
  if (parts.registers.rflags != normal_flags(parts.registers.rflags)) return "its flags are none of a guest's";
  for (const Parts::Segment& segment : parts.segments) {
    const Parts::Segment normal = normal_segment(segment);
    if (segment.selector != normal.selector || segment.base != normal.base) return "a segment register is no guest's";
  }
  const auto holds = [&parts](std::uint64_t address, std::uint64_t permission) {
    return std::any_of(parts.regions.begin(), parts.regions.end(), [&](const Parts::Region& region) {
      return (region.permissions & permission) != 0 && address >= region.range.start && address < region.range.end;
    });
  };
  if (const SystemCalls& calls = parts.system_calls; calls != SystemCalls()) {
    const std::uint64_t slide = parts.layout.slide;
    if (!holds(calls.entry - slide, Parts::kExecute)) return "its system calls go to no code";
    if (calls.stack % 16 != 0 || !holds(calls.stack - 1 - slide, Parts::kWrite))
      return "its system calls have no stack";
  }
  VectorState vectors = {parts.vectors};
  normalise(vectors);
  if (vectors.area != parts.vectors) return "its vector registers are none of a guest's";
  return nullptr;
}

const char* of_contents(const Parts& parts, std::uint64_t start, std::uint64_t file_size) {
  const Layout& layout = parts.layout;
  std::uint64_t previous = layout.boot.start;
  for (const ContentsRun& run : parts.runs) {
    if (!inside(run.range, previous, layout.memory) || !aligned(run.range) || run.range.empty()) {
      return "its memory's pages are not in order";
    }
    previous = run.range.end;
  }
  if (parts.runs.empty() || parts.runs.front().range.start != layout.boot.start) return "it has no boot page";
  const auto placed = place_runs(parts.runs, start);
  const auto same_place = [](const ContentsRun& one, const ContentsRun& other) { return one.offset == other.offset; };
  if (!std::equal(placed.begin(), placed.end(), parts.runs.begin(), same_place) ||
      placed.back().offset + placed.back().range.size() != file_size) {
    return "its memory's pages do not lie in the file where they belong";
  }
  if (parts.covered != covered_up_to(layout, previous)) return "it covers other memory than it has";
  return nullptr;
}

}  // namespace

const char* contradiction(const Parts& parts, std::uint64_t start, std::uint64_t file_size) {
  if ((parts.features & ~std::uint64_t{SPRY_FEATURES_ALL}) != 0) return "it asks for features that there are not";
  if (parts.generation == 0 || parts.generation > kLatest || parts.elapsed_ns > kLatest) {
    return "it is of no time that a machine reaches";
  }
  if (const char* rule = of_devices(parts)) return rule;
  if (const char* rule = of_layout(parts)) return rule;
  if (const char* rule = of_regions(parts)) return rule;
  if (const char* rule = of_cpu(parts)) return rule;
  return of_contents(parts, start, file_size);
}

}  // namespace spry
