// The guest library's memory and string functions against plain loops, at every alignment, and at lengths around each
// at which they change their method. Strings end at a page that must not be touched.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

extern "C" {
void* spry_test_memcpy(void* to, const void* from, std::size_t length);
void* spry_test_memmove(void* to, const void* from, std::size_t length);
void* spry_test_memset(void* to, int value, std::size_t length);
int spry_test_memcmp(const void* left, const void* right, std::size_t length);
void* spry_test_memchr(const void* bytes, int value, std::size_t length);
std::size_t spry_test_strlen(const char* string);
std::size_t spry_test_strnlen(const char* string, std::size_t limit);
int spry_test_strcmp(const char* left, const char* right);
int spry_test_strncmp(const char* left, const char* right, std::size_t limit);
char* spry_test_strchr(const char* string, int value);
}

namespace {

using Bytes = std::vector<unsigned char>;

const std::vector<std::size_t>& lengths() {
  static const std::vector<std::size_t> list = [] {
    std::vector<std::size_t> all;
    for (std::size_t length = 0; length < 100; length++) {
      all.push_back(length);
    }
    all.insert(all.end(), {127, 128, 129, 255, 256, 257, 510, 511, 512, 513, 528, 1000, 4096, 4097});
    return all;
  }();
  return list;
}

Bytes random_bytes(std::size_t length) {
  static std::mt19937 random(1);
  Bytes bytes(length);
  for (unsigned char& byte : bytes) {
    byte = static_cast<unsigned char>(random());
  }
  return bytes;
}

// `length` bytes, behind which a page begins that cannot be accessed.
class Guarded {
 public:
  explicit Guarded(std::size_t length) : length_(length) {
    map_ = static_cast<char*>(mmap(nullptr, kSize + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(map_, MAP_FAILED);
    EXPECT_EQ(mprotect(map_ + kSize, 4096, PROT_NONE), 0);
  }
  explicit Guarded(const std::string& string) : Guarded(string.size() + 1) {
    std::memcpy(data(), string.c_str(), string.size() + 1);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(map_, kSize + 4096); }
  char* data() { return map_ + kSize - length_; }

 private:
  static constexpr std::size_t kSize = 8192;
  std::size_t length_;
  char* map_;
};

int sign(int value) { return (value > 0) - (value < 0); }

TEST(GuestMemory, CopyAtEveryAlignment) {
  for (std::size_t length : lengths()) {
    for (std::size_t shift = 0; shift < 17; shift++) {
      const Bytes from = random_bytes(length + 32);
      const Bytes before = random_bytes(length + 64);
      Bytes to = before;
      ASSERT_EQ(spry_test_memcpy(to.data() + shift, from.data() + (shift * 7) % 16, length), to.data() + shift);
      Bytes expected = before;
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>((shift * 7) % 16), length,
                  expected.begin() + static_cast<std::ptrdiff_t>(shift));
      ASSERT_EQ(to, expected) << "length " << length << ", shift " << shift;
    }
  }
}

TEST(GuestMemory, MoveOverlapping) {
  for (std::size_t length : lengths()) {
    for (std::size_t distance : {0u, 1u, 2u, 3u, 7u, 8u, 15u, 16u, 17u, 31u, 33u, 100u, 600u}) {
      for (bool up : {false, true}) {
        const Bytes before = random_bytes(length + 700);
        const Bytes source(
            before.begin() + (up ? 0 : static_cast<std::ptrdiff_t>(distance)),
            before.begin() + (up ? 0 : static_cast<std::ptrdiff_t>(distance)) + static_cast<std::ptrdiff_t>(length));
        Bytes expected = before;
        std::copy(source.begin(), source.end(), expected.begin() + (up ? static_cast<std::ptrdiff_t>(distance) : 0));
        Bytes bytes = before;
        unsigned char* low = bytes.data();
        unsigned char* high = bytes.data() + distance;
        ASSERT_EQ(spry_test_memmove(up ? high : low, up ? low : high, length), up ? high : low);
        ASSERT_EQ(bytes, expected) << "length " << length << ", distance " << distance << (up ? " up" : " down");
      }
    }
  }
}

TEST(GuestMemory, Set) {
  for (std::size_t length : lengths()) {
    for (std::size_t shift = 0; shift < 17; shift++) {
      Bytes bytes = random_bytes(length + 64);
      Bytes expected = bytes;
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(shift), length, static_cast<unsigned char>(0xc3));
      ASSERT_EQ(spry_test_memset(bytes.data() + shift, 0x1c3, length), bytes.data() + shift);
      ASSERT_EQ(bytes, expected) << "length " << length << ", shift " << shift;
    }
  }
}

TEST(GuestMemory, CompareFindsTheFirstDifference) {
  for (std::size_t length : lengths()) {
    const Bytes left = random_bytes(length);
    ASSERT_EQ(spry_test_memcmp(left.data(), left.data(), length), 0);
    for (std::size_t at = 0; at<length; at += length> 200 ? 37 : 1) {
      Bytes right = left;
      right[at] = static_cast<unsigned char>(right[at] ^ 0x80);
      if (at + 1 < length) {
        right[at + 1] = static_cast<unsigned char>(~right[at + 1]);  // must not count
      }
      ASSERT_EQ(sign(spry_test_memcmp(left.data(), right.data(), length)), left[at] < right[at] ? -1 : 1);
    }
  }
}

TEST(GuestMemory, FindsTheFirstByte) {
  for (std::size_t length : lengths()) {
    Bytes bytes(length, 0x11);
    Bytes behind = bytes;
    behind.push_back(0x22);  // must not be found
    ASSERT_EQ(spry_test_memchr(behind.data(), 0x22, length), nullptr);
    for (std::size_t at = 0; at<length; at += length> 200 ? 37 : 1) {
      Bytes copy = bytes;
      copy[at] = 0xfe;
      copy[length - 1] = 0xfe;
      ASSERT_EQ(spry_test_memchr(copy.data(), -2, length), copy.data() + at);
    }
  }
}

TEST(GuestString, LengthStopsAtTheLastByteOfAPage) {
  for (std::size_t length : lengths()) {
    Guarded string(std::string(length, 'x'));
    ASSERT_EQ(spry_test_strlen(string.data()), length);
    ASSERT_EQ(spry_test_strnlen(string.data(), length + 5), length);
    ASSERT_EQ(spry_test_strnlen(string.data(), length / 2), length / 2);
  }
  Guarded unterminated(16);
  std::memset(unterminated.data(), 'x', 16);
  EXPECT_EQ(spry_test_strnlen(unterminated.data(), 16), 16u);
}

TEST(GuestString, Compare) {
  const std::vector<std::string> strings = {"", "a", "b", "ab", "abc", "abd", "\x7f", "\x80", "\xff", "a\xff"};
  for (const std::string& a : strings) {
    for (const std::string& b : strings) {
      Guarded left(a), right(b);
      EXPECT_EQ(sign(spry_test_strcmp(left.data(), right.data())), sign(a.compare(b))) << a << " and " << b;
      for (std::size_t limit = 0; limit < 5; limit++) {
        EXPECT_EQ(sign(spry_test_strncmp(left.data(), right.data(), limit)),
                  sign(a.substr(0, limit).compare(b.substr(0, limit))))
            << a << " and " << b << " up to " << limit;
      }
    }
  }
}

TEST(GuestString, FindsACharacterAndTheZero) {
  Guarded string("abcabc\xff");
  EXPECT_EQ(spry_test_strchr(string.data(), 'b'), string.data() + 1);
  EXPECT_EQ(spry_test_strchr(string.data(), 0xff), string.data() + 6);
  EXPECT_EQ(spry_test_strchr(string.data(), 0), string.data() + 7);
  EXPECT_EQ(spry_test_strchr(string.data(), 'x'), nullptr);
}

}  // namespace
