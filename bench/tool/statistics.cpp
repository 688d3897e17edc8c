#include "tool/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace spry::bench {

double percentile(std::span<const double> sorted, double percent) {
  const double rank = percent / 100 * static_cast<double>(sorted.size() - 1);
  const double below = std::floor(rank);
  const auto index = static_cast<std::size_t>(below);
  if (index + 1 >= sorted.size()) return sorted.back();
  return sorted[index] + (rank - below) * (sorted[index + 1] - sorted[index]);
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return percentile(samples, 50);
}

Summary summarize(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  Summary summary;
  summary.count = samples.size();
  summary.minimum = samples.front();
  summary.p10 = percentile(samples, 10);
  summary.median = percentile(samples, 50);
  summary.p90 = percentile(samples, 90);
  summary.p99 = percentile(samples, 99);
  summary.maximum = samples.back();
  summary.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  return summary;
}

std::vector<double> quantiles(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  std::vector<double> result;
  for (int percent = 0; percent <= 100; ++percent) result.push_back(percentile(samples, percent));
  return result;
}

std::vector<double> pair_ratios(std::span<const double> of, std::span<const double> over) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(of.size(), over.size()); ++i) ratios.push_back(of[i] / over[i]);
  return ratios;
}

}  // namespace spry::bench
