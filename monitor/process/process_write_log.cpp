#include "process/process_write_log.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpu/x86.h"
#include "text/format.h"

namespace spry {
namespace {

using x86::kPageSize;

constexpr std::size_t kFoundAtOnce = 256;

// What forgetting costs, in ns: a scan of little memory, and a fault that removes the protection of one page. It was
// measured on a virtual machine, where the faults of a process are dear.
constexpr ForgetCost kCost = {.call = 6000, .fault = 20000};

}  // namespace

ProcessWriteLog::ProcessWriteLog(GuestMemory& memory, std::span<const Region> regions, std::uint64_t slide)
    : memory_(memory), slide_(slide), found_(kFoundAtOnce) {
  for (const Region& region : regions) {
    if (!region.permissions.write) continue;
    if (!writable_.empty() && writable_.back().end == region.range.start) {
      writable_.back().end = region.range.end;
    } else {
      writable_.push_back(region.range);
    }
  }
  const std::uint64_t pages = writable_.empty() ? 0 : x86::round_up(writable_.back().end, kPageSize) / kPageSize;
  bits_.resize((pages + kBits - 1) / kBits);
  populated_.resize(bits_.size());
}

void ProcessWriteLog::attach(int pagemap, bool replaced) {
  pagemap_ = pagemap;
  if (!replaced) return;
  for (const Range& range : writable_) {
    for (const Range& run : memory_.populated(range)) extra_.push_back(run);
  }
}

void ProcessWriteLog::find_populated() {
  const std::uint64_t population = memory_.population();
  if (population == population_) return;
  population_ = population;
  std::fill(populated_.begin(), populated_.end(), 0);
  for (const Range& range : writable_) {
    for (const Range& run : memory_.populated(range)) {
      for (std::uint64_t page = run.start / kPageSize; page * kPageSize < run.end; ++page) {
        populated_[page / kBits] |= std::uint64_t{1} << page % kBits;
      }
    }
  }
}

// Marks those pages of `range`, which are not mapped, that are no holes of the memfd. The kernel reports every page
// that is not mapped as written, unless it was once forgotten. Most of them have never been touched, but one may have
// been written and swapped out since; that one is no hole.
void ProcessWriteLog::mark_populated(Range range) {
  const std::uint64_t end = range.end / kPageSize;
  for (std::uint64_t page = range.start / kPageSize; page < end; ++page) {
    const std::uint64_t left = populated_[page / kBits] >> page % kBits;
    if (left == 0) {
      page |= kBits - 1;
    } else if ((left & 1) != 0) {
      mark({page * kPageSize, (page + 1) * kPageSize});
    }
  }
}

void ProcessWriteLog::mark(Range range) {
  if (range.empty()) return;
  marked_.push_back(range);
  for (std::uint64_t page = range.start / kPageSize; page * kPageSize < range.end; ++page) {
    bits_[page / kBits] |= std::uint64_t{1} << page % kBits;
  }
}

Result<bool> ProcessWriteLog::scan(Range range, std::uint64_t flags, bool marks) {
  pm_scan_arg request = {};
  request.size = sizeof request;
  request.flags = flags;
  request.start = range.start + slide_;
  request.end = range.end + slide_;
  request.category_mask = PAGE_IS_WPALLOWED | PAGE_IS_WRITTEN;
  request.return_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT | PAGE_IS_SWAPPED;
  while (request.start < request.end) {
    if (marks) {
      request.vec = reinterpret_cast<std::uintptr_t>(found_.data());
      request.vec_len = found_.size();
    }
    const int count = ioctl(pagemap_, PAGEMAP_SCAN, &request);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ESRCH) return false;
    if (count < 0) {
      return fail(code_for(errno),
                  fmt::format("the kernel does not tell which pages the guest wrote: {}", std::strerror(errno)));
    }
    for (int i = 0; marks && i < count; ++i) {
      const page_region& found = found_[static_cast<std::size_t>(i)];
      const Range pages = {found.start - slide_, found.end - slide_};
      if ((found.categories & (PAGE_IS_PRESENT | PAGE_IS_SWAPPED)) != 0) {
        mark(pages);
      } else {
        mark_populated(pages);
      }
    }
    request.start = request.walk_end;
  }
  return true;
}

Result<std::span<const std::uint64_t>> ProcessWriteLog::fetch() {
  for (const Range& range : marked_) {
    std::fill(bits_.begin() + static_cast<std::ptrdiff_t>(range.start / kPageSize / kBits),
              bits_.begin() + static_cast<std::ptrdiff_t>((range.end - 1) / kPageSize / kBits + 1), 0);
  }
  marked_.clear();
  if (writable_.empty()) return bits_;
  if (pagemap_ >= 0) {
    find_populated();
    // One scan for all ranges: it skips memory between them, which is not registered.
    auto scanned = scan({writable_.front().start, writable_.back().end}, 0, true);
    if (!scanned) return tl::unexpected(scanned.error());
    if (*scanned) {
      for (const Range& range : extra_) mark(range);
      return bits_;
    }
  }
  for (const Range& range : writable_) {
    for (const Range& run : memory_.populated(range)) mark(run);
  }
  return bits_;
}

Result<void> ProcessWriteLog::forget(std::span<const std::uint64_t> chosen) {
  if (pagemap_ < 0) return {};
  auto is_chosen = [&](std::uint64_t page) {
    return page / kBits < chosen.size() && (chosen[page / kBits] >> page % kBits & 1) != 0;
  };
  for (const Range& range : writable_) {
    const std::uint64_t end = std::min(range.end / kPageSize, chosen.size() * kBits);
    for (std::uint64_t page = range.start / kPageSize; page < end; ++page) {
      if (chosen[page / kBits] >> page % kBits == 0) {
        page |= kBits - 1;
        continue;
      }
      if (!is_chosen(page)) continue;
      const std::uint64_t first = page;
      while (page < end && is_chosen(page)) ++page;
      if (auto done = scan({first * kPageSize, page * kPageSize}, PM_SCAN_WP_MATCHING, false); !done) {
        return tl::unexpected(done.error());
      }
    }
  }
  std::vector<Range> left;
  for (const Range& range : extra_) {
    for (std::uint64_t at = range.start; at < range.end; at += kPageSize) {
      if (is_chosen(at / kPageSize)) continue;
      if (!left.empty() && left.back().end == at) {
        left.back().end += kPageSize;
      } else {
        left.push_back({at, at + kPageSize});
      }
    }
  }
  extra_ = std::move(left);
  return {};
}

ForgetCost ProcessWriteLog::cost() const { return kCost; }

}  // namespace spry
