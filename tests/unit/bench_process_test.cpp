#include <sys/wait.h>

#include <future>

#include "tool/collector.h"
#include "tool/command_system.h"
#include "tool/process.h"

namespace spry::bench {
namespace {

TEST(ShowCommand, HidesWhereFilesAre) {
  EXPECT_EQ(show_command({"/home/someone/bin/spry", "run", "/home/someone/hello"}), "spry run hello");
  EXPECT_EQ(show_command({"/bin/echo", "Hello"}), "/bin/echo Hello");
}

TEST(Spawn, SaysThatAProgramIsNotThere) {
  const Result<Process> process = spawn({"/nonexistent/program"});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().message, "cannot start program: No such file or directory");
}

TEST(Capture, HasTheStatusAndBothStreams) {
  const Result<Captured> captured =
      capture({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, std::chrono::seconds(60));
  ASSERT_TRUE(captured) << captured.error().message;
  EXPECT_EQ(WEXITSTATUS(captured->status), 3);
  EXPECT_EQ(captured->output, "out\nerr\n");
}

TEST(Capture, DoesNotWaitForEver) {
  const Result<Captured> captured = capture({"/bin/sleep", "1000"}, std::chrono::milliseconds(20));
  ASSERT_FALSE(captured);
  EXPECT_NE(captured.error().message.find("did not end within"), std::string::npos);
}

std::string prepared(Arguments arguments) {
  Collector collector;
  CommandOptions options;
  options.arguments = std::move(arguments);
  CommandSystem system({"it", "it", ""}, std::move(options), collector);
  const Result<void> result = system.prepare();
  return result ? "ready" : result.error().message;
}

TEST(CommandSystem, SaysWhyItIsLeftOut) {
  EXPECT_EQ(prepared({"/bin/echo", "Hello"}), "ready");
  EXPECT_EQ(prepared({""}), "its program is not there");
  EXPECT_EQ(prepared({"/nonexistent/program"}), "program is not there");
  EXPECT_EQ(prepared({"/bin/echo", "Bonjour"}), "it prints no Hello but \"Bonjour\"");
  EXPECT_EQ(prepared({"/bin/sh", "-c", "echo broken >&2; exit 1"}), "it does not work here: broken");
  EXPECT_EQ(prepared({"/bin/false"}), "it does not work here: it fails and prints nothing");
}

TEST(CommandSystem, GivesEachActionANameOfItsOwn) {
  Collector collector;
  CommandOptions options;
  options.arguments = {"/bin/echo", "Hello {id}"};
  CommandSystem system({"it", "it", ""}, std::move(options), collector);
  const Arguments first = system.next_arguments();
  EXPECT_EQ(first[1].find('{'), std::string::npos);
  EXPECT_NE(first, system.next_arguments());
}

TEST(CommandSystem, TellsTimesInOrderAndWhatWasUsed) {
  Collector collector;
  CommandOptions options;
  options.arguments = {"/bin/echo", "Hello"};
  CommandSystem system({"it", "it", ""}, std::move(options), collector);
  const auto ordered = [](const Result<Action>& action) {
    ASSERT_TRUE(action) << action.error().message;
    EXPECT_LE(action->start, action->hello);
    EXPECT_LE(action->hello, action->end);
    ASSERT_TRUE(action->usage);
    EXPECT_GT(action->usage->page_faults, 0);
  };
  ordered((*system.runner())->run());
  std::promise<Result<Action>> promise;
  system.submit([&](Result<Action> action) { promise.set_value(std::move(action)); });
  ordered(promise.get_future().get());
}

// Many actions at once, each of which must end once: a descriptor that a child still holds must not end an action
// again.
TEST(Collector, EndsEachActionOnce) {
  constexpr unsigned kActions = 200;
  std::atomic<unsigned> ended = 0;
  std::atomic<unsigned> failed = 0;
  std::promise<void> all;
  {
    Collector collector;
    CommandOptions options;
    options.arguments = {"/bin/echo", "Hello"};
    CommandSystem system({"it", "it", ""}, std::move(options), collector);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (unsigned j = 0; j < kActions / 4; ++j) {
          system.submit([&](Result<Action> action) {
            if (!action) ++failed;
            if (++ended == kActions) all.set_value();
          });
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    all.get_future().wait();
  }
  EXPECT_EQ(ended, kActions);
  EXPECT_EQ(failed, 0u);
}

TEST(Collector, TellsOfAnActionThatFails) {
  Collector collector;
  for (const char* const script : {"echo Hello; exit 1", "echo nothing", "kill -9 $$"}) {
    CommandOptions options;
    options.arguments = {"/bin/sh", "-c", script};
    CommandSystem system({"it", "it", ""}, std::move(options), collector);
    std::promise<Result<Action>> promise;
    system.submit([&](Result<Action> action) { promise.set_value(std::move(action)); });
    EXPECT_FALSE(promise.get_future().get()) << script;
    EXPECT_FALSE((*system.runner())->run()) << script;
  }
}

}  // namespace
}  // namespace spry::bench
