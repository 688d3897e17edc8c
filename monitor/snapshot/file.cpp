#include "snapshot/file.h"

#include <cpuid.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cpu/x86.h"
#include "snapshot/boot_pages.h"
#include "snapshot/metadata.h"
#include "system/io.h"
#include "text/escape.h"
#include "text/format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace spry {
namespace {

using x86::kLargePageSize;
using x86::kPageSize;

constexpr std::array<char, 8> kMagic = {'S', 'P', 'R', 'Y', 'S', 'N', 'A', 'P'};
constexpr std::uint32_t kFormat = 2;
constexpr std::uint64_t kMostMetadata = std::uint64_t{64} << 20;
constexpr std::size_t kMostRegions = 128;

struct Digest {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Digest&) const = default;
};

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t format = kFormat;
  std::uint32_t size = sizeof(Header);
  std::array<char, 16> version = {};      // Spry's, zero-padded
  std::array<std::uint32_t, 5> cpu = {};  // cpu_features()
  std::uint32_t padding = 0;
  std::uint64_t metadata_size = 0;
  std::uint64_t file_size = 0;
  Digest contents;
  Digest metadata;  // of the header with zeros here, and the metadata
};
static_assert(sizeof(Header) == 104, "the header's layout is the format's");

class Digester {
 public:
  Digester() { XXH3_128bits_reset(&state_); }
  void add(std::span<const std::byte> bytes) { XXH3_128bits_update(&state_, bytes.data(), bytes.size()); }
  Digest digest() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
    return {hash.low64, hash.high64};
  }

 private:
  alignas(64) XXH3_state_t state_;
};

Digest metadata_digest(Header header, std::span<const std::byte> metadata) {
  header.metadata = {};
  Digester digester;
  digester.add(std::as_bytes(std::span(&header, 1)));
  digester.add(metadata);
  return digester.digest();
}

std::array<char, 16> this_version() {
  std::array<char, 16> version = {};
  std::copy_n(SPRY_VERSION, std::min(sizeof(SPRY_VERSION) - 1, version.size() - 1), version.begin());
  return version;
}

// CPUID leaf 1 ECX and EDX, leaf 7 EBX, ECX and EDX, without what the operating system and not the CPU decides. A guest
// may have looked.
std::array<std::uint32_t, 5> read_cpu_features() {
  constexpr std::uint32_t kOsxsave = 1u << 27;
  constexpr std::uint32_t kOspke = 1u << 4;
  std::uint32_t eax = 0, ebx = 0, ecx1 = 0, edx1 = 0, ebx7 = 0, ecx7 = 0, edx7 = 0;
  __cpuid(1, eax, ebx, ecx1, edx1);
  __cpuid_count(7, 0, eax, ebx7, ecx7, edx7);
  return {ecx1 & ~kOsxsave, edx1, ebx7, ecx7 & ~kOspke, edx7};
}

// CPUID is a trap on a virtual machine: it is asked once.
const std::array<std::uint32_t, 5>& cpu_features() {
  static const std::array<std::uint32_t, 5> features = read_cpu_features();
  return features;
}

tl::unexpected<Error> refuse(const std::string& path, std::string_view rule) {
  return fail(ErrorCode::kNotUnikernel, fmt::format("{}: {}", escape(path, 1024), rule));
}

tl::unexpected<Error> failed(const std::string& path, std::string_view what) {
  return fail(ErrorCode::kMonitor, fmt::format("{}: cannot be {}: {}", escape(path, 1024), what, std::strerror(errno)));
}

// The parts of a Base in the file's order, for writing and reading alike.
template <class Stream, class Call>
void each_part(Stream& stream, Call call) {
  call(stream.path);
  call(stream.features);
  call(stream.needs);
  call(stream.arguments);
  call(stream.layout);
  call(stream.regions);
  call(stream.shared);
  call(stream.covered);
  call(stream.generation);
  call(stream.elapsed_ns);
  call(stream.registers);
  call(stream.segments);
  call(stream.vectors);
  call(stream.devices);
  call(stream.runs);
}

struct Need {
  std::uint32_t handle = 0;
  std::array<char, 20> kind = {};
  std::array<char, 40> name = {};
};

