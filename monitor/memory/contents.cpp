#include "memory/contents.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cpu/x86.h"
#include "memory/data_runs.h"
#include "system/io.h"
#include "system/memory_file.h"
#include "text/format.h"

namespace spry {
namespace {

// Runs of up to this size are read, not mapped. A mapping costs some microseconds, and a page fault for each page that
// is touched.
constexpr std::uint64_t kLargestReadRun = std::uint64_t{64} << 10;
constexpr std::uint64_t kNear = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostMappings = 1024;

std::ptrdiff_t page_number(std::uint64_t address) { return static_cast<std::ptrdiff_t>(address / x86::kPageSize); }

tl::unexpected<Error> failed(const char* what) {
  return fail(code_for(errno), fmt::format("cannot {}: {}", what, file_error(errno)));
}

tl::unexpected<Error> cut_short() {
  return fail(ErrorCode::kFile, "a snapshot's file ends before its contents do: it was truncated");
}

}  // namespace

Result<Contents> Contents::allocate(std::uint64_t size) {
  Contents contents;
  contents.file_ = make_memory_file("spry-contents", 0, size);
  if (!contents.file_) return failed("make a memfd for a machine's first contents");
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, contents.file_.get(), 0);
  if (mapped == MAP_FAILED) return failed("map a machine's first contents");
  contents.bytes_ = static_cast<std::byte*>(mapped);
  contents.size_ = size;
  if (!seclude({contents.bytes_, size})) return failed("keep a machine's first contents to this process");
  return contents;
}

Contents Contents::of_file(Descriptor file, std::vector<ContentsRun> runs) {
  Contents contents;
  contents.file_ = std::move(file);
  contents.runs_ = std::move(runs);
  return contents;
}

Contents::Contents(Contents&& other) noexcept
    : file_(std::move(other.file_)),
      runs_(std::move(other.runs_)),
      there_(std::move(other.there_)),
      bytes_(std::exchange(other.bytes_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Contents& Contents::operator=(Contents&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(runs_, other.runs_);
  std::swap(there_, other.there_);
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

Contents::~Contents() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

void Contents::settle() {
  runs_.clear();
  there_.assign(size_ / x86::kPageSize, false);
  for (const Range& run : data_runs(file_.get(), {0, size_})) {
    runs_.push_back({run, run.start});
    std::fill(there_.begin() + page_number(run.start), there_.begin() + page_number(run.end), true);
  }
}

const std::byte* Contents::page(std::uint64_t address) const {
  alignas(x86::kPageSize) static constexpr std::array<std::byte, x86::kPageSize> kZeros = {};
  return there_[address / x86::kPageSize] ? bytes_ + address : kZeros.data();
}

// Runs that lie close together share a mapping: a process has 65,530 mappings at most (vm.max_map_count). Runs further
// apart do not, because the pages between two runs become resident if the guest looks at them.
Result<void> Contents::place_in_memory(GuestMemory& memory, std::uint64_t start) const {
  const std::uint64_t near = std::max(kNear, size_ / kMostMappings);
  Range together;
  for (const ContentsRun& run : runs_) {
    const Range next = {std::max(run.range.start, start), run.range.end};
    if (next.empty()) continue;
    if (!together.empty() && next.start - together.end < near) {
      together.end = next.end;
      continue;
    }
    if (!together.empty()) {
      if (auto mapped = memory.map_private(together, file_.get(), together.start); !mapped) return mapped;
    }
    together = next;
  }
  return together.empty() ? Result<void>() : memory.map_private(together, file_.get(), together.start);
}

Result<void> Contents::place(GuestMemory& memory, std::uint64_t start, std::uint64_t copied) const {
  if (in_memory()) return place_in_memory(memory, start);
  for (const ContentsRun& run : runs_) {
    const std::uint64_t size = run.range.size();
    const std::uint64_t read = size <= kLargestReadRun     ? size
                               : run.range.start >= copied ? 0
                                                           : std::min(copied, run.range.end) - run.range.start;
    if (read != 0 && !memory.fill({run.range.start, run.range.start + read}, file_.get(), run.offset)) {
      return cut_short();
    }
    if (read == size) continue;
    const Range rest = {run.range.start + read, run.range.end};
    auto mapped = memory.map_private_large(rest, file_.get(), run.offset + read);
    if (!mapped) return mapped;
  }
  return {};
}

Result<Contents> Contents::loaded(std::uint64_t size) const {
  auto contents = allocate(size);
  if (!contents) return contents;
  for (const ContentsRun& run : runs()) {
    if (in_memory()) {
      std::memcpy(contents->bytes(run.range).data(), bytes(run.range).data(), run.range.size());
    } else if (!read_all_at(file_.get(), contents->bytes(run.range), run.offset)) {
      return cut_short();
    }
  }
  return contents;
}

}  // namespace spry
