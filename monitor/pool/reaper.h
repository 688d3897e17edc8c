// A thread that destroys machines: closing a VM sleeps for half a millisecond and more, for which no worker should
// wait.
#pragma once

#include <memory>
#include <thread>

#include "spry/machine.h"

namespace spry {

struct PoolData;

class Reaper {
 public:
  // Its thread is inside `pool`.
  explicit Reaper(const PoolData* pool);
  // Destroys the machines that are left. If this runs on the reaper's own thread, because a machine's device destroyed
  // the pool, the thread ends by itself.
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  // Hands over a machine to destroy; without memory to keep it, the calling thread destroys it here.
  void take(Machine machine);

 private:
  // Shared by the Reaper and its thread.
  struct Queue;

  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace spry
