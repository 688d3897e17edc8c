#include "kvm/dirty_ring.h"

#include <sys/mman.h>

#include <utility>

namespace spry {

DirtyRing::DirtyRing(DirtyRing&& other) noexcept : entries_(std::exchange(other.entries_, {})), next_(other.next_) {}

DirtyRing& DirtyRing::operator=(DirtyRing&& other) noexcept {
  std::swap(entries_, other.entries_);
  std::swap(next_, other.next_);
  return *this;
}

DirtyRing::~DirtyRing() {
  if (!entries_.empty()) munmap(entries_.data(), entries_.size_bytes());
}

}  // namespace spry
