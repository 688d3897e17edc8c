// Help and version, as a terminal shows them.
#include <fcntl.h>

#include <sstream>

#include "spry_test.h"

namespace spry::test {
namespace {

class Help : public CommandTest {};

// 24 lines of 80 columns, of which the shell's prompt takes one.
void expect_fits_a_screen(const Outcome& outcome) {
  constexpr std::size_t kColumns = 80;
  constexpr std::size_t kLines = 23;
  expect_exit(outcome, 0);
  std::istringstream lines(outcome.output);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), kColumns) << line;
  EXPECT_GT(count, 3u);
  EXPECT_LE(count, kLines) << outcome.output;
  EXPECT_EQ(outcome.output.back(), '\n');
}

TEST_F(Help, OfTheCommandNamesEverySubcommand) {
  const Outcome outcome = run({command(), "--help"});
  expect_fits_a_screen(outcome);
  for (const std::string word : {"run", "pool", "snapshot", "inspect", "doctor", "help", "--version"}) {
    EXPECT_NE(outcome.output.find("spry " + word), std::string::npos) << word;
  }
  EXPECT_EQ(run({command(), "-h"}).output, outcome.output);
  EXPECT_EQ(run({command(), "help"}).output, outcome.output);
}

TEST_F(Help, OfEachSubcommandFitsAScreenHoweverItIsAskedFor) {
  for (const std::string name : {"run", "pool", "snapshot", "inspect", "doctor"}) {
    const Outcome outcome = run({command(), name, "--help"});
    expect_fits_a_screen(outcome);
    EXPECT_EQ(outcome.output.rfind("Usage: spry " + name, 0), 0u) << outcome.output;
    EXPECT_EQ(run({command(), name, "-h"}).output, outcome.output);
    EXPECT_EQ(run({command(), "help", name}).output, outcome.output);
  }
}

TEST_F(Help, OfRunNamesEveryOption) {
  const std::string text = run({command(), "run", "--help"}).output;
  for (const std::string option : {"--memory", "--deadline", "--input", "--report", "--verify"}) {
    EXPECT_NE(text.find(option), std::string::npos) << option;
  }
}

TEST_F(Help, OfPoolAndSnapshotNamesEveryOption) {
  const std::string pool = run({command(), "pool", "--help"}).output;
  for (const std::string option : {"--inputs", "--outputs", "--repeat", "--workers", "--max-input", "--json",
                                   "--memory", "--deadline", "--block"}) {
    EXPECT_NE(pool.find(option), std::string::npos) << option;
  }
  const std::string snapshot = run({command(), "snapshot", "--help"}).output;
  for (const std::string option : {"-o, --output", "--memory", "--deadline", "--block"}) {
    EXPECT_NE(snapshot.find(option), std::string::npos) << option;
  }
}

TEST_F(Help, VersionIsTheProjects) {
  const Outcome outcome = run({command(), "--version"});
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output, "spry " SPRY_VERSION "\n");
}

TEST_F(Help, ThatCannotBeWrittenIsAFailure) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const Fd owned(full);
  expect_exit(run({command(), "--help"}, {.output = full}), 125, "cannot write output: No space left on device\n");
}

}  // namespace
}  // namespace spry::test
