#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "cli/commands.h"
#include "cli/modules.h"

namespace spry {

// The unit tests have no modules.
const std::span<const Module* const> modules;

namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kLines = 24;
constexpr std::size_t kModuleLines = 3;  // the lines of block, of net and about commas

TEST(Help, FitsAScreen) {
  for (const std::string command : {"", "run", "pool", "snapshot", "inspect", "doctor", "platforms"}) {
    const std::string text(help_text(command));
    ASSERT_FALSE(text.empty()) << command;
    std::istringstream lines(text);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      EXPECT_LT(line.size(), kColumns) << command << ": " << line;
    }
    const bool runs = command == "run" || command == "pool" || command == "snapshot";
    EXPECT_LT(count + (runs ? kModuleLines : 0), kLines) << command;
    EXPECT_EQ(text.back(), '\n');
  }
  EXPECT_TRUE(help_text("bogus").empty());
}

}  // namespace
}  // namespace spry
