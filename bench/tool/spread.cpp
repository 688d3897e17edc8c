#include "tool/spread.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace spry::bench {
namespace {

// Neighbours that touch, and so move together.
struct Block {
  double sum = 0;  // of its members' reduced heights (see below)
  std::size_t count = 0;
  double first() const { return sum / static_cast<double>(count); }
};

}  // namespace

std::vector<double> spread(const std::vector<double>& wanted, double distance, double low, double high) {
  if (wanted.empty()) return {};
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
  const auto steps = static_cast<double>(wanted.size() - 1);
  if (steps > 0) distance = std::min(distance, (high - low) / steps);

  // From each wanted height, `distance` times its place in the row is subtracted. These reduced heights must rise from
  // block to block. Blocks where they do not are joined, and take the mean of their members.
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < order.size(); ++i) {
    blocks.push_back({wanted[order[i]] - distance * static_cast<double>(i), 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].first() >= blocks.back().first()) {
      const Block last = blocks.back();
      blocks.pop_back();
      blocks.back().sum += last.sum;
      blocks.back().count += last.count;
    }
  }
  std::vector<double> places(wanted.size());
  std::size_t i = 0;
  for (const Block& block : blocks) {
    for (std::size_t member = 0; member < block.count; ++member, ++i) {
      const double first = std::clamp(block.first(), low, high - distance * steps);
      places[order[i]] = first + distance * static_cast<double>(i);
    }
  }
  return places;
}

}  // namespace spry::bench
