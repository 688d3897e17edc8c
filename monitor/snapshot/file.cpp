#include "snapshot/file.h"

#include <cpuid.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cpu/x86.h"
#include "snapshot/parts.h"
#include "snapshot/soundness.h"
#include "system/descriptor.h"
#include "system/io.h"
#include "system/memory_file.h"
#include "system/open_failure.h"
#include "system/out_of_memory.h"
#include "system/pipe.h"
#include "system/replacement.h"
#include "text/escape.h"
#include "text/format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace spry {
namespace {

using x86::kPageSize;

constexpr std::array<char, 8> kMagic = {'S', 'P', 'R', 'Y', 'S', 'N', 'A', 'P'};
constexpr std::uint32_t kFormat = 5;
constexpr std::uint64_t kMostMetadata = std::uint64_t{64} << 20;

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

// CPUID leaf 1 ECX and EDX, leaf 7 EBX, ECX and EDX, without the bits that the operating system decides. They matter
// because a guest may have looked at them.
std::array<std::uint32_t, 5> read_cpu_features() {
  constexpr std::uint32_t kOsxsave = 1u << 27;
  constexpr std::uint32_t kOspke = 1u << 4;
  std::uint32_t eax = 0, ebx = 0, ecx1 = 0, edx1 = 0, ebx7 = 0, ecx7 = 0, edx7 = 0;
  __cpuid(1, eax, ebx, ecx1, edx1);
  __cpuid_count(7, 0, eax, ebx7, ecx7, edx7);
  return {ecx1 & ~kOsxsave, edx1, ebx7, ecx7 & ~kOspke, edx7};
}

// CPUID is a trap on a virtual machine, so it is executed only once.
const std::array<std::uint32_t, 5>& cpu_features() {
  static const std::array<std::uint32_t, 5> features = read_cpu_features();
  return features;
}

tl::unexpected<Error> refuse(const std::string& path, std::string_view rule) {
  return fail(ErrorCode::kNotUnikernel, fmt::format("{}: {}", escape_path(path), rule));
}

tl::unexpected<Error> failed(const std::string& path, std::string_view what) {
  return fail(code_for(errno, ErrorCode::kFile),
              fmt::format("{}: cannot be {}: {}", escape_path(path), what, file_error(errno)));
}

// Puts bytes at rising offsets. A file is written at those offsets; a pipe or a device gets zeros for the bytes
// between.
class Sink {
 public:
  Sink(int descriptor, bool seeks) : descriptor_(descriptor), seeks_(seeks) {}
  bool seeks() const { return seeks_; }
  bool put(std::span<const std::byte> bytes, std::uint64_t offset) {
    if (seeks_) return write_all_at(descriptor_, bytes, offset);
    for (constexpr std::array<std::byte, kPageSize> kZeros = {}; at_ < offset;) {
      const auto gap = std::span(kZeros).first(std::min<std::uint64_t>(kZeros.size(), offset - at_));
      if (!write_all_to_pipe(descriptor_, gap)) return false;
      at_ += gap.size();
    }
    at_ += bytes.size();
    return write_all_to_pipe(descriptor_, bytes);
  }

