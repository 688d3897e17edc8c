// The progress of `spry pool`: a line on the terminal that is written over, ten times a second at most.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

namespace spry {

// Shown if standard error is a terminal, unless the outputs go to a terminal too: there they show the progress. A
// BasicLockable: while it is locked, the line is off the terminal, and other things may be written there.
class Progress {
 public:
  // `total`: how many actions there will be, if that is known.
  Progress(std::optional<std::uint64_t> total, bool outputs_on_standard_output);
  ~Progress() { end(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool shown() const { return shown_; }
  // Draws the line, unless it was drawn less than 100 ms ago or other things are being written.
  void show(std::uint64_t done);

  void lock();
  void unlock() { mutex_.unlock(); }
  // Takes the line off the terminal for good.
  void end();
  // To be called while it is locked: `text` was written to standard error. A line that `text` left unfinished is not
  // drawn over.
  void wrote(std::string_view text);

 private:
  void erase();

  std::optional<std::uint64_t> total_;
  std::atomic<bool> shown_;
  std::mutex mutex_;  // of what follows
  bool drawn_ = false;
  bool unfinished_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_;
};

}  // namespace spry
