// The spy (tests/guests/spy) as a launcher gives it its orders: `fill` with a secret and end in some way, and `look`
// for it, with secrets veiled so that an input does not hold what is looked for.
#pragma once

#include <string>
#include <string_view>

#include "process/cpu_features.h"
#include "spry/machine.h"
#include "spy/ways.h"
#include "text/format.h"

namespace spry {

struct Way {
  std::string_view name;
  std::string_view reason;
  int status;
};

inline constexpr Way kWays[] = {
#define SPY_WAY(name, reason, status, words) {#name, reason, status},
    SPY_WAYS(SPY_WAY)
#undef SPY_WAY
};

inline std::string fill(std::string_view way, std::string_view classes = "base", int heap = 128) {
  return fmt::format("fill {} 5ec2e7a0b1d4c3f6 classes={} heap={}\n", way, classes, heap);
}

inline std::string look(std::string_view classes, int heap = 128) {
  return fmt::format("look a13d185f4e2b3c09 classes={} heap={}\n", classes, heap);
}

// The optional register classes that run here with this spy's manifest, each tried on a machine of its own, and that
// the platform promises to reset. Left out is the base of GS where Linux does not use FSGSBASE: if the CPU lets
// programs set it nevertheless, a process may find another's after it has moved to another processor
// (docs/security.md).
inline std::string classes_here(const Image& image, MachineOptions options) {
  options.reusable = false;
  std::string classes = "base";
  for (const std::string_view name : {"selectors", "odd", "fs", "bases", "avx", "avx512", "pkru", "pending"}) {
    auto machine = Machine::create(image, options);
    if (!machine) continue;
    auto outcome = machine->run(fill("exit", name));
    if (name == "bases" && outcome && outcome->receipt.platform == Platform::kProcess && !has_fsgsbase()) continue;
    if (outcome && outcome->reason == Reason::kExit) classes += fmt::format(",{}", name);
  }
  return classes;
}

}  // namespace spry
