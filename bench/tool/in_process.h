// Systems that perform actions in the benchmark's own process.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "tool/system.h"

namespace spry::bench {

using MakeRunner = std::function<Result<std::unique_ptr<Runner>>()>;

// A system that is made from a function, which makes a runner for the calling thread. Submitted actions wait in one
// queue for a fixed number of threads, each with a runner of its own. The threads start with the first submission.
class InProcessSystem : public System {
 public:
  InProcessSystem(Description description, MakeRunner make, unsigned threads);
  ~InProcessSystem() override;

  Result<void> prepare() override;
  Result<std::unique_ptr<Runner>> runner() override { return make_(); }
  bool submission_blocks() const override { return false; }
  void submit(Completion done) override;

 private:
  struct Submitted {
    Time start;
    Completion done;
  };

  void work();

  MakeRunner make_;
  unsigned thread_count_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Submitted> queue_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace spry::bench
