#include "memory/contents.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cpu/x86.h"
#include "system/io.h"
#include "text/format.h"

namespace spry {
namespace {

// A mapping costs some microseconds and a page fault for each page that is touched; reading costs less up to here.
constexpr std::uint64_t kLargestReadRun = std::uint64_t{64} << 10;

tl::unexpected<Error> failed(const char* what) {
  return fail(code_for(errno), fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

tl::unexpected<Error> cut_short() {
  return fail(ErrorCode::kFile, "a snapshot's file ends before its contents do: it was truncated");
}

}  // namespace

Result<Contents> Contents::allocate(std::uint64_t size) {
  Contents contents;
  contents.file_ = Descriptor(memfd_create("spry-contents", MFD_CLOEXEC));
  if (!contents.file_ || ftruncate(contents.file_.get(), static_cast<off_t>(size)) != 0) {
    return failed("make a memfd for a machine's first contents");
  }
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, contents.file_.get(), 0);
  if (mapped == MAP_FAILED) return failed("map a machine's first contents");
  contents.bytes_ = static_cast<std::byte*>(mapped);
  contents.size_ = size;
  contents.runs_ = {{{0, size}, 0}};
  if (madvise(mapped, size, MADV_DONTFORK) != 0) return failed("keep a machine's first contents from child processes");
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
      bytes_(std::exchange(other.bytes_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Contents& Contents::operator=(Contents&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(runs_, other.runs_);
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

Contents::~Contents() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

std::vector<ContentsRun> Contents::runs() const {
  if (!in_memory()) return runs_;
  std::vector<ContentsRun> runs;
  off_t at = 0;
  const auto end = static_cast<off_t>(size_);
  while (at < end) {
    const off_t data = lseek(file_.get(), at, SEEK_DATA);
    if (data < 0) break;  // ENXIO: only holes are left
    const off_t hole = std::min(lseek(file_.get(), data, SEEK_HOLE), end);
    if (hole <= data) break;
    const auto start = static_cast<std::uint64_t>(data);
    runs.push_back({{start, static_cast<std::uint64_t>(hole)}, start});
    at = hole;
  }
  return runs;
}

Result<void> Contents::place(GuestMemory& memory, std::uint64_t start, std::uint64_t copied) const {
  if (in_memory()) return memory.map_private({start, size_}, file_.get(), start);
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
