#include "tool/progress.h"

#include <unistd.h>

#include <cstdio>

#include "text/format.h"

namespace spry::bench {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1), start_(Clock::now()) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (terminal_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(std::string_view text) {
  constexpr Nanoseconds kOften = std::chrono::milliseconds(100);
  const Time now = Clock::now();
  if (!terminal_ || now - shown_ < kOften) return;
  shown_ = now;
  fmt::print(stderr, "\r[{:4.0f} s] {}\x1b[K", seconds(now - start_), text);
  std::fflush(stderr);
}

void Progress::say(std::string_view line) {
  clear();
  fmt::print(stderr, "{}\n", line);
}

}  // namespace spry::bench
