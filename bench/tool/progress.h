// One line on a terminal that says what is being measured. If standard error is no terminal, nothing is shown.
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
  // Prints a line that stays, on standard error.
  void say(std::string_view line);

 private:
  void clear();

  bool terminal_;
  Time start_;
  Time shown_;
};

}  // namespace spry::bench
