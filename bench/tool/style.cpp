#include "tool/style.h"

#include "tool/names.h"

namespace spry::bench {
namespace {

struct Named {
  std::string_view system;
  Style style;
  Style process;  // on the process platform, where there is one
};

constexpr std::string_view kSolid = "solid";
constexpr std::string_view kLong = "(20,6)";
constexpr std::string_view kMiddle = "(10,5)";
constexpr std::string_view kShort = "(3,4)";
constexpr std::string_view kDot = "(16,4,3,4)";
constexpr std::string_view kTwoDots = "(16,4,3,4,3,4)";
constexpr std::string_view kTwoLong = "(20,4,8,4)";

// gnuplot's point types: an open one is followed by its filled one.
enum Mark {
  kPlus = 1,
  kCross = 2,
  kStar = 3,
  kSquare = 5,
  kCircle = 7,
  kUp = 9,
  kDown = 11,
  kDiamond = 13,
  kFive = 15
};

constexpr Style open(std::string_view colour, Mark filled, std::string_view dash) { return {colour, filled - 1, dash}; }

// The colours are Okabe and Ito's and Tol's "muted": they differ for readers who do not tell red from green.
constexpr Named kStyles[] = {
    {"echo", {"#000000", kCircle, kSolid}, {}},
    {"static", {"#777777", kSquare, kLong}, {}},
    {"spry", {"#0072b2", kCircle, kSolid}, open("#0072b2", kCircle, kMiddle)},
    {"spry-console", {"#56b4e9", kUp, kMiddle}, open("#56b4e9", kUp, kDot)},
    {"cold", {"#d55e00", kDiamond, kSolid}, open("#d55e00", kDiamond, kLong)},
    {"shell", {"#e69f00", kSquare, kDot}, open("#e69f00", kSquare, kTwoDots)},
    {"machine", {"#009e73", kUp, kLong}, open("#009e73", kUp, kShort)},
    {"pooled", {"#117733", kDown, kSolid}, open("#117733", kDown, kTwoLong)},
    {"runc", {"#882255", kFive, kLong}, {}},
    {"runc-overlay", {"#cc6677", kSquare, kShort}, {}},
    {"crun", {"#aa4499", kDiamond, kMiddle}, {}},
    {"podman", {"#b8a030", kUp, kTwoDots}, {}},
    {"docker", {"#999933", kDown, kTwoLong}, {}},
    {"solo5-hvt", {"#332288", kStar, kSolid}, {}},
    {"solo5-spt", open("#44aa99", kFive, kTwoLong), {}},
    {"floor", {"#8c510a", kCross, kShort}, {}},
    {"kvm-run", {"#7b68ee", kFive, kTwoDots}, {}},
    {"notification", {"#5b6c8f", kCross, kDot}, {}},
    {"least-kept", {"#8c510a", kStar, kMiddle}, {}},
};

}  // namespace

Style style_of(std::string_view system) {
  for (const Named& named : kStyles) {
    if (named.system != base_name(system)) continue;
    return is_process_platform(system) && !named.process.colour.empty() ? named.process : named.style;
  }
  return {"#555555", kCircle, kShort};
}

std::string_view bar_colour(std::string_view system) {
  switch (kind_of(system)) {
    case Kind::kSpryKvm:
      return "#0072b2";
    case Kind::kSpryProcess:
      return "#e69f00";
    case Kind::kContainer:
      return "#cc6677";
    case Kind::kMonitor:
      return "#aa4499";
    case Kind::kFloor:
      return "#bbbbbb";
    default:
      return "#777777";
  }
}

}  // namespace spry::bench
