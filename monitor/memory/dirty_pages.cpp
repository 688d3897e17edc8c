#include "memory/dirty_pages.h"

#include <algorithm>

namespace spry {

using x86::kPageSize;

void DirtyPages::mark(Range range) {
  const std::uint64_t first = range.start / kPageSize;
  const std::uint64_t end = std::min<std::uint64_t>((range.end + kPageSize - 1) / kPageSize, written_.size() * kBits);
  for (std::uint64_t page = first; page < end; ++page) {
    written_[page / kBits] |= std::uint64_t{1} << page % kBits;
  }
  if (first < end) written_end_ = std::max<std::size_t>(written_end_, (end - 1) / kBits + 1);
}

Result<void> DirtyPages::fetch(WriteLog& log) {
  auto fetched = log.fetch();
  if (!fetched) return tl::unexpected(fetched.error());
  logged_ = fetched->first(std::min(fetched->size(), written_.size()));
  end_ = std::max(logged_.size(), written_end_);
  return {};
}

Result<void> DirtyPages::clear(WriteLog& log) {
  if (auto fetched = fetch(log); !fetched) return fetched;
  std::fill(written_.begin(), written_.end(), 0);
  written_end_ = 0;
  idle_cost_ = 0;
  return log.forget(logged_);
}

}  // namespace spry
