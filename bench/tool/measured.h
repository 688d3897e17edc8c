// The figures of a run that aims and comparisons use. A figure that the run did not measure is nothing.
#pragma once

#include <optional>
#include <string>

#include "tool/results.h"

namespace spry::bench {

using Value = std::optional<double>;

Value divide(Value of, Value over);

class Measured {
 public:
  // The results must outlive this object.
  explicit Measured(const Json& results) : results_(results) {}

  // The ratio of two systems: the median of the ratios of each round.
  Value latency(const std::string& of, const std::string& over, const char* key = "hello_us") const;
  Value block(const std::string& of, const std::string& over) const;

  // Nanoseconds of a single part.
  Value micro(const std::string& name) const;

  // Nanoseconds of each action with one in flight: the next one begins when the last one has ended.
  Value one_by_one(const std::string& system) const;

  // The most actions per second: at any rate of an open load, and at any number in flight of a closed one.
  Value open(const std::string& system) const;
  Value closed(const std::string& system) const;

  // The ratio of two points of growth, of two series or of one: the median of the ratios of each round.
  Value growth(const std::string& of_series, double of, const std::string& over_series, double over) const;
  Value growth(const std::string& series, double of, double over) const { return growth(series, of, series, over); }

  Value live(const std::string& platform, std::size_t machines, const char* key) const;

 private:
  const Json* throughput(const std::string& system) const;

  const Json& results_;
};

}  // namespace spry::bench
