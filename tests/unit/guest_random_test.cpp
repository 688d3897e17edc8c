// The guest library's ChaCha20 and the generator on top of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "chacha20.h"
#include "random.h"

namespace {

using Block = std::array<std::uint32_t, CHACHA20_BLOCK_WORDS>;

TEST(ChaCha20, AgreesWithRfc8439Section232) {
  std::array<std::uint8_t, 32> key_bytes;
  for (std::size_t i = 0; i < key_bytes.size(); i++) {
    key_bytes[i] = static_cast<std::uint8_t>(i);
  }
  std::array<std::uint32_t, CHACHA20_KEY_WORDS> key;
  std::memcpy(key.data(), key_bytes.data(), key_bytes.size());
  const std::array<std::uint32_t, 3> nonce = {0x09000000, 0x4a000000, 0x00000000};
  Block block;
  spry_chacha20_block(block.data(), key.data(), 1, nonce.data());
  EXPECT_EQ(block,
            (Block{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                   0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2}));
}

// RFC 8439, appendix A.1, test vector 1: everything zero.
TEST(ChaCha20, AgreesWithRfc8439AppendixA1) {
  const std::array<std::uint32_t, CHACHA20_KEY_WORDS> key = {};
  const std::array<std::uint32_t, 3> nonce = {};
  Block block;
  spry_chacha20_block(block.data(), key.data(), 0, nonce.data());
  EXPECT_EQ(block,
            (Block{0xade0b876, 0x903df1a0, 0xe56a5d40, 0x28bd8653, 0xb819d2bd, 0x1aed8da0, 0xccef36a8, 0xc70d778b,
                   0x7c5941da, 0x8d485751, 0x3fe02477, 0x374ad8b8, 0xf4b8436a, 0x1ca11815, 0x69b687c3, 0x8665eeb2}));
}

std::vector<std::uint8_t> fill(spry_random& generator, std::size_t length) {
  std::vector<std::uint8_t> bytes(length + 1, 0xa5);
  spry_random_fill(&generator, bytes.data(), length);
  EXPECT_EQ(bytes.back(), 0xa5) << "wrote past the end of " << length << " bytes";
  bytes.pop_back();
  return bytes;
}

spry_random seeded(std::uint8_t first) {
  std::array<std::uint8_t, 32> seed = {first};
  spry_random generator = {};
  spry_random_mix(&generator, seed.data());
  return generator;
}

TEST(Random, FirstRequestIsTheKeyStreamBehindTheNextKey) {
  spry_random generator = seeded(1);
  const std::array<std::uint32_t, 3> nonce = {};
  std::array<Block, 3> stream;
  for (std::uint32_t i = 0; i < stream.size(); i++) {
    spry_chacha20_block(stream[i].data(), generator.key, i, nonce.data());
  }
  const std::vector<std::uint8_t> bytes = fill(generator, 32 + 64 + 10);
  EXPECT_EQ(std::memcmp(bytes.data(), reinterpret_cast<const char*>(stream.data()) + 32, bytes.size()), 0);
  EXPECT_EQ(std::memcmp(generator.key, stream[0].data(), sizeof(generator.key)), 0) << "the key was not erased";
}

TEST(Random, RequestsDiffer) {
  spry_random generator = seeded(1);
  const std::vector<std::uint8_t> first = fill(generator, 64);
  EXPECT_NE(first, fill(generator, 64));
}

TEST(Random, SeedsDiffer) {
  spry_random one = seeded(1), two = seeded(2);
  EXPECT_NE(fill(one, 64), fill(two, 64));
}

TEST(Random, StateBeforeTheSeedMatters) {
  spry_random one = seeded(1), two = seeded(2);
  const std::array<std::uint8_t, 32> seed = {3};
  spry_random_mix(&one, seed.data());
  spry_random_mix(&two, seed.data());
  EXPECT_NE(fill(one, 64), fill(two, 64));
}

TEST(Random, MixingChangesTheState) {
  spry_random one = seeded(1), two = seeded(1);
  const std::array<std::uint8_t, 32> seed = {3};
  spry_random_mix(&two, seed.data());
  EXPECT_NE(fill(one, 64), fill(two, 64));
}

TEST(Random, AnyLengthIsFilled) {
  spry_random generator = seeded(1);
  for (std::size_t length = 0; length < 300; length++) {
    fill(generator, length);
  }
  const std::vector<std::uint8_t> bytes = fill(generator, 1 << 16);
  std::array<int, 256> counts = {};
  for (std::uint8_t byte : bytes) {
    counts[byte]++;
  }
  // Each value is expected 256 times, with a standard deviation of 16. The generator's seed is fixed here.
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 170);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 342);
}

}  // namespace