struct Parts {
  std::string path;
  std::uint64_t features = 0;
  std::vector<Need> needs;
  std::vector<std::string> arguments;
  Layout layout;
  std::vector<Region> regions;
  std::vector<std::uint64_t> shared;
  std::uint64_t covered = 0;
  std::uint64_t generation = 0;
  std::uint64_t elapsed_ns = 0;
  Registers registers;
  std::array<DataSegment, 4> segments = {};  // DS, ES, FS, GS
  std::array<std::byte, VectorState::kSize> vectors = {};
  std::vector<std::string> devices;
  std::vector<ContentsRun> runs;
};

template <std::size_t N>
std::array<char, N> padded(const std::string& text) {
  std::array<char, N> array = {};
  std::copy_n(text.begin(), std::min(text.size(), N - 1), array.begin());
  return array;
}

template <std::size_t N>
std::string text_of(const std::array<char, N>& array) {
  return {array.begin(), std::find(array.begin(), array.end(), '\0')};
}

// The runs of memory, without the monitor's own pages, that go into the file.
std::vector<ContentsRun> runs_of(const Base& base) {
  std::vector<ContentsRun> runs;
  for (ContentsRun run : base.contents.runs()) {
    run.range.start = std::max(run.range.start, base.layout.boot.start);
    if (run.range.start < run.range.end) runs.push_back(run);
  }
  return runs;
}

// Gives runs their places in the file, which begin at `start`. One that holds large pages is aligned as in memory,
// after a hole: where the kernel keeps files in large pages, a machine then faults once for each 2 MiB.
void place_runs(std::vector<ContentsRun>& runs, std::uint64_t start) {
  std::uint64_t next = start;
  for (ContentsRun& run : runs) {
    run.offset = next;
    if (x86::round_up(run.range.start, kLargePageSize) + kLargePageSize <= run.range.end) {
      run.offset += (run.range.start - next) % kLargePageSize;
    }
    next = run.offset + run.range.size();
  }
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
  parts.regions = base.regions;
  parts.shared = base.shared;
  parts.covered = base.covered;
  parts.generation = base.generation;
  parts.elapsed_ns = base.elapsed_ns;
  parts.registers = base.cpu.registers;
  parts.segments = {base.cpu.ds, base.cpu.es, base.cpu.fs, base.cpu.gs};
  parts.vectors = base.cpu.vectors != nullptr ? base.cpu.vectors->area : initial_vectors().area;
  parts.devices = base.devices;
  return parts;
}

std::vector<std::byte> encode(const Parts& parts) {
  MetadataWriter writer;
  each_part(parts, [&writer](const auto& part) { writer.put(part); });
  return {writer.bytes().begin(), writer.bytes().end()};
}

bool write_file(int descriptor, const Base& base) {
  Parts parts = parts_of(base);
  parts.runs = runs_of(base);
  // The runs' offsets have the same size whatever they are.
  const std::uint64_t start = x86::round_up(sizeof(Header) + encode(parts).size(), kPageSize);
  place_runs(parts.runs, start);
  const std::vector<std::byte> metadata = encode(parts);
  Header header;
  header.version = this_version();
  header.cpu = cpu_features();
  header.metadata_size = metadata.size();
  header.file_size = start;
  Digester contents;
  for (const ContentsRun& run : parts.runs) {
    const auto bytes = base.contents.bytes(run.range);
    contents.add(bytes);
    if (!write_all_at(descriptor, bytes, run.offset)) return false;
    header.file_size = run.offset + run.range.size();
  }
  header.contents = contents.digest();
  header.metadata = metadata_digest(header, metadata);
  return write_all_at(descriptor, std::as_bytes(std::span(&header, 1)), 0) &&
         write_all_at(descriptor, metadata, sizeof header) &&
         ftruncate(descriptor, static_cast<off_t>(header.file_size)) == 0 && fsync(descriptor) == 0;
}

bool inside(Range range, std::uint64_t start, std::uint64_t end) {
  return range.start >= start && range.start <= range.end && range.end <= end;
}

bool same(Range one, Range other) { return one.start == other.start && one.end == other.end; }

// Below it there is no room for what a platform needs of its own: KVM's tables, at the least.
constexpr std::uint64_t kSmallestBoot = kPlatformStart + 16 * kPageSize;

bool aligned(Range range) { return (range.start | range.end) % kPageSize == 0; }

