#include "snapshot_parts.h"

#include "cpu/x86.h"
#include "snapshot/boot_pages.h"

namespace spry::test {

std::uint64_t end_of(const Parts& parts) { return parts.runs.back().offset + parts.runs.back().range.size(); }

std::optional<Parts> shaped(const SnapshotShape& shape) {
  Parts parts;
  parts.path = "guest";
  parts.features = SPRY_FEATURE_CLOCK | SPRY_FEATURE_AVX;
  parts.needs = {{0, name<20>("console"), name<40>("console")}, {2, name<20>("block"), name<40>("a_disk-1")}};
  parts.arguments = shape.arguments;
  parts.shared = shape.shared;
  parts.constants = {"", "", "512 bytes"};
  parts.devices = {"said", "", ""};
  const auto boot = boot_pages_size(parts.arguments);
  const Range image = {shape.segments.front().range.start, shape.segments.back().range.end};
  if (!boot || image.end > shape.memory || shape.stack > shape.memory) return std::nullopt;
  const auto layout =
      lay_out({shape.slide, image, shape.stack},
              {.memory = shape.memory, .boot = *boot, .shared = shared_areas_size(parts.shared), .reusable = true});
  if (!layout) return std::nullopt;
  parts.layout = *layout;
  const Parts::Region stack = {{layout->stack.start, layout->shared.end}, kReadWrite};
  parts.regions.push_back({layout->boot, Parts::kRead});
  if (layout->low_stack()) parts.regions.push_back(stack);
  parts.regions.insert(parts.regions.end(), shape.segments.begin(), shape.segments.end());
  if (!layout->heap.empty()) parts.regions.push_back({layout->heap, kReadWrite});
  if (!layout->low_stack()) parts.regions.push_back(stack);
  parts.generation = 1;
  parts.elapsed_ns = 12'000'000'000;
  parts.registers.rip = layout->slide + image.start + 0x100;
  parts.registers.rflags = x86::RFLAGS_FIXED | x86::RFLAGS_IF;
  parts.segments = {Parts::Segment{x86::kUserData, 0}, {0, 0}, {3, layout->boot.start + layout->slide}, {0, 0}};
  parts.vectors = initial_vectors().area;
  parts.runs = place_runs({{layout->boot, 0}, {{layout->stack.start, layout->shared.end}, 0}}, kStart);
  parts.covered = covered_up_to(*layout, layout->shared.end);
  return parts;
}

}  // namespace spry::test
