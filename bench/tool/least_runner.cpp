#include "tool/least_runner.h"

#include <cerrno>
#include <cstring>

#include "programs/least_machine.h"
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

}  // namespace

Result<std::unique_ptr<Runner>> make_least_runner() {
  auto runner = std::make_unique<LeastRunner>();
  const Result<void> created = runner->create();
  if (!created) return tl::unexpected(created.error());
  return runner;
}

}  // namespace spry::bench
