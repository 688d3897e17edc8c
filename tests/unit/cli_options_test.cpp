#include <gtest/gtest.h>

#include <array>
#include <initializer_list>

#include "cli/options.h"

namespace spry {
namespace {

Result<std::unique_ptr<Device>> open_nothing(const DeviceNeed&, std::optional<std::string_view>) { return nullptr; }

const Module kConsole = {"console", "", open_nothing};
const Module kBlock = {"block", "a file", open_nothing};
const Module kNet = {"net", "a tap", open_nothing};
constexpr std::array<const Module*, 3> kModules = {&kConsole, &kBlock, &kNet};

// Keeps the words that the options refer to.
template <class Options>
struct ParsedBy {
  using Parse = Result<Options> (*)(int, char**, std::span<const Module* const>);

  ParsedBy(std::initializer_list<const char*> given, Parse parse) {
    for (const char* word : given) words.emplace_back(word);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    result = parse(static_cast<int>(words.size()), arguments.data(), kModules);
  }
  std::string error() const { return result ? "no error" : result.error().message; }

  std::vector<std::string> words;
  std::vector<char*> arguments;
  Result<Options> result;
};

struct Parsed : ParsedBy<RunOptions> {
  Parsed(std::initializer_list<const char*> given) : ParsedBy(given, parse_run) {}
};
struct ParsedPool : ParsedBy<PoolCommandOptions> {
  ParsedPool(std::initializer_list<const char*> given) : ParsedBy(given, parse_pool) {}
};
struct ParsedSnapshot : ParsedBy<SnapshotCommandOptions> {
  ParsedSnapshot(std::initializer_list<const char*> given) : ParsedBy(given, parse_snapshot) {}
};

using Words = std::vector<std::string>;

TEST(Options, AreAllOptional) {
  const Parsed parsed({"run", "hello"});
  ASSERT_TRUE(parsed.result);
  EXPECT_STREQ(parsed.result->unikernel, "hello");
  EXPECT_EQ(parsed.result->arguments, Words{"hello"});
  EXPECT_FALSE(parsed.result->help);
  EXPECT_FALSE(parsed.result->memory);
  EXPECT_FALSE(parsed.result->deadline);
  EXPECT_EQ(parsed.result->input, nullptr);
  EXPECT_EQ(parsed.result->report, nullptr);
  EXPECT_FALSE(parsed.result->verify);
}

TEST(Options, VerifyTakesNoValue) {
  const Parsed parsed({"run", "--verify", "state"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_TRUE(parsed.result->verify);
  EXPECT_STREQ(parsed.result->unikernel, "state");
  EXPECT_EQ(Parsed({"run", "--verify=1", "state"}).error(), "run: unknown option --verify (see spry help run)");
}

TEST(Options, TakeTheirValues) {
  const Parsed parsed({"run", "--memory", "32M", "--deadline=1.5s", "--input", "-", "--report=r.json", "hello"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_EQ(parsed.result->memory, std::uint64_t{32} << 20);
  EXPECT_EQ(parsed.result->deadline, std::chrono::milliseconds(1500));
  EXPECT_EQ(parsed.result->deadline_text, "1.5s");
  EXPECT_STREQ(parsed.result->input, "-");
  EXPECT_STREQ(parsed.result->report, "r.json");
}

TEST(Options, LeaveWhatFollowsTheUnikernelToTheGuest) {
  const Parsed parsed({"run", "hello", "--memory", "8foo", "--help", "", "a b", "--", "-x"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_EQ(parsed.result->arguments, (Words{"hello", "--memory", "8foo", "--help", "", "a b", "--", "-x"}));
  EXPECT_FALSE(parsed.result->memory);
}

TEST(Options, EndAtTwoDashes) {
  const Parsed parsed({"run", "--", "--memory", "a"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_STREQ(parsed.result->unikernel, "--memory");
  EXPECT_EQ(parsed.result->arguments, (Words{"--memory", "a"}));
}

TEST(Options, RefuseWhatTheyDoNotKnow) {
  EXPECT_EQ(Parsed({"run", "--bogus", "hello"}).error(), "run: unknown option --bogus (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--bogus=1", "hello"}).error(), "run: unknown option --bogus (see spry help run)");
  EXPECT_EQ(Parsed({"run", "-m", "hello"}).error(), "run: unknown option -m (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--console=a=b", "hello"}).error(), "run: unknown option --console (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--help=1", "hello"}).error(), "run: unknown option --help (see spry help run)");
}

TEST(Options, AreNotAbbreviated) {
  EXPECT_EQ(Parsed({"run", "--mem", "16M", "hello"}).error(), "run: unknown option --mem (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--mem=16M", "hello"}).error(), "run: unknown option --mem (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--he"}).error(), "run: unknown option --he (see spry help run)");
}

