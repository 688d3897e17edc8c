// Which pages of a machine differ from its base: what KVM tells of the guest's writes, and what the monitor wrote
// itself, which KVM does not see.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu/x86.h"
#include "kvm/kvm_write_log.h"
#include "spry/image.h"

namespace spry {

class DirtyPages {
 public:
  DirtyPages() = default;
  explicit DirtyPages(std::uint64_t memory)
      : written_((memory / x86::kPageSize + kBits - 1) / kBits), logged_(written_.size()), idle_(written_.size()) {}

  bool enabled() const { return !written_.empty(); }

  // The monitor wrote to guest-physical `range`.
  void mark(Range range);

  // Asks KVM for what the guest wrote.
  Result<void> fetch(WriteLog log);

  // Calls visit(page's address) for each page of either kind; the monitor's own are then forgotten. What `visit`
  // answers true for is idle: the guest has it in KVM's log from an earlier action.
  template <class Visit>
  void drain(Visit visit);

  // Has KVM forget the pages that the last drain found idle, all being as in the base. Calls dropped(range) for each
  // run of them.
  template <class Dropped>
  Result<void> clear_idle(WriteLog log, Dropped dropped);

  // Forgets everything, and has KVM do so.
  Result<void> clear(WriteLog log);

  // Makes room in KVM's ring, while the guest runs.
  Result<void> make_room(WriteLog log) { return log.make_room(logged_); }

 private:
  static constexpr std::uint64_t kBits = WriteLog::kBits;

  std::vector<std::uint64_t> written_;
  std::vector<std::uint64_t> logged_;
  std::vector<std::uint64_t> idle_;
  std::size_t end_ = 0;  // words of either that may have bits
  std::size_t written_end_ = 0;
};

template <class Visit>
void DirtyPages::drain(Visit visit) {
  for (std::size_t word = 0; word < end_; ++word) {
    std::uint64_t idle = 0;
    for (std::uint64_t bits = written_[word] | logged_[word]; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      if (visit((word * kBits + bit) * x86::kPageSize)) idle |= std::uint64_t{1} << bit;
    }
    idle_[word] = idle & logged_[word];
    written_[word] = 0;
  }
  written_end_ = 0;
}

template <class Dropped>
Result<void> DirtyPages::clear_idle(WriteLog log, Dropped dropped) {
  Range run;
  for (std::size_t word = 0; word < end_; ++word) {
    for (std::uint64_t bits = idle_[word]; bits != 0; bits &= bits - 1) {
      const std::uint64_t page = (word * kBits + static_cast<unsigned>(std::countr_zero(bits))) * x86::kPageSize;
      if (page != run.end || run.empty()) {
        if (!run.empty()) dropped(run);
        run.start = page;
      }
      run.end = page + x86::kPageSize;
    }
  }
  if (!run.empty()) dropped(run);
  return log.forget(idle_, logged_);
}

}  // namespace spry
