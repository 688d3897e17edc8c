// A system that is a command: one process for each action.
#pragma once

#include <atomic>
#include <functional>

#include "tool/collector.h"
#include "tool/system.h"

namespace spry::bench {

struct CommandOptions {
  Arguments arguments;  // the program by its path; "{id}" in an argument becomes a name that no other action has
  std::function<Result<void>()> set_up = nullptr;  // once, before the first action
  bool silent = false;                             // the program prints no Hello: only its end counts
  std::function<void()> before = nullptr;          // before each action, not counted as part of it
};

class CommandSystem : public System {
 public:
  // If `how` of the description is empty, the command takes its place. The collector must outlive the system.
  CommandSystem(Description description, CommandOptions options, Collector& collector);

  Result<void> prepare() override;
  Result<std::unique_ptr<Runner>> runner() override;
  bool submission_blocks() const override { return true; }
  void submit(Completion done) override;

  Arguments next_arguments();
  bool silent() const { return options_.silent; }
  void before() const {
    if (options_.before) options_.before();
  }

 private:
  CommandOptions options_;
  Collector& collector_;
  std::atomic<unsigned> actions_ = 0;
};

}  // namespace spry::bench
