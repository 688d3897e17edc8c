#include "tool/cost.h"

namespace spry::bench {

double break_even(const Prices& prices) {
  constexpr double kSecondsPerHour = 3600;
  return prices.hourly / prices.per_action / kSecondsPerHour;
}

}  // namespace spry::bench
