#include "tool/in_process.h"

namespace spry::bench {

InProcessSystem::InProcessSystem(Description description, MakeRunner make, unsigned threads)
    : System(std::move(description)), make_(std::move(make)), thread_count_(threads) {}

InProcessSystem::~InProcessSystem() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Result<void> InProcessSystem::prepare() {
  Result<std::unique_ptr<Runner>> runner = make_();
  if (!runner) return tl::unexpected(runner.error());
  Result<Action> action = (*runner)->run();
  if (!action) return tl::unexpected(action.error());
  return {};
}

void InProcessSystem::submit(Completion done) {
  const Time start = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({start, std::move(done)});
    while (threads_.size() < thread_count_) threads_.emplace_back([this] { work(); });
  }
  arrived_.notify_one();
}

void InProcessSystem::work() {
  Result<std::unique_ptr<Runner>> runner = make_();
  while (true) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Submitted next = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    if (!runner) {
      next.done(tl::unexpected(runner.error()));
      continue;
    }
    Result<Action> action = (*runner)->run();
    if (action) action->start = next.start;
    next.done(std::move(action));
  }
}

}  // namespace spry::bench
