#include "tool/least_runner.h"

#include <cerrno>
#include <cstring>

#include "programs/least_machine.h"
#include "programs/least_process.h"
#include "text/format.h"

namespace spry::bench {
namespace {

class LeastRunner : public Runner {
 public:
  LeastRunner() = default;
  LeastRunner(const LeastRunner&) = delete;
  LeastRunner& operator=(const LeastRunner&) = delete;
  ~LeastRunner() override {
    if (created_) least_machine_destroy(&machine_);
  }

  Result<void> create() {
    if (least_machine_create(&machine_, kLeastRunnerMemory) != 0) {
      return fail(ErrorCode::kMonitor, fmt::format("no machine: {}", std::strerror(errno)));
    }
    created_ = true;
    return {};
  }

  Result<Action> run() override {
    const Time start = Clock::now();
    if (least_machine_enter(&machine_) == nullptr) {
      return fail(ErrorCode::kMonitor, fmt::format("KVM_RUN: {}", std::strerror(errno)));
    }
    const Time end = Clock::now();
    return Action{start, end, end};
  }

 private:
  least_machine machine_ = {};
  bool created_ = false;
};

using Step = int (*)(least_process*);

class LeastProcessRunner : public Runner {
 public:
  explicit LeastProcessRunner(Step step) : step_(step) {}
  LeastProcessRunner(const LeastProcessRunner&) = delete;
  LeastProcessRunner& operator=(const LeastProcessRunner&) = delete;
  ~LeastProcessRunner() override {
    if (created_) least_process_destroy(&process_);
  }

  Result<void> create(const std::string& guest) {
    if (least_process_create(&process_, guest.c_str()) != 0) {
      return fail(ErrorCode::kMonitor, fmt::format("no guest: {}", std::strerror(errno)));
    }
    created_ = true;
    return {};
  }

  Result<Action> run() override {
    const Time start = Clock::now();
    if (step_(&process_) != 0) {
      return fail(ErrorCode::kMonitor, fmt::format("the least guest: {}", std::strerror(errno)));
    }
    const Time end = Clock::now();
    return Action{start, end, end};
  }

 private:
  Step step_;
  least_process process_ = {};
  bool created_ = false;
};

Result<std::unique_ptr<Runner>> make_process_runner(const std::string& guest, Step step) {
  auto runner = std::make_unique<LeastProcessRunner>(step);
  const Result<void> created = runner->create(guest);
  if (!created) return tl::unexpected(created.error());
  return runner;
}

}  // namespace

Result<std::unique_ptr<Runner>> make_notification_runner(const std::string& guest) {
  return make_process_runner(guest, least_process_answer);
}

Result<std::unique_ptr<Runner>> make_least_kept_runner(const std::string& guest) {
  return make_process_runner(guest, least_process_begin);
}

Result<std::unique_ptr<Runner>> make_least_runner() {
  auto runner = std::make_unique<LeastRunner>();
  const Result<void> created = runner->create();
  if (!created) return tl::unexpected(created.error());
  return runner;
}

}  // namespace spry::bench
