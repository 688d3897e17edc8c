// A bit for each of many things, of which most are clear: memory goes to pages of bits that were set.
#pragma once

#include <cstdint>
#include <optional>

namespace spry::block {

class Bitmap {
 public:
  // All are clear. Nothing, and errno, if there is no memory.
  static std::optional<Bitmap> create(std::uint64_t count);

  Bitmap(Bitmap&& other) noexcept;
  Bitmap& operator=(Bitmap&&) = delete;
  ~Bitmap();

  bool operator[](std::uint64_t index) const;
  // Sets or clears those from `first` on, before `end`.
  void set(std::uint64_t first, std::uint64_t end);
  void clear(std::uint64_t first, std::uint64_t end);
  // How many of those from `first` on, before `end`, are set.
  std::uint64_t count(std::uint64_t first, std::uint64_t end) const;
  // Clears all, and gives the memory back.
  void reset();

 private:
  Bitmap(std::uint64_t* words, std::uint64_t bytes) : words_(words), bytes_(bytes) {}

  std::uint64_t* words_;
  std::uint64_t bytes_;
};

}  // namespace spry::block
