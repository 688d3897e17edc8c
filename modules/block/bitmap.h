// Many bits, of which most are clear. Only pages in which a bit was set take memory.
#pragma once

#include <cstdint>
#include <optional>

namespace spry::block {

class Bitmap {
 public:
  // Makes `count` bits, all clear. Nothing, with the cause in errno, if there is no memory.
  static std::optional<Bitmap> create(std::uint64_t count);

  Bitmap(Bitmap&& other) noexcept;
  Bitmap& operator=(Bitmap&&) = delete;
  ~Bitmap();

  bool operator[](std::uint64_t index) const;
  // Sets or clears the bits [first, end).
  void set(std::uint64_t first, std::uint64_t end);
  void clear(std::uint64_t first, std::uint64_t end);
  // How many of the bits [first, end) are set.
  std::uint64_t count(std::uint64_t first, std::uint64_t end) const;
  // Clears all bits, and gives their memory back.
  void reset();

 private:
  Bitmap(std::uint64_t* words, std::uint64_t bytes) : words_(words), bytes_(bytes) {}

  std::uint64_t* words_;
  std::uint64_t bytes_;
};

}  // namespace spry::block