// Everything that machines rely on, however the file came about.
bool sound(const Parts& parts, std::uint64_t start, std::uint64_t file_size) {
  const Layout& layout = parts.layout;
  const std::uint64_t memory = layout.memory;
  if (memory < kMinimumMemory || memory > kMaximumMemory || memory % kPageSize != 0) return false;
  if (layout.slide % kLargePageSize != 0 || layout.slide >= std::uint64_t{1} << 47) return false;
  if (!inside(layout.boot, kSmallestBoot, SPRY_IMAGE_MIN) || !aligned(layout.boot)) return false;
  if (layout.boot.size() < kPageSize) return false;
  Layout placed = layout;
  place_platform_pages(placed);
  if (!same(placed.platform, layout.platform) || !same(placed.trampoline, layout.trampoline) ||
      !same(placed.probe, layout.probe)) {
    return false;
  }
  if (!inside(layout.stack, layout.boot.end, memory) || !inside(layout.shared, layout.stack.end, memory)) return false;
  if (!inside(layout.image, SPRY_IMAGE_MIN, memory) || !inside(layout.heap, layout.image.end, memory)) return false;
  if (layout.initial > memory || parts.covered > memory || parts.covered < layout.initial) return false;
  if (parts.covered != memory && parts.covered % (64 * kPageSize) != 0) return false;
  if (parts.regions.size() > kMostRegions || parts.regions.empty()) return false;
  std::uint64_t end = layout.boot.start;
  for (const Region& region : parts.regions) {
    const Permissions& allowed = region.permissions;
    if (!inside(region.range, end, memory) || !aligned(region.range) || (allowed.write && allowed.execute))
      return false;
    end = region.range.end;
  }
  const Region& boot = parts.regions.front();
  if (boot.range.start != layout.boot.start || boot.range.end != layout.boot.end || boot.permissions.write)
    return false;
  if (parts.shared.size() > SPRY_DEVICES_MAX) return false;
  if (std::any_of(parts.shared.begin(), parts.shared.end(), [&](auto size) { return size > memory; })) return false;
  if (shared_areas_size(parts.shared) > layout.shared.size()) return false;
  if (parts.devices.size() != parts.shared.size() || (parts.features & ~std::uint64_t{SPRY_FEATURES_ALL}) != 0)
    return false;
  std::uint64_t previous = 0;
  for (const Need& need : parts.needs) {
    if (need.handle >= parts.shared.size()) return false;
  }
  for (const ContentsRun& run : parts.runs) {
    if (!inside(run.range, std::max(previous, layout.boot.start), memory) || !aligned(run.range)) return false;
    if (run.offset % kPageSize != 0 || run.offset < start || run.offset > file_size) return false;
    if (run.range.size() > file_size - run.offset) return false;
    previous = run.range.end;
  }
  return true;
}

// What a guest may change of the flags register, and what every guest has.
std::uint64_t guest_flags(std::uint64_t flags) {
  constexpr std::uint64_t kUser = 0x254dd5;  // CF PF AF ZF SF TF DF OF NT AC ID
  return (flags & kUser) | x86::RFLAGS_FIXED | x86::RFLAGS_IF;
}

// The selectors that guests may load: null, and the flat data segment's. A base is one that 64-bit mode takes.
DataSegment guest_segment(const DataSegment& segment) {
  const auto base = static_cast<std::uint64_t>(static_cast<std::int64_t>(segment.base << 16) >> 16);
  const auto selector = static_cast<std::uint16_t>((segment.selector & ~3u) == 0 ? segment.selector : x86::kUserData);
  return {selector, base};
}

std::shared_ptr<Base> base_of(Parts parts, const std::string& path) {
  auto base = std::make_shared<Base>();
  base->path = path;
  base->manifest.abi_version = SPRY_ABI_VERSION;
  base->manifest.features = parts.features;
  for (const Need& need : parts.needs) {
    base->manifest.devices.push_back({need.handle, text_of(need.kind), text_of(need.name)});
  }
  base->arguments = std::move(parts.arguments);
  base->layout = parts.layout;
  base->regions = std::move(parts.regions);
  base->shared = std::move(parts.shared);
  base->covered = parts.covered;
  base->generation = parts.generation;
  base->elapsed_ns = parts.elapsed_ns;
  base->at_ready = true;
  base->cpu.registers = parts.registers;
  base->cpu.registers.rflags = guest_flags(parts.registers.rflags);
  base->cpu.ds = guest_segment(parts.segments[0]);
  base->cpu.es = guest_segment(parts.segments[1]);
  base->cpu.fs = guest_segment(parts.segments[2]);
  base->cpu.gs = guest_segment(parts.segments[3]);
  auto vectors = std::make_shared<VectorState>();
  vectors->area = parts.vectors;
  base->cpu.vectors = std::move(vectors);
  base->devices = std::move(parts.devices);
  return base;
}