 private:
  int descriptor_;
  bool seeks_;
  std::uint64_t at_ = 0;
};

bool write_snapshot(Sink sink, const Base& base) {
  Parts parts = parts_of(base);
  parts.runs = runs_of(base);
  // The metadata's size does not depend on the runs' offsets, which are not known yet.
  const std::uint64_t start = x86::round_up(sizeof(Header) + encode(parts).size(), kPageSize);
  parts.runs = place_runs(std::move(parts.runs), start);
  const std::vector<std::byte> metadata = encode(parts);
  Header header;
  header.version = this_version();
  header.cpu = cpu_features();
  header.metadata_size = metadata.size();
  header.file_size = parts.runs.empty() ? start : parts.runs.back().offset + parts.runs.back().range.size();
  if (sink.seeks() && header.file_size > file_size_limit()) {
    errno = EFBIG;
    return false;
  }
  Digester contents;
  for (const ContentsRun& run : parts.runs) contents.add(base.contents.bytes(run.range));
  header.contents = contents.digest();
  header.metadata = metadata_digest(header, metadata);
  if (!sink.put(std::as_bytes(std::span(&header, 1)), 0) || !sink.put(metadata, sizeof header)) return false;
  for (const ContentsRun& run : parts.runs) {
    if (!sink.put(base.contents.bytes(run.range), run.offset)) return false;
  }
  return true;
}

// Writes into a FIFO or a character device, which has no contents to be replaced.
Result<void> send_snapshot(const Base& base, const std::string& path) {
  // Opening does not wait for a FIFO's reader; writing does.
  const Descriptor to(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!to) {
    return fail(code_for(errno, ErrorCode::kFile), fmt::format("{}: cannot be written: {}", escape_path(path),
                                                               open_failure(errno, AT_FDCWD, path.c_str())));
  }
  if (!let_devices_wait(to.get())) return failed(path, "written");
  return write_snapshot(Sink(to.get(), false), base) ? Result<void>() : failed(path, "written");
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

}  // namespace

Result<void> save_snapshot(const Base& base, const std::string& path) {
  if (!base.contents.in_memory()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: a snapshot that came from a file is in that file", base.name));
  }
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
    return send_snapshot(base, path);
  }
  Replacement replacement;
  if (auto opened = replacement.open(path); !opened) return opened;
  const int file = replacement.descriptor();
  if (!write_snapshot(Sink(file, true), base) || fsync(file) != 0) return failed(path, "written");
  return replacement.commit();
}

Result<std::shared_ptr<const Base>> load_snapshot(const std::string& path, bool verify) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status;
  if (!file && errno == ENOENT) return fail(ErrorCode::kNotFound, fmt::format("{}: no such file", escape_path(path)));
  if (!file || fstat(file.get(), &status) != 0) return failed(path, "opened");
  if (!S_ISREG(status.st_mode)) return refuse(path, "not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  Header header;
  if (size < sizeof header || !read_all_at(file.get(), std::as_writable_bytes(std::span(&header, 1)), 0) ||
      header.magic != kMagic) {
    return refuse(path, "not a snapshot: it does not begin as one");
  }
  if (header.format != kFormat) {
    return refuse(path,
                  fmt::format("a snapshot of format {}, and this monitor reads format {}", header.format, kFormat));
  }
  if (header.size != sizeof header) {
    return refuse(path, fmt::format("a snapshot with {} bytes of header, and this monitor writes {}", header.size,
                                    sizeof header));
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
  auto parts = decode(metadata);
  if (!parts) return refuse(path, "the snapshot's metadata is not as long as it says");
  const std::uint64_t start = x86::round_up(sizeof header + header.metadata_size, kPageSize);
  if (const char* rule = contradiction(*parts, start, size)) {
    return refuse(path, fmt::format("no machine has made such a snapshot: {}", rule));
  }
  if (parts->places != places_here({parts->vectors})) {
    return refuse(path, "a snapshot from a CPU that keeps its vector registers elsewhere: take it anew here");
  }
  if (verify && !contents_match(file.get(), parts->runs, header.contents)) {
    return refuse(path, "the snapshot's contents do not match their digest: it is damaged");
  }
  std::vector<ContentsRun> runs = std::move(parts->runs);
  auto base = base_of(*std::move(parts), path);
  base->contents = Contents::of_file(std::move(file), std::move(runs));
  return std::shared_ptr<const Base>(std::move(base));
}

bool recognise_snapshot(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::array<char, kMagic.size()> magic = {};
  return file && read_all_at(file.get(), std::as_writable_bytes(std::span(magic)), 0) && magic == kMagic;
}

}  // namespace spry
