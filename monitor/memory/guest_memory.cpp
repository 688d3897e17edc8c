#include "memory/guest_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cpu/x86.h"
#include "memory/data_runs.h"
#include "system/io.h"
#include "system/memory_file.h"
#include "system/read_failure.h"
#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> not_secluded() {
  return fail(code_for(errno),
              fmt::format("cannot keep guest memory from child processes and core dumps: {}", std::strerror(errno)));
}

Result<void> map_private(std::span<std::byte> memory, int descriptor, std::uint64_t offset) {
  void* mapped = mmap(memory.data(), memory.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                      descriptor, static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) {
    return fail(code_for(errno), fmt::format("cannot map {} KiB of a file into guest memory: {}", memory.size() >> 10,
                                             std::strerror(errno)));
  }
  if (!seclude(memory)) return not_secluded();
  return {};
}

}  // namespace

bool seclude(std::span<std::byte> memory) {
  return madvise(memory.data(), memory.size(), MADV_DONTFORK) == 0 &&
         madvise(memory.data(), memory.size(), MADV_DONTDUMP) == 0;
}

// Address space of `size` bytes from a multiple of 2 MiB on, because KVM maps large pages only where guest-physical and
// host addresses are aligned alike.
Result<GuestMemory> GuestMemory::map_anywhere(std::uint64_t size) {
  void* start = mmap(nullptr, size + x86::kLargePageSize, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) {
    return fail(code_for(errno), fmt::format("cannot reserve {} KiB of address space for guest memory: {}", size >> 10,
                                             std::strerror(errno)));
  }
  GuestMemory memory;
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  memory.before_ = x86::round_up(address, x86::kLargePageSize) - address;
  memory.base_ = static_cast<std::byte*>(start) + memory.before_;
  memory.size_ = size;
  return memory;
}

Result<GuestMemory> GuestMemory::reserve(std::uint64_t size) {
  auto memory = map_anywhere(size);
  if (memory && !seclude({memory->base_ - memory->before_, size + x86::kLargePageSize})) return not_secluded();
  return memory;
}

Result<GuestMemory> GuestMemory::share(std::uint64_t size) {
  auto memory = map_anywhere(size);
  if (!memory) return memory;
  memory->file_ = make_memory_file("spry-memory", MFD_ALLOW_SEALING, size);
  const int file = memory->file_.get();
  if (file < 0 || fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    return fail(code_for(errno),
                fmt::format("cannot make a memfd of {} KiB for guest memory: {}", size >> 10, file_error(errno)));
  }
  void* mapped = mmap(memory->base_, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, 0);
  if (mapped == MAP_FAILED) {
    return fail(code_for(errno),
                fmt::format("cannot map {} KiB of guest memory: {}", size >> 10, std::strerror(errno)));
  }
  if (!seclude({memory->base_, size})) return not_secluded();
  return memory;
}

// MADV_POPULATE_WRITE needs Linux 5.14; older kernels are only slower.
void GuestMemory::expect_writes(Range range) {
  if (file_) madvise(base_ + range.start, range.size(), MADV_POPULATE_WRITE);
}

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      before_(std::exchange(other.before_, 0)),
      file_(std::move(other.file_)),
      copied_(std::move(other.copied_)),
      drops_(other.drops_),
      put_off_(std::move(other.put_off_)),
      can_put_off_(other.can_put_off_),
      regions_(std::move(other.regions_)),
      slide_(other.slide_) {}

GuestMemory& GuestMemory::operator=(GuestMemory&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  std::swap(before_, other.before_);
  std::swap(file_, other.file_);
  std::swap(copied_, other.copied_);
  std::swap(drops_, other.drops_);
  std::swap(put_off_, other.put_off_);
  std::swap(can_put_off_, other.can_put_off_);
  std::swap(regions_, other.regions_);
  std::swap(slide_, other.slide_);
  return *this;
}

GuestMemory::~GuestMemory() {
  if (base_ != nullptr) munmap(base_ - before_, size_ + x86::kLargePageSize);
}

