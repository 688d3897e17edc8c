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

// What forgetting costs, in ns: a scan of little memory, and a fault that removes the protection of one page.
constexpr ForgetCost kCost = {.call = 3000, .fault = 1600};

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
}

void ProcessWriteLog::attach(int pagemap, bool replaced) {
  pagemap_ = pagemap;
  if (replaced) {
    for (const Range& range : writable_) {
      for (const Range& run : memory_.populated(range)) extra_.push_back(run);
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

Result<void> ProcessWriteLog::scan(Range range, std::uint64_t flags, bool marks) {
  pm_scan_arg request = {};
  request.size = sizeof request;
  request.flags = flags;
  request.start = range.start + slide_;
  request.end = range.end + slide_;
  request.category_mask = request.return_mask = PAGE_IS_WPALLOWED | PAGE_IS_WRITTEN;
  while (request.start < request.end) {
    if (marks) {
      request.vec = reinterpret_cast<std::uintptr_t>(found_.data());
      request.vec_len = found_.size();
    }
    const int count = ioctl(pagemap_, PAGEMAP_SCAN, &request);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("the kernel does not tell which pages the guest wrote: {}", std::strerror(errno)));
    }
    for (int i = 0; marks && i < count; ++i) {
      const page_region& found = found_[static_cast<std::size_t>(i)];
      mark({found.start - slide_, found.end - slide_});
    }
    request.start = request.walk_end;
  }
  return {};
}

Result<std::span<const std::uint64_t>> ProcessWriteLog::fetch() {
  for (const Range& range : marked_) {
    std::fill(bits_.begin() + static_cast<std::ptrdiff_t>(range.start / kPageSize / kBits),
              bits_.begin() + static_cast<std::ptrdiff_t>((range.end - 1) / kPageSize / kBits + 1), 0);
  }
  marked_.clear();
  if (writable_.empty()) return bits_;
  if (pagemap_ < 0) {
    for (const Range& range : writable_) {
      for (const Range& run : memory_.populated(range)) mark(run);
    }
    return bits_;
  }
  // One walk over all: what is not registered between the ranges is skipped.
  if (auto scanned = scan({writable_.front().start, writable_.back().end}, 0, true); !scanned) {
    return tl::unexpected(scanned.error());
  }
  for (const Range& range : extra_) mark(range);
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
      if (auto done = scan({first * kPageSize, page * kPageSize}, PM_SCAN_WP_MATCHING, false); !done) return done;
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
