#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "system/entropy.h"

namespace spry {
namespace {

std::vector<std::byte> take(Entropy& entropy, std::size_t size) {
  std::vector<std::byte> bytes(size);
  EXPECT_TRUE(entropy.take(bytes));
  return bytes;
}

TEST(Entropies, NeverGiveTheSameTwice) {
  Entropy entropy;
  std::set<std::vector<std::byte>> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(take(entropy, 32)).second);
}

TEST(Entropies, FillAllThatIsAskedFor) {
  Entropy entropy;
  for (const std::size_t size : {1u, 31u, 256u, 200u, 100u, 4096u, 0u}) {
    std::set<std::size_t> written;
    // A byte that stays zero in so many tries was not written.
    for (int i = 0; i < 20; ++i) {
      const auto bytes = take(entropy, size);
      for (std::size_t at = 0; at < size; ++at) {
        if (bytes[at] != std::byte{0}) written.insert(at);
      }
    }
    EXPECT_EQ(written.size(), size);
  }
}

}  // namespace
}  // namespace spry