bool contents_match(int descriptor, const std::vector<ContentsRun>& runs, const Digest& wanted) {
  std::vector<std::byte> piece(std::size_t{1} << 20);
  Digester digester;
  for (const ContentsRun& run : runs) {
    for (std::uint64_t done = 0; done < run.range.size(); done += piece.size()) {
      const auto part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), run.range.size() - done));
      if (!read_all_at(descriptor, part, run.offset + done)) return false;
      digester.add(part);
    }
  }
  return digester.digest() == wanted;
}

// As open(2) would make the file. The umask can only be read by setting it, or from /proc, which says so of each
// thread.
mode_t current_umask() {
  constexpr mode_t kUsual = 022;
  const Descriptor file(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text = {};
  if (!file || read(file.get(), text.data(), text.size() - 1) <= 0) return kUsual;
  const char* line = std::strstr(text.data(), "Umask:");
  return line == nullptr ? kUsual : static_cast<mode_t>(std::strtoul(line + std::strlen("Umask:"), nullptr, 8));
}

}  // namespace

Result<void> save_snapshot(const Base& base, const std::string& path) {
  if (!base.contents.in_memory()) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: a snapshot that came from a file is in that file", base.path));
  }
  std::string temporary = path + ".XXXXXX";
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return failed(path, "written");
  const bool written = write_file(file.get(), base) && fchmod(file.get(), 0666 & ~current_umask()) == 0;
  if (written && rename(temporary.c_str(), path.c_str()) == 0) return {};
  const auto error = failed(path, "written");
  unlink(temporary.c_str());
  return error;
}

Result<std::shared_ptr<const Base>> load_snapshot(const std::string& path, bool verify) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status;
  if (!file && errno == ENOENT) return fail(ErrorCode::kNotFound, fmt::format("{}: no such file", escape(path, 1024)));
  if (!file || fstat(file.get(), &status) != 0) return failed(path, "opened");
  if (!S_ISREG(status.st_mode)) return refuse(path, "not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  Header header;
  if (size < sizeof header || !read_all_at(file.get(), std::as_writable_bytes(std::span(&header, 1)), 0) ||
      header.magic != kMagic) {
    return refuse(path, "not a snapshot: it does not begin as one");
  }
  if (header.format != kFormat || header.size != sizeof header) {
    return refuse(path,
                  fmt::format("a snapshot of format {}, and this monitor reads format {}", header.format, kFormat));
  }
  if (header.version != this_version()) {
    return refuse(path, fmt::format("a snapshot of Spry {}, and this is Spry {}: take it anew",
                                    escape(text_of(header.version)), SPRY_VERSION));
  }
  if (header.file_size != size) {
    return refuse(path, fmt::format("a snapshot of {} bytes, and the file has {}: it was truncated or is damaged",
                                    header.file_size, size));
  }
  if (header.metadata_size > kMostMetadata || header.metadata_size > size - sizeof header) {
    return refuse(path, "the snapshot's metadata is longer than the file: it is damaged");
  }
  std::vector<std::byte> metadata(header.metadata_size);
  if (!read_all_at(file.get(), metadata, sizeof header)) return failed(path, "read");
  if (metadata_digest(header, metadata) != header.metadata) {
    return refuse(path, "the snapshot's metadata does not match its digest: it is damaged");
  }
  const auto& cpu = cpu_features();
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    if ((header.cpu[i] & ~cpu[i]) == 0) continue;
    return refuse(path, "a snapshot from a CPU with features that this one does not have: take it anew here");
  }
  Parts parts;
  MetadataReader reader(metadata);
  each_part(parts, [&reader](auto& part) { reader.get(part); });
  const std::uint64_t start = x86::round_up(sizeof header + header.metadata_size, kPageSize);
  if (!reader.complete() || !sound(parts, start, size))
    return refuse(path, "the snapshot's metadata contradicts itself");
  if (verify && !contents_match(file.get(), parts.runs, header.contents)) {
    return refuse(path, "the snapshot's contents do not match their digest: it is damaged");
  }
  std::vector<ContentsRun> runs = std::move(parts.runs);
  auto base = base_of(std::move(parts), path);
  base->contents = Contents::of_file(std::move(file), std::move(runs));
  return std::shared_ptr<const Base>(std::move(base));
}

bool recognise_snapshot(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::array<char, kMagic.size()> magic = {};
  return file && read_all_at(file.get(), std::as_writable_bytes(std::span(magic)), 0) && magic == kMagic;
}

}  // namespace spry
