// A thread that destroys machines: closing a VM sleeps for half a millisecond and more, for which no worker should
// wait.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "spry/machine.h"

namespace spry {

class Reaper {
 public:
  Reaper();
  // Destroys what is left.
  ~Reaper();
  // Hands over a machine to destroy; without memory to keep it, the calling thread destroys it here.
  void take(Machine machine);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Machine> machines_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace spry
