#include "image/pages.h"

#include <sys/mman.h>

#include <utility>

namespace spry::image {
namespace {

// Up to this size the pages are made there by mmap itself: they are all filled at once, and a fault for each costs more
// than the rest of the load. Beyond, a cut file or a failing read should not have paid for all of them.
constexpr std::size_t kPopulate = std::size_t{1} << 20;

}  // namespace

std::optional<Pages> Pages::allocate(std::size_t size) {
  if (size == 0) return Pages();
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (size <= kPopulate ? MAP_POPULATE : 0);
  void* const start = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (start == MAP_FAILED) return std::nullopt;
  return Pages(std::span(static_cast<std::byte*>(start), size));
}

Pages::Pages(Pages&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Pages::~Pages() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

}  // namespace spry::image
