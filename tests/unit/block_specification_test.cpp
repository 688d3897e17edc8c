#include <gtest/gtest.h>

#include "specification.h"

namespace spry::block {
namespace {

std::string error_of(std::string_view text) {
  const Result<Specification> result = parse_specification("data", text);
  return result ? "no error" : result.error().message;
}

TEST(BlockSpecification, IsAFile) {
  const Result<Specification> result = parse_specification("data", "a folder/disk=1.img");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->path, "a folder/disk=1.img");
  EXPECT_FALSE(result->read_only);
  EXPECT_FALSE(result->overlay);
  EXPECT_EQ(result->sector_size, 512u);
}

TEST(BlockSpecification, HasOptionsInAnyOrder) {
  const Result<Specification> one = parse_specification("data", "x,ro,sector=4096");
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->read_only);
  EXPECT_EQ(one->sector_size, 4096u);
  const Result<Specification> other = parse_specification("data", "x,sector=512,overlay");
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->overlay);
  EXPECT_EQ(other->sector_size, 512u);
}

TEST(BlockSpecification, AnOverlayMayHaveASize) {
  EXPECT_EQ(parse_specification("data", "x,overlay")->overlay_size, kUnbounded);
  for (const auto& [text, size] : {std::pair("4096", 4096u), {"64K", 65536u}, {"1MiB", 1048576u}}) {
    const Result<Specification> bounded = parse_specification("data", std::string("x,overlay=") + text);
    ASSERT_TRUE(bounded) << bounded.error().message;
    EXPECT_TRUE(bounded->overlay);
    EXPECT_EQ(bounded->overlay_size, size);
  }
}

// As in QEMU's options: every file name can be written in one way, and means one file.
TEST(BlockSpecification, ACommaOfTheNameIsWrittenTwice) {
  for (const std::string name : {"a,b.img", "d,ro", ",", ",,", "x,", ",x", "a,,b,ro", "sector=512,ro", "a=b\n,c"}) {
    std::string written;
    for (const char character : name) written.append(character == ',' ? 2 : 1, character);
    const Result<Specification> alone = parse_specification("data", written);
    ASSERT_TRUE(alone) << alone.error().message;
    EXPECT_EQ(alone->path, name);
    EXPECT_FALSE(alone->read_only);
    const Result<Specification> with = parse_specification("data", written + ",ro,sector=4096");
    ASSERT_TRUE(with) << with.error().message;
    EXPECT_EQ(with->path, name);
    EXPECT_TRUE(with->read_only);
    EXPECT_EQ(with->sector_size, 4096u);
  }
}

TEST(BlockSpecification, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(error_of(""), "block data: \"\" names no file");
  EXPECT_EQ(error_of(",ro"), "block data: \",ro\" names no file");
  const std::string rule =
      " is not one of ro, overlay, overlay=SIZE, shared, sector=512 and sector=4096 (a "
      "comma in a file's name is written twice)";
  for (const std::string field :
       {"", "rw", "RO", " ro", "ro ", "sector", "sector=", "sector=1024", "sector=0512", "ro=1"}) {
    EXPECT_EQ(error_of("x," + field), "block data: x: \"" + field + "\"" + rule);
    EXPECT_EQ(error_of("x,ro," + field), "block data: x: \"" + field + "\"" + rule);
  }
  EXPECT_EQ(error_of("x,sector=512,sector=4096"), "block data: x: sector=4096 is given after sector=512");
  EXPECT_EQ(error_of("x,overlay=8K,ro,overlay=8K"), "block data: x: overlay=8K is given after overlay=8K");
  EXPECT_EQ(error_of("x,overlay=4095"), "block data: x: overlay: 4095 bytes are less than a page of 4096");
  for (const std::string size : {"", "1X", "-1", "1.5M", " 1M"}) {
    EXPECT_EQ(error_of("x,overlay=" + size),
              "block data: x: overlay: \"" + size + "\" is not a size: digits, then K, M or G if wanted");
  }
  EXPECT_EQ(error_of("x,overlay=99999999999G"), "block data: x: overlay: 99999999999G is more than 64 bits can count");
  EXPECT_EQ(error_of("x,overlay=1M,ro"), "block data: x: ro and overlay exclude each other: an overlay takes writes");
  EXPECT_EQ(error_of("x,shared,ro"), "block data: x: shared is for a disk that is written to, not for ro");
  EXPECT_EQ(error_of("x,overlay,ro"), "block data: x: ro and overlay exclude each other: an overlay takes writes");
}

}  // namespace
}  // namespace spry::block
