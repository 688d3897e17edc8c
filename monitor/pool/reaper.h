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
  // Destroys what is left. A device of a machine may be what destroys the pool and this: then the thread ends by
  // itself.
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  // Hands over a machine to destroy; without memory to keep it, the calling thread destroys it here.
  void take(Machine machine);

 private:
  // Of this and of its thread.
  struct Queue;

  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace spry
