// One line on a terminal that says what is being measured; nothing elsewhere.
#pragma once

#include <string>
#include <string_view>

#include "tool/clock.h"

namespace spry::bench {

class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::string_view text);
  // A line that stays, on standard error.
  void say(std::string_view line);

 private:
  void clear();

  bool terminal_;
  Time start_;
  Time shown_;
};

}  // namespace spry::bench