TEST(Options, NeedTheirValues) {
  EXPECT_EQ(Parsed({"run", "--memory"}).error(), "run: --memory needs a value (see spry help run)");
  EXPECT_EQ(Parsed({"run"}).error(), "run: no UNIKERNEL is given (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--memory", "8foo", "hello"}).error(),
            "run: --memory: \"8foo\" is not a size: digits, then K, M or G if wanted");
  EXPECT_EQ(Parsed({"run", "--deadline", "0s", "hello"}).error(), "run: --deadline: 0s is no time at all");
}

TEST(Options, ComeFromTheModulesToo) {
  const Parsed parsed({"run", "--block", "data=disk=1.img", "--net=uplink=tap0", "--block", "log=", "hello"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  ASSERT_EQ(parsed.result->specifications.size(), 3u);
  EXPECT_EQ(parsed.result->specifications[0].kind, "block");
  EXPECT_EQ(parsed.result->specifications[0].name, "data");
  EXPECT_EQ(parsed.result->specifications[0].text, "disk=1.img");
  EXPECT_EQ(parsed.result->specifications[1].kind, "net");
  EXPECT_EQ(parsed.result->specifications[1].name, "uplink");
  EXPECT_EQ(parsed.result->specifications[2].text, "");
}

TEST(Options, RefuseMalformedSpecifications) {
  EXPECT_EQ(Parsed({"run", "--block", "data", "hello"}).error(),
            "run: --block: \"data\" is not NAME=SPECIFICATION (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--block", "=x", "hello"}).error(),
            "run: --block: \"=x\" is not NAME=SPECIFICATION (see spry help run)");
  EXPECT_EQ(Parsed({"run", "--block", "a=x", "--block", "a=y", "hello"}).error(),
            "run: --block: a is given twice (see spry help run)");
}

TEST(Options, GiveHelpBeforeAnythingElse) {
  for (const char* option : {"--help", "-h"}) {
    const Parsed parsed({"run", option});
    ASSERT_TRUE(parsed.result);
    EXPECT_TRUE(parsed.result->help);
  }
}