void prefer_large_pages(std::span<std::byte> memory) { madvise(memory.data(), memory.size(), MADV_HUGEPAGE); }

std::vector<Range> GuestMemory::populated(Range range) const {
  return file_ ? data_runs(file_.get(), range) : std::vector<Range>{range};
}

// Each page that is touched adds blocks to the file, and only `drop` takes any away.
std::uint64_t GuestMemory::population() const {
  struct stat status = {};
  fstat(file_.get(), &status);
  return drops_ << 40 ^ static_cast<std::uint64_t>(status.st_blocks);
}

Result<void> GuestMemory::map_private(Range range, int descriptor, std::uint64_t offset) {
  if (!file_) return spry::map_private(bytes(range), descriptor, offset);
  for (const Range& run : data_runs(descriptor, {offset, offset + range.size()})) {
    const Range target = {range.start + (run.start - offset), range.start + (run.end - offset)};
    errno = 0;
    if (!fill(target, descriptor, run.start)) {
      return fail(code_for(errno, ErrorCode::kFile), fmt::format("cannot copy {} KiB of a file into guest memory: {}",
                                                                 target.size() >> 10, read_failure(errno)));
    }
    copied_.push_back(target);
  }
  std::sort(copied_.begin(), copied_.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
  return {};
}

// When the kernel copies from file to file, there are no page faults, which cost ten times as much on some virtual
// machines.
bool GuestMemory::fill(Range range, int descriptor, std::uint64_t offset) {
  const std::span<std::byte> mapped(base_ + range.start, range.size());
  if (!file_) return read_all_at(descriptor, mapped, offset);
  if (lseek(file_.get(), static_cast<off_t>(range.start), SEEK_SET) < 0) return false;
  auto from = static_cast<off_t>(offset);
  while (!range.empty()) {
    const ssize_t sent = sendfile(file_.get(), descriptor, &from, range.size());
    if (sent < 0 && errno == EINTR) continue;
    // Not every file can be sent.
    if (sent < 0) {
      errno = 0;
      return read_all_at(descriptor, mapped.last(range.size()), static_cast<std::uint64_t>(from));
    }
    if (sent == 0) return false;
    range.start += static_cast<std::uint64_t>(sent);
  }
  return true;
}

Result<void> GuestMemory::map_private_large(Range range, int descriptor, std::uint64_t offset) {
  constexpr std::uint64_t kSmallest = 4 * kPiece;
  if (!file_) {
    auto mapped = map_private(range, descriptor, offset);
    if (mapped && range.size() >= 2 * x86::kLargePageSize) prefer_large_pages(bytes(range));
    return mapped;
  }
  if (range.size() < kSmallest || can_put_off_ == nullptr || !can_put_off_()) {
    return map_private(range, descriptor, offset);
  }
  Descriptor file(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!file) {
    return fail(code_for(errno), fmt::format("cannot duplicate a file's descriptor: {}", std::strerror(errno)));
  }
  put_off_.push_back({range, std::move(file), offset, std::vector<bool>((range.size() + kPiece - 1) / kPiece)});
  std::sort(put_off_.begin(), put_off_.end(),
            [](const PutOff& a, const PutOff& b) { return a.range.start < b.range.start; });
  return {};
}

std::vector<Range> GuestMemory::waiting() const {
  std::vector<Range> ranges;
  for (const PutOff& part : put_off_) ranges.push_back(part.range);
  return ranges;
}

bool GuestMemory::load(Range range) {
  for (PutOff& part : put_off_) {
    const std::uint64_t start = std::max(range.start, part.range.start);
    const std::uint64_t end = std::min(range.end, part.range.end);
    if (start >= end) continue;
    for (std::uint64_t piece = (start - part.range.start) / kPiece; piece * kPiece < end - part.range.start; ++piece) {
      if (part.loaded[piece]) continue;
      const std::uint64_t at = part.range.start + piece * kPiece;
      const Range target = {at, std::min(at + kPiece, part.range.end)};
      if (!fill(target, part.file.get(), part.offset + piece * kPiece)) return false;
      part.loaded[piece] = true;
    }
  }
  return true;
}

bool GuestMemory::drop(Range range) {
  if (!file_) return madvise(base_ + range.start, range.size(), MADV_DONTNEED) == 0;
  ++drops_;
  auto punch = [this](std::uint64_t start, std::uint64_t end) {
    return start >= end || fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(start),
                                     static_cast<off_t>(end - start)) == 0;
  };
  bool dropped = true;
  for (const Range& run : copied_) {
    if (run.end <= range.start || run.start >= range.end) continue;
    dropped = punch(range.start, run.start) && dropped;
    range.start = std::max(range.start, run.end);
  }
  return punch(range.start, range.end) && dropped;
}

