// The same binary gives the same output, however its action begins: cold, in a shell, on a machine that was reset, in a
// pool, from a snapshot in memory and from a file.
#include <fstream>

#include "guest.h"
#include "spry/pool.h"

namespace spry {
namespace {

struct Example {
  const char* name;
  std::vector<std::string> arguments;
  std::string input;
  bool disk = false;
  bool calls_ready = true;
};

std::ostream& operator<<(std::ostream& out, const Example& example) { return out << example.name; }

// pingd is not among them: it serves until it is stopped.
const Example kExamples[] = {
    {"hello", {"hello"}, "", false, false},
    {"greet", {"greet", "reader"}, "some input", false, true},
    {"wordcount", {"wordcount"}, "one two\nthree\n", false, true},
    {"diskcheck", {"diskcheck"}, "", true, false},
};

class Examples : public testing::TestWithParam<Example> {};

std::string shown(const Result<Outcome>& outcome) {
  if (!outcome) return "error: " + outcome.error().message;
  return std::string(to_string(outcome->reason)) + " " + std::to_string(outcome->status) + "\n" + outcome->output +
         "--\n" + outcome->diagnostics;
}

TEST_P(Examples, SayTheSameHoweverTheyBegin) {
  const Example& example = GetParam();
  const std::string disk = testing::TempDir() + "spry-agreement-disk";
  MachineOptions once;
  once.arguments = example.arguments;
  once.devices = {capture()};
  if (example.disk) {
    std::ofstream(disk) << std::string(1 << 20, 'd');
    once.devices.push_back(block_device("disk", disk + ",overlay"));
  }
  MachineOptions again = once;
  again.reusable = true;
  const Image image = load(example.name);

  Machine cold = value(Machine::create(image, once));
  const std::string expected = shown(cold.run(example.input));
  EXPECT_EQ(expected.find("exit 0\n"), 0u) << expected;

  Machine in_shell = value(Machine::create(value(Shell::create()), image, once));
  EXPECT_EQ(shown(in_shell.run(example.input)), expected);
  Machine in_used_shell = value(Machine::create(value(std::move(in_shell).release()), image, once));
  EXPECT_EQ(shown(in_used_shell.run(example.input)), expected);

  Machine machine = value(Machine::create(image, again));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(shown(machine.run(example.input)), expected) << i;

  PoolOptions options;
  options.machine = once;
  options.workers = 2;
  Pool pool = value(Pool::create(image, options));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(shown(pool.run(example.input)), expected) << i;

  auto snapshot = Snapshot::take(image, once);
  ASSERT_EQ(snapshot.has_value(), example.calls_ready) << (snapshot ? "" : snapshot.error().message);
  if (!snapshot) return;
  Machine from_memory = value(Machine::create(*snapshot, once));
  EXPECT_EQ(shown(from_memory.run(example.input)), expected);
  const std::string path = testing::TempDir() + "spry-agreement-" + example.name;
  ASSERT_TRUE(snapshot->save(path));
  const Snapshot file = value(Snapshot::load(path, true));
  Machine from_file = value(Machine::create(file, once));
  EXPECT_EQ(shown(from_file.run(example.input)), expected);
  Pool pool_from_file = value(Pool::create(file, options));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(shown(pool_from_file.run(example.input)), expected) << i;
  unlink(path.c_str());
}

INSTANTIATE_TEST_SUITE_P(, Examples, testing::ValuesIn(kExamples));

}  // namespace
}  // namespace spry
