// Which pages of a machine may differ from its base: those that the guest wrote, as the platform tells, and those that
// the monitor wrote itself, which the platform may not see.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu/x86.h"
#include "memory/write_log.h"
#include "spry/image.h"

namespace spry {

class DirtyPages {
 public:
  DirtyPages() = default;
  explicit DirtyPages(std::uint64_t memory)
      : written_((memory / x86::kPageSize + kBits - 1) / kBits), idle_(written_.size()) {}

  bool enabled() const { return !written_.empty(); }

  // The monitor wrote to guest-physical `range`.
  void mark(Range range);

  // Asks for what the guest wrote.
  Result<void> fetch(WriteLog& log);

  // Calls visit(guest-physical address) for each page that the guest or the monitor wrote, and then forgets those that
  // the monitor wrote. `visit` answers true if the page is as in the base. Such a page, if the log names it, is idle:
  // the log still has it from an earlier action.
  template <class Visit>
  void drain(Visit visit);

  // Once that pays, has the log forget the pages that the last drain found idle, and calls dropped(range) for each run
  // of them. To be called when every page is as in the base, because a log may forget all of them. Errors: those of
  // code_for.
  template <class Dropped>
  Result<void> forget_idle(WriteLog& log, Dropped dropped);

  // Forgets everything, and has the log do so.
  Result<void> clear(WriteLog& log);

 private:
  static constexpr std::uint64_t kBits = WriteLog::kBits;

  std::vector<std::uint64_t> written_;
  std::vector<std::uint64_t> idle_;
  std::span<const std::uint64_t> logged_;  // what the log answered last; perhaps shorter
  std::size_t end_ = 0;                    // words of logged_ and written_ that may have bits
  std::size_t written_end_ = 0;
  std::uint64_t idle_count_ = 0;     // pages that the last drain found idle
  std::uint64_t changed_count_ = 0;  // pages that it found changed
  std::uint64_t idle_cost_ = 0;      // ns spent on idle pages since they were last forgotten
};

template <class Visit>
void DirtyPages::drain(Visit visit) {
  idle_count_ = changed_count_ = 0;
  for (std::size_t word = 0; word < end_; ++word) {
    const std::uint64_t logged = word < logged_.size() ? logged_[word] : 0;
    std::uint64_t idle = 0;
    for (std::uint64_t bits = written_[word] | logged; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      const bool unchanged = visit((word * kBits + bit) * x86::kPageSize);
      ++(unchanged ? idle_count_ : changed_count_);
      if (unchanged) idle |= std::uint64_t{1} << bit;
    }
    idle_[word] = idle & logged;
    written_[word] = 0;
  }
  written_end_ = 0;
}

// A page that the log names is compared at each reset, whether the guest wrote it again or not. Having the log forget
// it costs a call now, and a fault when the guest writes it again. So idle pages are forgotten once comparing them has
// cost as much. Without foresight, the sum is then never more than twice what the better choice would have cost.
template <class Dropped>
Result<void> DirtyPages::forget_idle(WriteLog& log, Dropped dropped) {
  constexpr std::uint64_t kCompareCost = 120;  // ns for a page (measured: bench/micro)
  const ForgetCost cost = log.cost();
  const std::uint64_t faults = log.forgets_all() ? idle_count_ + changed_count_ : idle_count_;
  idle_cost_ += idle_count_ * kCompareCost;
  if (idle_count_ == 0 || idle_cost_ < faults * cost.fault + cost.call) return {};
  idle_cost_ = 0;
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
  return log.forget(idle_);
}

}  // namespace spry
