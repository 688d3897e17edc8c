#include "pool/reaper.h"

#include <new>

#include "system/signals_blocked.h"

namespace spry {

Reaper::Reaper() {
  const AllSignalsBlocked blocked;
  thread_ = std::thread([this] { work(); });
}

Reaper::~Reaper() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Reaper::take(Machine machine) {
  try {
    const std::lock_guard lock(mutex_);
    machines_.push_back(std::move(machine));
  } catch (const std::bad_alloc&) {
    return;  // the caller destroys it
  }
  changed_.notify_one();
}

void Reaper::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || !machines_.empty(); });
    if (machines_.empty()) return;
    std::vector<Machine> now = std::move(machines_);
    machines_.clear();
    lock.unlock();
    now.clear();
    lock.lock();
  }
}

}  // namespace spry
