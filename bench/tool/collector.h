// Waits for many processes at once, on a thread of its own.
#pragma once

#include <memory>
#include <thread>

#include "tool/process.h"
#include "tool/system.h"

namespace spry::bench {

class Collector {
 public:
  Collector();
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Takes over a process that was started: receives what it prints, waits for its end, and then calls `done`.
  void add(Process process, Arguments arguments, Completion done);

 private:
  struct Entry;

  void collect();
  static void finish(Entry& entry);

  Descriptor epoll_;
  Descriptor stop_;
  std::thread thread_;
};

}  // namespace spry::bench
