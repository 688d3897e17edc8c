// JSON that is handed on piece by piece, compared with that of nlohmann's library.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "cli/json_text.h"

namespace spry {
namespace {

std::string string_of(std::string_view text) {
  std::string json;
  JsonText it([&json](std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    json += piece;
    return true;
  });
  it.add_string(text);
  EXPECT_TRUE(it.finish());
  return json;
}

std::string expected_of(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TEST(JsonText, WritesStringsAsOthersDo) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (const std::size_t before : {0u, 1u, 7u, 8u, 15u}) {
      const std::string text = std::string(before, 'a') + static_cast<char>(byte) + "behind it";
      EXPECT_EQ(string_of(text), expected_of(text)) << byte;
    }
  }
  // Bytes next to what must be escaped, characters of every length, and their parts.
  const std::string bytes("\0\x1f !\"#[\\]\x7f\x80\xbf\xc2\xe0\xa0\xe2\x82\xac\xed\x9f\xf0\x9f\x98\x80\xf4\x8f\xffz",
                          28);
  std::mt19937 generator(5);
  const auto random = [&generator](std::size_t below) { return generator() % below; };
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    const std::size_t length = random(40);
    for (std::size_t k = 0; k < length; ++k) text += random(3) == 0 ? 'p' : bytes[random(bytes.size())];
    ASSERT_EQ(string_of(text), expected_of(text));
  }
}

// The JSON is the same, wherever the text is cut into pieces.
TEST(JsonText, HandsOnLargeTextsInSmallPieces) {
  for (const std::string part : {"p", "\n", "\x01", "\xff", "\xe2\x82\xac", "\xe2\x82", "pp\"\xf0\x9f\x98\x80"}) {
    std::string text = "odd";
    while (text.size() < (std::size_t{1} << 18)) text += part;
    EXPECT_TRUE(string_of(text) == expected_of(text)) << part;
    std::size_t largest = 0;
    JsonText it([&largest](std::string_view piece) {
      largest = std::max(largest, piece.size());
      return true;
    });
    it.add_string(text);
    EXPECT_TRUE(it.finish());
    EXPECT_LE(largest, std::size_t{64} << 10);
  }
}

TEST(JsonText, EndsWhereTheSinkFails) {
  int pieces = 0;
  JsonText it([&pieces](std::string_view) { return ++pieces < 3; });
  it.add_string(std::string(std::size_t{1} << 20, '\n'));
  it.add("more");
  EXPECT_FALSE(it.finish());
  EXPECT_EQ(pieces, 3);
}

}  // namespace
}  // namespace spry
