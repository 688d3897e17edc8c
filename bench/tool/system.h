// What is measured: something that performs the paper's action, printing "Hello".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "spry/error.h"
#include "tool/clock.h"

namespace spry::bench {

// What a process used until its end, with the children that it waited for (getrusage(2)).
struct Usage {
  double page_faults = 0;
  double processor_time = 0;  // microseconds
};

// One action, in host time.
struct Action {
  Time start;                       // of the invocation
  Time hello;                       // when "Hello" was received
  Time end;                         // when nothing of the action was left to wait for
  std::optional<Usage> usage = {};  // if the action was a process
};

using Completion = std::function<void(Result<Action>)>;

// Performs actions one after the other, on the thread that made it.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual Result<Action> run() = 0;
};

struct Description {
  std::string name;        // its key in results and options: [a-z0-9-]+
  std::string label;       // for people
  std::string how;         // what exactly is run: a command, or a sentence
  bool throughput = true;  // whether it takes part in the throughput measurements
};

class System {
 public:
  explicit System(Description description) : description_(std::move(description)) {}
  virtual ~System() = default;
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  const Description& description() const { return description_; }

  // Sets up what the system needs and performs one action. An Error says why the system is left out.
  virtual Result<void> prepare() = 0;

  // Makes a runner for the calling thread.
  virtual Result<std::unique_ptr<Runner>> runner() = 0;

  // Whether `submit` makes its caller wait, as starting a process does: then several threads call it.
  virtual bool submission_blocks() const = 0;

  // Whether the system queues any number of submitted actions. Then `done` may submit the next action.
  virtual bool queues() const { return false; }

  // Starts one action and returns; `done` is called by any thread, once.
  virtual void submit(Completion done) = 0;

 private:
  Description description_;
};

}  // namespace spry::bench
