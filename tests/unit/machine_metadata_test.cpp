// The encoding of a snapshot's metadata: encoded and decoded again, and cut off anywhere.
#include <gtest/gtest.h>

#include <limits>

#include "snapshot/metadata.h"

namespace spry {
namespace {

struct Plain {
  std::uint32_t a = 0;
  std::uint16_t b = 0;
  std::uint16_t c = 0;
  bool operator==(const Plain&) const = default;
};

// One of each kind.
struct Values {
  std::uint64_t number = 0;
  Plain plain;
  std::string text;
  std::string empty;
  std::vector<std::uint64_t> numbers;
  std::vector<std::string> texts;
  std::vector<Plain> none;
  std::uint8_t last = 0;
  bool operator==(const Values&) const = default;
};

template <class Stream, class Call>
void each(Stream& values, Call call) {
  call(values.number);
  call(values.plain);
  call(values.text);
  call(values.empty);
  call(values.numbers);
  call(values.texts);
  call(values.none);
  call(values.last);
}

Values some() {
  return {std::numeric_limits<std::uint64_t>::max() - 1,
          {1, 2, 3},
          std::string("a\0b", 3),
          "",
          {5, 6, 7},
          {"one", "", std::string(1000, 'x')},
          {},
          0xab};
}

std::vector<std::byte> encoded(const Values& values) {
  MetadataWriter writer;
  each(values, [&writer](const auto& value) { writer.put(value); });
  return {writer.bytes().begin(), writer.bytes().end()};
}

TEST(Metadata, ComesBackAsItWas) {
  const std::vector<std::byte> bytes = encoded(some());
  Values values;
  MetadataReader reader(bytes);
  each(values, [&reader](auto& value) { reader.get(value); });
  EXPECT_TRUE(reader.complete());
  EXPECT_EQ(values, some());
}

TEST(Metadata, CutOffAtAnyByteIsNotComplete) {
  const std::vector<std::byte> bytes = encoded(some());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // The part is a copy, so that a sanitizer sees a read beyond its end.
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    Values values;
    MetadataReader reader(part);
    each(values, [&reader](auto& value) { reader.get(value); });
    EXPECT_FALSE(reader.complete()) << size;
    EXPECT_EQ(values.last, 0) << size;
  }
}

TEST(Metadata, WithAByteLeftIsNotComplete) {
  std::vector<std::byte> bytes = encoded(some());
  bytes.push_back(std::byte{0});
  Values values;
  MetadataReader reader(bytes);
  each(values, [&reader](auto& value) { reader.get(value); });
  EXPECT_EQ(values, some());
  EXPECT_FALSE(reader.complete());
}

// A false length costs neither memory nor time.
TEST(Metadata, ALengthBeyondTheEndIsRefused) {
  for (const std::uint64_t size :
       {std::uint64_t{9}, std::uint64_t{1} << 40, std::numeric_limits<std::uint64_t>::max()}) {
    MetadataWriter writer;
    writer.put(size);
    writer.put(std::uint64_t{0});
    std::string text = "before";
    MetadataReader as_text(writer.bytes());
    as_text.get(text);
    EXPECT_FALSE(as_text.complete());
    EXPECT_EQ(text, "before");
    std::vector<std::string> list;
    MetadataReader as_list(writer.bytes());
    as_list.get(list);
    EXPECT_FALSE(as_list.complete());
    EXPECT_TRUE(list.empty());
  }
}

TEST(Metadata, AfterAFailureNothingIsRead) {
  MetadataWriter writer;
  writer.put(std::uint16_t{7});
  MetadataReader reader(writer.bytes());
  std::uint64_t wide = 42;
  std::uint16_t narrow = 42;
  reader.get(wide);
  reader.get(narrow);
  EXPECT_EQ(wide, 42u);
  EXPECT_EQ(narrow, 42u);
  EXPECT_FALSE(reader.complete());
}

TEST(Metadata, OfNothingIsComplete) {
  MetadataReader reader({});
  EXPECT_TRUE(reader.complete());
}

}  // namespace
}  // namespace spry
