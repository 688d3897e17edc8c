// The guest library's spry_printf against the host's snprintf.
#include <gtest/gtest.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "spry/guest.h"

namespace {

std::string written;
int written_stream;
std::size_t writes;

}  // namespace

// Stands in for the part of the library that printf.c needs.
void spry_write(int stream, const void* bytes, std::size_t length) {
  written_stream = stream;
  written.append(static_cast<const char*>(bytes), length);
  writes++;
}

void spry_abort(const char* message) {
  std::fprintf(stderr, "aborted: %s\n", message);
  std::exit(1);
}

namespace {

template <class... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  written.clear();
  writes = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
  spry_printf(2, format, arguments...);
#pragma GCC diagnostic pop
  return written;
}

template <class... Arguments>
std::string by_the_host(const char* format, Arguments... arguments) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
  std::string text(static_cast<std::size_t>(std::snprintf(nullptr, 0, format, arguments...)) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, arguments...);
#pragma GCC diagnostic pop
  text.pop_back();
  return text;
}

// Each prefix of flags and width that spry_printf promises.
std::vector<std::string> prefixes() {
  std::vector<std::string> list;
  for (const char* flags : {"", "-", "0", " ", "0 ", "- "}) {
    for (const char* width : {"", "1", "5", "12", "30"}) {
      list.push_back(std::string("%") + flags + width);
    }
  }
  return list;
}

template <class T>
void expect_integers(const std::string& length) {
  for (const std::string& prefix : prefixes()) {
    const bool space = prefix.find(' ') != std::string::npos;
    for (char letter : std::string(space ? "di" : "diuxXo")) {
      const std::string format = prefix + length + letter;
      for (T value : {T{0}, T{1}, T{42}, std::numeric_limits<T>::max(), std::numeric_limits<T>::min(),
                      static_cast<T>(std::numeric_limits<T>::max() / 3)}) {
        EXPECT_EQ(formatted(format.c_str(), value), by_the_host(format.c_str(), value)) << format;
      }
    }
  }
}

TEST(GuestPrintf, Integers) {
  expect_integers<signed char>("hh");
  expect_integers<short>("h");
  expect_integers<int>("");
  expect_integers<long>("l");
  expect_integers<long long>("ll");
  expect_integers<std::size_t>("z");
  expect_integers<std::intmax_t>("j");
  expect_integers<std::ptrdiff_t>("t");
}

TEST(GuestPrintf, LengthsCutTheArgument) {
  for (const char* format : {"%hhd", "%hhu", "%hhx", "%hd", "%hu", "%ho"}) {
    EXPECT_EQ(formatted(format, 0x12345678 - 0x80), by_the_host(format, 0x12345678 - 0x80)) << format;
  }
}

TEST(GuestPrintf, StringsAndCharacters) {
  for (const char* prefix : {"%", "%5", "%-5", "%20", "%-20"}) {
    const std::string character = std::string(prefix) + "c|";
    EXPECT_EQ(formatted(character.c_str(), 'x'), by_the_host(character.c_str(), 'x'));
    for (const char* precision : {"", ".", ".0", ".3", ".30"}) {
      const std::string format = std::string(prefix) + precision + "s|";
      for (const char* string : {"", "ab", "abcdefgh"}) {
        EXPECT_EQ(formatted(format.c_str(), string), by_the_host(format.c_str(), string)) << format;
      }
    }
  }
  EXPECT_EQ(formatted("%c%c", 'a', '\0'), std::string("a\0", 2));
  const char* volatile null = nullptr;  // volatile: the compiler would warn
  EXPECT_EQ(formatted("[%s]", static_cast<const char*>(null)), "[(null)]");
}

TEST(GuestPrintf, PrecisionBoundsWhatIsRead) {
  const char unterminated[3] = {'a', 'b', 'c'};
  EXPECT_EQ(formatted("%.3s", static_cast<const char*>(unterminated)), "abc");
}

TEST(GuestPrintf, WidthAndPrecisionAsArguments) {
  EXPECT_EQ(formatted("%*d|%*d|%.*s|%*.*s", 6, 42, -6, 42, 2, "abc", 5, 1, "abc"),
            by_the_host("%*d|%*d|%.*s|%*.*s", 6, 42, -6, 42, 2, "abc", 5, 1, "abc"));
  EXPECT_EQ(formatted("%.*s", -1, "abc"), "abc");
}

TEST(GuestPrintf, Pointers) {
  EXPECT_EQ(formatted("%p %20p", reinterpret_cast<void*>(0x1234abcd), reinterpret_cast<void*>(0x10)),
            "0x1234abcd                 0x10");
  EXPECT_EQ(formatted("%p", static_cast<void*>(nullptr)), "0x0");
}

TEST(GuestPrintf, LongOutputComesWhole) {
  const std::string longer(1000, 'y');
  EXPECT_EQ(formatted("%s%300d%%%s", longer.c_str(), 7, "end"), longer + std::string(299, ' ') + "7%end");
  EXPECT_EQ(written_stream, 2);
}

TEST(GuestPrintf, ShortOutputIsOneWrite) {
  EXPECT_EQ(formatted("%d + %d = %d\n", 1, 2, 3), "1 + 2 = 3\n");
  EXPECT_EQ(writes, 1u);
}

TEST(GuestPrintfDeathTest, RefusesWhatItDoesNotKnow) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const char* format : {"%f", "%n", "%+d", "%#x", "%.3d", "%Lf", "%", "%5", "%.", "%l"}) {
    EXPECT_EXIT(formatted(format, 1), testing::ExitedWithCode(1), "aborted: spry_printf") << format;
  }
  const char* volatile too_wide = "%99999999999d";  // not for the compiler to see
  EXPECT_EXIT(formatted(too_wide, 1), testing::ExitedWithCode(1), "too large");
}

}  // namespace
