// Figure 3 of Koller and Williams, "Will Serverless End the Dominance of Linux in the Cloud?", HotOS'17: a 4-core 2.6
// GHz i7 laptop, RHEL 7.3, Linux 3.10.
#pragma once

#include <string_view>

#include "tool/names.h"

namespace spry::bench {

struct PaperFigure {
  std::string_view system;  // our system beside which it is shown
  std::string_view label;   // the paper's own name
  double latency_ms;
  double maximum;  // actions a second, or 0 if the paper does not say
};

inline constexpr PaperFigure kPaper[] = {
    {"echo", "echo", 5.8, 329},
    {"spry", "ukvm", 7.8, 193},
    {"runc", "runc", 23, 0},
    {"runc-overlay", "runc with overlayfs", 47, 24},
};

// The paper's figure for a system of either platform, or a null pointer.
constexpr const PaperFigure* paper_figure(std::string_view system) {
  for (const PaperFigure& figure : kPaper) {
    if (figure.system == base_name(system)) return &figure;
  }
  return nullptr;
}

}  // namespace spry::bench
