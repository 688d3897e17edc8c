// The outputs of `spry pool`, written in the order of their inputs, in whatever order the actions end.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "cli/file_uses.h"
#include "cli/progress.h"
#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// `expect` is called by one thread, `put` by any.
class PoolOutputs {
 public:
  // Outputs go to standard output; with `json` a line for each outcome goes there instead. An outcome that comes before
  // its turn is held; `most` bytes of them at most. No output is written over a file of `files`. Borrows `files` and
  // `progress`.
  PoolOutputs(FileUses& files, std::uint64_t most, bool json, Progress& progress)
      : files_(files), most_(most), json_(json), progress_(progress) {}

  // Makes each output a file in `directory`, which must exist and must not be `inputs`, if that is not null. To be
  // called before all others.
  Result<void> open_directory(const char* directory, const char* inputs);

  // Waits until there is room for one more action whose outcome is not written yet.
  void expect();
  // Takes the outcome of action number `index`, from 0, for the input `name`. If it is the next one to be written,
  // writes it, and then the held ones that follow it without a gap. Else holds it, and waits while more than `most`
  // bytes would be held. Actions must begin in their order, so that the next one to be written waits for no other.
  void put(std::uint64_t index, std::string name, Result<Outcome> outcome);

  std::uint64_t written() const;
  // Actions that did not exit with 0.
  std::uint64_t failures() const;
  // Why an output could not be written, if one could not. After that nothing more is written.
  std::optional<Error> error() const;

 private:
  struct Entry {
    std::string name;
    Result<Outcome> outcome;
    std::uint64_t size;  // of the outcome
  };
  void write_next(std::unique_lock<std::mutex>& lock);
  Result<void> write(const Entry& entry);
  Result<void> write_file(const std::string& name, std::string_view text);

  FileUses& files_;
  const char* directory_ = nullptr;
  const std::uint64_t most_;
  const bool json_;
  Progress& progress_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable turn_;
  std::uint64_t bytes_ = 0;  // of what is held or being written
  bool writing_ = false;     // a thread writes those whose turn has come
  std::map<std::uint64_t, Entry> held_;
  std::uint64_t expected_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t failures_ = 0;
  std::optional<Error> error_;
};

}  // namespace spry
