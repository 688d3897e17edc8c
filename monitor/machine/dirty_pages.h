// Which pages of a machine differ from its base: KVM's dirty log, for what the guest wrote, and what the monitor wrote
// itself, which KVM does not see.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "kvm/kvm.h"
#include "machine/x86.h"
#include "spry/image.h"

namespace spry {

class DirtyPages {
 public:
  DirtyPages() = default;
  explicit DirtyPages(std::uint64_t memory)
      : written_((memory / x86::kPageSize + kBits - 1) / kBits), logged_(written_.size()) {}

  bool enabled() const { return !written_.empty(); }

  // The monitor wrote to guest-physical `range`.
  void mark(Range range);

  // Asks KVM for what the guest wrote; `slots` cover memory from 0 on without a gap, each from a multiple of 64 pages.
  Result<void> fetch(Vm& vm, std::span<const Range> slots);

  // Calls visit(page's address) for each page of either kind; the monitor's own are then forgotten. What `visit`
  // answers true for is idle: the guest has it in KVM's log from an earlier action.
  template <class Visit>
  void drain(Visit visit);

  // Clears the pages that the last drain found idle from KVM's log. Calls dropped(range) for each run of them.
  template <class Dropped>
  Result<void> clear_idle(Vm& vm, std::span<const Range> slots, Dropped dropped);

  // Forgets everything, in KVM's log too.
  Result<void> clear(Vm& vm, std::span<const Range> slots);

 private:
  static constexpr std::uint64_t kBits = 64;
  Result<void> clear_in_kvm(Vm& vm, std::span<const Range> slots, std::span<std::uint64_t> bits);

  std::vector<std::uint64_t> written_;
  std::vector<std::uint64_t> logged_;
  std::vector<std::uint64_t> idle_;
  std::size_t end_ = 0;  // words of either that may have bits
  std::size_t written_end_ = 0;
};

template <class Visit>
void DirtyPages::drain(Visit visit) {
  idle_.assign(end_, 0);
  for (std::size_t word = 0; word < end_; ++word) {
    for (std::uint64_t bits = written_[word] | logged_[word]; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      if (visit((word * kBits + bit) * x86::kPageSize)) idle_[word] |= std::uint64_t{1} << bit;
    }
    idle_[word] &= logged_[word];
    written_[word] = 0;
  }
  written_end_ = 0;
}

template <class Dropped>
Result<void> DirtyPages::clear_idle(Vm& vm, std::span<const Range> slots, Dropped dropped) {
  Range run;
  for (std::size_t word = 0; word < idle_.size(); ++word) {
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
  return clear_in_kvm(vm, slots, idle_);
}

}  // namespace spry