Result<std::uint64_t> GuestMemory::map_file(std::uint64_t start, int descriptor, std::uint64_t size) {
  const std::uint64_t whole = x86::round_down(size, x86::kPageSize);
  if (whole != 0 && mmap(base_ + start, whole, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor, 0) == MAP_FAILED) {
    return fail(code_for(errno, ErrorCode::kFile),
                fmt::format("cannot map the input of {} bytes: {}", size, std::strerror(errno)));
  }
  // The last page is not mapped: the file may go on, now or later, and the guest must see zeros there.
  errno = 0;
  if (read_all_at(descriptor, {base_ + start + whole, size - whole}, whole)) return whole;
  return fail(code_for(errno, ErrorCode::kFile),
              fmt::format("the input of {} bytes cannot be read: {}", size, read_failure(errno)));
}

void GuestMemory::set_regions(std::vector<Region> regions, std::uint64_t slide) {
  regions_ = std::move(regions);
  slide_ = slide;
}

const Region* GuestMemory::find(std::uint64_t address) const {
  if (address < slide_) return nullptr;
  std::uint64_t physical = address - slide_;
  auto region =
      std::upper_bound(regions_.begin(), regions_.end(), physical,
                       [](std::uint64_t value, const Region& candidate) { return value < candidate.range.end; });
  return region != regions_.end() && physical >= region->range.start ? &*region : nullptr;
}

std::optional<std::span<std::byte>> GuestMemory::resolve(GuestPointer pointer, std::uint64_t length, Access access) {
  if (length == 0) return std::span<std::byte>();
  std::uint64_t address = static_cast<std::uint64_t>(pointer);
  std::uint64_t last = address + (length - 1);
  if (last < address) return std::nullopt;
  // The range may lie across adjacent regions.
  for (std::uint64_t next = address;;) {
    const Region* region = find(next);
    if (region == nullptr) return std::nullopt;
    if (access == Access::kWrite ? !region->permissions.write : !region->permissions.read) return std::nullopt;
    if (last - slide_ < region->range.end) break;
    next = region->range.end + slide_;
  }
  const std::uint64_t physical = address - slide_;
  if (!put_off_.empty() && !load({physical, physical + length})) return std::nullopt;
  return std::span<std::byte>(base_ + physical, length);
}

bool GuestMemory::copy(std::span<std::byte> to, GuestPointer from) {
  auto source = resolve(from, to.size(), Access::kRead);
  if (!source) return false;
  // The input may be a file that was truncated meanwhile: the kernel answers EFAULT where a load would raise SIGBUS.
  iovec local = {to.data(), to.size()};
  iovec remote = {source->data(), source->size()};
  return to.empty() || process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(to.size());
}

bool GuestMemory::write(GuestPointer to, std::span<const std::byte> from) {
  auto target = resolve(to, from.size(), Access::kWrite);
  if (!target) return false;
  iovec local = {const_cast<std::byte*>(from.data()), from.size()};
  iovec remote = {target->data(), target->size()};
  return from.empty() || process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(from.size());
}

std::uint64_t GuestMemory::resident() const {
  std::vector<unsigned char> pages((size_ + x86::kPageSize - 1) / x86::kPageSize);
  if (mincore(base_, size_, pages.data()) != 0) return 0;
  auto count = std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<std::uint64_t>(count) * x86::kPageSize;
}

}  // namespace spry
