// Whole pages of anonymous memory, owned.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace spry::image {

class Pages {
 public:
  // `size` bytes of zeroed memory, a multiple of the page size; nothing if the kernel has no more.
  static std::optional<Pages> allocate(std::size_t size);

  Pages() = default;
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit Pages(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace spry::image