TEST(PoolOptions, AreAllOptional) {
  const ParsedPool parsed({"pool", "hello", "a"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_STREQ(parsed.result->unikernel, "hello");
  EXPECT_EQ(parsed.result->arguments, (Words{"hello", "a"}));
  EXPECT_EQ(parsed.result->inputs, nullptr);
  EXPECT_EQ(parsed.result->outputs, nullptr);
  EXPECT_EQ(parsed.result->repeat, 1u);
  EXPECT_EQ(parsed.result->workers, 0u);
  EXPECT_FALSE(parsed.result->max_input);
}

TEST(PoolOptions, TakeTheirValues) {
  const ParsedPool parsed({"pool", "--inputs", "in", "--outputs=out", "--repeat", "1000000000000", "--workers=1024",
                           "--max-input", "3M", "--memory", "32M", "--deadline=2s", "--block", "d=f,shared", "hello",
                           "--repeat"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_STREQ(parsed.result->inputs, "in");
  EXPECT_STREQ(parsed.result->outputs, "out");
  EXPECT_EQ(parsed.result->repeat, 1'000'000'000'000u);
  EXPECT_EQ(parsed.result->workers, 1024u);
  EXPECT_EQ(parsed.result->max_input, std::uint64_t{3} << 20);
  EXPECT_EQ(parsed.result->memory, std::uint64_t{32} << 20);
  EXPECT_EQ(parsed.result->deadline, std::chrono::seconds(2));
  ASSERT_EQ(parsed.result->specifications.size(), 1u);
  EXPECT_EQ(parsed.result->specifications[0].text, "f,shared");
  EXPECT_EQ(parsed.result->arguments, (Words{"hello", "--repeat"}));
}

TEST(PoolOptions, RefuseWhatTheyDoNotKnow) {
  EXPECT_EQ(ParsedPool({"pool", "--input", "-", "hello"}).error(), "pool: unknown option --input (see spry help pool)");
  EXPECT_EQ(ParsedPool({"pool", "--verify", "hello"}).error(), "pool: unknown option --verify (see spry help pool)");
  EXPECT_EQ(ParsedPool({"pool", "-o", "x", "hello"}).error(), "pool: unknown option -o (see spry help pool)");
  EXPECT_EQ(ParsedPool({"pool", "--work", "1", "hello"}).error(), "pool: unknown option --work (see spry help pool)");
  EXPECT_EQ(ParsedPool({"pool", "--repeat"}).error(), "pool: --repeat needs a value (see spry help pool)");
  EXPECT_EQ(ParsedPool({"pool", "--repeat", "0", "hello"}).error(),
            "pool: --repeat: \"0\" is not a number from 1 to 1000000000000");
  EXPECT_EQ(ParsedPool({"pool", "--repeat", "1000000000001", "hello"}).error(),
            "pool: --repeat: \"1000000000001\" is not a number from 1 to 1000000000000");
  EXPECT_EQ(ParsedPool({"pool", "--workers", "1025", "hello"}).error(),
            "pool: --workers: \"1025\" is not a number from 1 to 1024");
  EXPECT_EQ(ParsedPool({"pool", "--max-input", "", "hello"}).error(),
            "pool: --max-input: \"\" is not a size: digits, then K, M or G if wanted");
  EXPECT_EQ(ParsedPool({"pool", "--workers", "2"}).error(), "pool: no UNIKERNEL is given (see spry help pool)");
}

TEST(SnapshotOptions, NeedAFile) {
  for (const ParsedSnapshot& parsed :
       {ParsedSnapshot({"snapshot", "-o", "file", "hello", "a"}), ParsedSnapshot({"snapshot", "-ofile", "hello", "a"}),
        ParsedSnapshot({"snapshot", "--output", "file", "hello", "a"}),
        ParsedSnapshot({"snapshot", "--output=file", "hello", "a"})}) {
    ASSERT_TRUE(parsed.result) << parsed.error();
    EXPECT_STREQ(parsed.result->output, "file");
    EXPECT_EQ(parsed.result->arguments, (Words{"hello", "a"}));
  }
  constexpr const char* kMissing = "snapshot: -o FILE is missing: where the snapshot is to go (see spry help snapshot)";
  EXPECT_EQ(ParsedSnapshot({"snapshot", "hello"}).error(), kMissing);
  EXPECT_EQ(ParsedSnapshot({"snapshot", "hello", "-o", "file"}).error(), kMissing) << "that is the guest's";
  EXPECT_EQ(ParsedSnapshot({"snapshot", "-o"}).error(), "snapshot: -o needs a value (see spry help snapshot)");
  EXPECT_EQ(ParsedSnapshot({"snapshot", "--outp=file", "hello"}).error(),
            "snapshot: unknown option --outp (see spry help snapshot)");
  EXPECT_EQ(ParsedSnapshot({"snapshot", "-x", "hello"}).error(),
            "snapshot: unknown option -x (see spry help snapshot)");
  const ParsedSnapshot help({"snapshot", "-h"});
  ASSERT_TRUE(help.result) << help.error();
  EXPECT_TRUE(help.result->help);
}

TEST(SnapshotOptions, TheLastFileCounts) {
  const ParsedSnapshot parsed({"snapshot", "-o", "one", "--memory", "2M", "--output", "two", "hello"});
  ASSERT_TRUE(parsed.result) << parsed.error();
  EXPECT_STREQ(parsed.result->output, "two");
  EXPECT_EQ(parsed.result->memory, std::uint64_t{2} << 20);
}

}  // namespace
}  // namespace spry
