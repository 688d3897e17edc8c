#include "image/pages.h"

#include <sys/mman.h>

#include <utility>

namespace spry::image {
std::optional<Pages> Pages::allocate(std::size_t size) {
  if (size == 0) return Pages();
  // Not MAP_POPULATE: for the few pages of a small image it is slower than their faults. For a large image it would
  // take memory before it is known that the file has that many bytes.
  void* const start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
