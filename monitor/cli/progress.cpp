#include "cli/progress.h"

#include <unistd.h>

#include <string>

#include "system/io.h"
#include "text/format.h"

namespace spry {
namespace {

using Clock = std::chrono::steady_clock;

// A failure is ignored: progress is not needed.
void tell(std::string_view text) { static_cast<void>(write_all(STDERR_FILENO, text)); }

std::string line_of(std::uint64_t done, std::optional<std::uint64_t> total, double seconds) {
  const double rate = static_cast<double>(done) / seconds;
  if (!total || *total == 0) return fmt::format("\r{} done, {:.0f}/s\033[K", done, rate);
  constexpr std::uint64_t kWidth = 40;
  const std::uint64_t full = done * kWidth / *total;
  return fmt::format("\r[{:#<{}}{:.<{}}] {}/{} {:.0f}/s\033[K", "", full, "", kWidth - full, done, *total, rate);
}

}  // namespace

Progress::Progress(std::optional<std::uint64_t> total, bool outputs_on_standard_output)
    : total_(total),
      shown_(isatty(STDERR_FILENO) != 0 && !(outputs_on_standard_output && isatty(STDOUT_FILENO) != 0)) {}

void Progress::end() {
  const std::lock_guard lock(*this);
  shown_ = false;
}

void Progress::erase() {
  if (drawn_) tell("\r\033[K");
  drawn_ = false;
}

void Progress::show(std::uint64_t done) {
  constexpr auto kPause = std::chrono::milliseconds(100);
  const std::unique_lock lock(mutex_, std::try_to_lock);
  const Clock::time_point now = Clock::now();
  if (!shown_ || !lock.owns_lock() || now - last_ < kPause) return;
  last_ = now;
  if (unfinished_) tell("\n");
  unfinished_ = false;
  drawn_ = true;
  tell(line_of(done, total_, std::chrono::duration<double>(now - start_).count()));
}

void Progress::lock() {
  mutex_.lock();
  erase();
}

void Progress::wrote(std::string_view text) {
  if (!text.empty()) unfinished_ = !text.ends_with('\n');
}

}  // namespace spry
