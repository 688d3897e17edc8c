#include "snapshot/parts.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"
#include "snapshot/metadata.h"
#include "text/escape.h"

namespace spry {
namespace {

using namespace x86;

// The parts in the file's order, for writing and reading alike.
template <class Stream, class Call>
void each_part(Stream& stream, Call call) {
  call(stream.path);
  call(stream.features);
  call(stream.needs);
  call(stream.arguments);
  call(stream.layout);
  call(stream.regions);
  call(stream.shared);
  call(stream.constants);
  call(stream.covered);
  call(stream.generation);
  call(stream.elapsed_ns);
  call(stream.registers);
  call(stream.segments);
  call(stream.system_calls);
  call(stream.vectors);
  call(stream.places);
  call(stream.devices);
  call(stream.runs);
}

template <std::size_t N>
std::array<char, N> padded(const std::string& text) {
  std::array<char, N> array = {};
  std::copy_n(text.begin(), std::min(text.size(), N - 1), array.begin());
  return array;
}

std::uint64_t bits_of(const Permissions& permissions) {
  return (permissions.read ? Parts::kRead : 0) | (permissions.write ? Parts::kWrite : 0) |
         (permissions.execute ? Parts::kExecute : 0);
}

Permissions permissions_of(std::uint64_t bits) {
  return {(bits & Parts::kRead) != 0, (bits & Parts::kWrite) != 0, (bits & Parts::kExecute) != 0};
}

Parts::Segment segment_of(const DataSegment& segment) { return normal_segment({segment.selector, segment.base}); }

DataSegment segment_of(const Parts::Segment& segment) {
  return {static_cast<std::uint16_t>(segment.selector), segment.base};
}

}  // namespace

std::uint64_t normal_flags(std::uint64_t rflags) {
  constexpr std::uint64_t kUser = 0x254dd5;  // CF PF AF ZF SF TF DF OF NT AC ID
  return (rflags & kUser) | RFLAGS_FIXED | RFLAGS_IF;
}

// Guests may load null selectors and the flat data segment's. A base must be canonical.
Parts::Segment normal_segment(const Parts::Segment& segment) {
  const auto base = static_cast<std::uint64_t>(static_cast<std::int64_t>(segment.base << 16) >> 16);
  return {segment.selector <= 3 ? segment.selector : kUserData, base};
}

std::array<XsavePart, Parts::kXsaveParts> places_here(const VectorState& vectors) {
  std::array<XsavePart, Parts::kXsaveParts> places = {};
  const std::uint64_t used = xstate_bv(vectors);
  for (unsigned part = 2; part < places.size(); ++part) {
    if ((used >> part & 1) != 0) places[part] = xsave_part(part);
  }
  return places;
}

// A run that holds whole large pages gets an offset that is aligned as its memory is, behind a hole. Where the kernel
// keeps files in large pages, a machine then faults once for each 2 MiB.
std::vector<ContentsRun> place_runs(std::vector<ContentsRun> runs, std::uint64_t start) {
  std::uint64_t next = start;
  for (ContentsRun& run : runs) {
    run.offset = next;
    if (round_up(run.range.start, kLargePageSize) + kLargePageSize <= run.range.end) {
      run.offset += (run.range.start - next) % kLargePageSize;
    }
    next = run.offset + run.range.size();
  }
  return runs;
}

std::vector<ContentsRun> runs_of(const Base& base) {
  std::vector<ContentsRun> runs;
  for (ContentsRun run : base.contents.runs()) {
    run.range.start = std::max(run.range.start, base.layout.boot.start);
    if (run.range.start < run.range.end) runs.push_back(run);
  }
  return runs;
}

Parts parts_of(const Base& base) {
  Parts parts;
  parts.path = base.path;
  parts.features = base.manifest.features;
  for (const DeviceNeed& need : base.manifest.devices) {
    parts.needs.push_back({need.handle, padded<20>(need.kind), padded<40>(need.name)});
  }
  parts.arguments = base.arguments;
  parts.layout = base.layout;
  for (const Region& region : base.regions) parts.regions.push_back({region.range, bits_of(region.permissions)});
  parts.shared = base.shared;
  parts.constants = base.constants;
  parts.covered = base.covered;
  parts.generation = base.generation;
  parts.elapsed_ns = base.elapsed_ns;
  parts.registers = base.cpu.registers;
  parts.registers.rflags = normal_flags(parts.registers.rflags);
  parts.segments = {segment_of(base.cpu.ds), segment_of(base.cpu.es), segment_of(base.cpu.fs), segment_of(base.cpu.gs)};
  parts.system_calls = base.cpu.system_calls;
  VectorState vectors = base.cpu.vectors != nullptr ? *base.cpu.vectors : initial_vectors();
  normalise(vectors);
  parts.vectors = vectors.area;
  parts.places = places_here(vectors);
  parts.devices = base.devices;
  return parts;
}

std::shared_ptr<Base> base_of(Parts parts, const std::string& path) {
  auto base = std::make_shared<Base>();
  base->path = path;
  base->name = escape_path(path);
  base->manifest.abi_version = SPRY_ABI_VERSION;
  base->manifest.features = parts.features;
  for (const Parts::Need& need : parts.needs) {
    base->manifest.devices.push_back({need.handle, text_of(need.kind), text_of(need.name)});
  }
  base->arguments = std::move(parts.arguments);
  base->layout = parts.layout;
  for (const Parts::Region& region : parts.regions) {
    base->regions.push_back({region.range, permissions_of(region.permissions)});
  }
  base->shared = std::move(parts.shared);
  base->constants = std::move(parts.constants);
  base->covered = parts.covered;
  base->generation = parts.generation;
  base->elapsed_ns = parts.elapsed_ns;
  base->at_ready = true;
  base->cpu.registers = parts.registers;
  base->cpu.ds = segment_of(parts.segments[0]);
  base->cpu.es = segment_of(parts.segments[1]);
  base->cpu.fs = segment_of(parts.segments[2]);
  base->cpu.gs = segment_of(parts.segments[3]);
  base->cpu.system_calls = parts.system_calls;
  auto vectors = std::make_shared<VectorState>();
  vectors->area = parts.vectors;
  base->cpu.vectors = std::move(vectors);
  base->devices = std::move(parts.devices);
  return base;
}

std::vector<std::byte> encode(const Parts& parts) {
  MetadataWriter writer;
  each_part(parts, [&writer](const auto& part) { writer.put(part); });
  return {writer.bytes().begin(), writer.bytes().end()};
}

std::optional<Parts> decode(std::span<const std::byte> metadata) {
  Parts parts;
  MetadataReader reader(metadata);
  each_part(parts, [&reader](auto& part) { reader.get(part); });
  if (!reader.complete()) return std::nullopt;
  return parts;
}

}  // namespace spry
