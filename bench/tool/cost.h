// How many actions a provider must serve to pay for its machine (the paper's section 2).
#pragma once

namespace spry::bench {

struct Prices {
  double hourly = 0.188;            // of a t2.xlarge, in dollars
  double per_action = 0.000000417;  // of 100 ms with 256 MB, in dollars
};

// The actions per second at which the income equals the machine's price: 125.23 for the paper's prices.
double break_even(const Prices& prices);

}  // namespace spry::bench
