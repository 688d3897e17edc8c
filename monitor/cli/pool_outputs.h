// The outputs of `spry pool`, in the order of their inputs however they come.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// `expect` from one thread, `put` from any.
class PoolOutputs {
 public:
  // One file for each output in `directory`, which must exist, or all to standard output if it is null. With `json`, a
  // line for each outcome goes to standard output, and nothing but that and the files is written.
  PoolOutputs(const char* directory, bool json) : directory_(directory), json_(json) {}

  // Waits until there is room for one more that is not written yet.
  void expect();
  // What came of the action number `index`, from 0, for the input `name`. Written with those that it held up.
  void put(std::uint64_t index, std::string name, Result<Outcome> outcome);

  std::uint64_t written() const;
  // Actions that did not exit with 0.
  std::uint64_t failures() const;
  // Why an output could not be written, if one could not: then nothing more is.
  std::optional<Error> error() const;

 private:
  struct Entry {
    std::string name;
    Result<Outcome> outcome;
  };
  Result<void> write(const Entry& entry);

  Result<void> write_file(const Entry& entry) const;

  const char* directory_;
  bool json_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::map<std::uint64_t, Entry> held_;
  std::uint64_t expected_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t failures_ = 0;
  std::optional<Error> error_;
};

}  // namespace spry
