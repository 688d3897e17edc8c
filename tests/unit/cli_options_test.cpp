#include <gtest/gtest.h>

#include <initializer_list>

#include "cli/options.h"

namespace spry {
namespace {

Result<std::unique_ptr<Device>> open_nothing(const DeviceNeed&, std::optional<std::string_view>) { return nullptr; }

const Module kConsole = {"console", "", open_nothing};
const Module kBlock = {"block", "a file", open_nothing};
const Module kNet = {"net", "a tap", open_nothing};
const Module* const kModules[] = {&kConsole, &kBlock, &kNet};

// Keeps the words that the options refer to.
struct Parsed {
  explicit Parsed(std::initializer_list<const char*> given) {
    for (const char* word : given) words.emplace_back(word);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    result = parse_run(static_cast<int>(words.size()), arguments.data(), kModules);
  }
  std::string error() const { return result ? "no error" : result.error().message; }

  std::vector<std::string> words;
  std::vector<char*> arguments;
  Result<RunOptions> result;
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

}  // namespace
}  // namespace spry
