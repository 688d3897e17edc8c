// Medians, percentiles and ratios of samples.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace spry::bench {

// The value below which `percent` of the samples lie, interpolated linearly between its neighbours (Hyndman and Fan's
// type 7). `sorted` is ascending and not empty; `percent` is from 0 to 100.
double percentile(std::span<const double> sorted, double percent);

// The median of samples in any order; not empty.
double median(std::vector<double> samples);

struct Summary {
  std::size_t count = 0;
  double minimum = 0;
  double p10 = 0;
  double median = 0;
  double p90 = 0;
  double p99 = 0;
  double maximum = 0;
  double mean = 0;
};

// All zero for no samples.
Summary summarize(std::vector<double> samples);

// The percentiles 0, 1, 2, ... 100; empty for no samples.
std::vector<double> quantiles(std::vector<double> samples);

// of[i] / over[i] for each round that both have. Changes of the machine from round to round so have no effect.
std::vector<double> pair_ratios(std::span<const double> of, std::span<const double> over);

}  // namespace spry::bench
