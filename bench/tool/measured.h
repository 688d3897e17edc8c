// The figures that aims and comparisons are made of, as a run found them; nothing where it did not measure them.
#pragma once

#include <optional>
#include <string>

#include "tool/results.h"

namespace spry::bench {

using Value = std::optional<double>;

Value divide(Value of, Value over);

class Measured {
 public:
  // The results outlive it.
  explicit Measured(const Json& results) : results_(results) {}

  // The median of the ratios of each round.
  Value latency(const std::string& of, const std::string& over, const char* key = "hello_us") const;
  Value block(const std::string& of, const std::string& over) const;

  // Nanoseconds of a single part.
  Value micro(const std::string& name) const;

  // Nanoseconds for each with one in flight: the next begins when the last has been waited for.
  Value one_by_one(const std::string& system) const;

  // Actions a second: the most at any rate, and at any number in flight.
  Value open(const std::string& system) const;
  Value closed(const std::string& system) const;

  // The median of the ratios of each round, of two points of growth: of two series, or of one.
  Value growth(const std::string& of_series, double of, const std::string& over_series, double over) const;
  Value growth(const std::string& series, double of, double over) const { return growth(series, of, series, over); }

  Value live(const std::string& platform, std::size_t machines, const char* key) const;

 private:
  const Json* throughput(const std::string& system) const;

  const Json& results_;
};

}  // namespace spry::bench
