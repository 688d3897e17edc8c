#include "bitmap.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace spry::block {
namespace {

constexpr std::uint64_t kBits = 64;

// Calls use(index, bits) for each word that has bits of the range [first, end); `bits` are those of the range.
template <class Use>
void each_word(std::uint64_t first, std::uint64_t end, Use use) {
  while (first < end) {
    const std::uint64_t bit = first % kBits;
    const std::uint64_t count = std::min(kBits - bit, end - first);
    const std::uint64_t ones = count == kBits ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    use(first / kBits, ones << bit);
    first += count;
  }
}

}  // namespace

std::optional<Bitmap> Bitmap::create(std::uint64_t count) {
  const std::uint64_t bytes = (count + kBits - 1) / kBits * sizeof(std::uint64_t);
  void* const words = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (words == MAP_FAILED) return std::nullopt;
  return Bitmap(static_cast<std::uint64_t*>(words), bytes);
}

Bitmap::Bitmap(Bitmap&& other) noexcept : words_(std::exchange(other.words_, nullptr)), bytes_(other.bytes_) {}

Bitmap::~Bitmap() {
  if (words_ != nullptr) munmap(words_, bytes_);
}

bool Bitmap::operator[](std::uint64_t index) const { return (words_[index / kBits] >> (index % kBits) & 1) != 0; }

void Bitmap::set(std::uint64_t first, std::uint64_t end) {
  each_word(first, end, [this](std::uint64_t word, std::uint64_t bits) { words_[word] |= bits; });
}

void Bitmap::clear(std::uint64_t first, std::uint64_t end) {
  each_word(first, end, [this](std::uint64_t word, std::uint64_t bits) {
    if ((words_[word] & bits) != 0) words_[word] &= ~bits;
  });
}

std::uint64_t Bitmap::count(std::uint64_t first, std::uint64_t end) const {
  std::uint64_t set = 0;
  each_word(first, end, [&](std::uint64_t word, std::uint64_t bits) {
    set += static_cast<std::uint64_t>(std::popcount(words_[word] & bits));
  });
  return set;
}

// madvise fails if the launcher has locked its memory: then the pages are cleared instead.
void Bitmap::reset() {
  if (madvise(words_, bytes_, MADV_DONTNEED) != 0) std::memset(words_, 0, bytes_);
}

}  // namespace spry::block
