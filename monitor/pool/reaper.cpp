#include "pool/reaper.h"

#include <condition_variable>
#include <mutex>
#include <new>
#include <vector>

#include "pool/inside.h"
#include "system/signals_blocked.h"

namespace spry {

struct Reaper::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Machine> machines;
  bool ends = false;

  void work();
};

Reaper::Reaper(const PoolData* pool) : queue_(std::make_shared<Queue>()) {
  const AllSignalsBlocked blocked;
  thread_ = std::thread([queue = queue_, pool] {
    const Inside inside(pool);
    queue->work();
  });
}

Reaper::~Reaper() {
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->ends = true;
  }
  queue_->changed.notify_one();
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Reaper::take(Machine machine) {
  try {
    const std::lock_guard lock(queue_->mutex);
    queue_->machines.push_back(std::move(machine));
  } catch (const std::bad_alloc&) {
    return;  // the caller destroys it
  }
  queue_->changed.notify_one();
}

void Reaper::Queue::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return ends || !machines.empty(); });
    if (machines.empty()) return;
    std::vector<Machine> now = std::move(machines);
    machines.clear();
    lock.unlock();
    now.clear();
    lock.lock();
  }
}

}  // namespace spry
