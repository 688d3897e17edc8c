// `spry doctor`: whether guests can run here, and on which platform.
#include <cstring>

#include "cli/commands.h"
#include "platform/platforms.h"
#include "system/own_memory.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

// What the monitor needs on every platform. True if it is there.
bool examine_monitor(bool& printed) {
  constexpr const char* kCalls = "process_vm_readv(2) and process_vm_writev(2)";
  const int error = own_memory_error();
  const Finding finding =
      error == 0 ? Finding{Finding::Verdict::kGood, fmt::format("{}: work", kCalls), {}}
                 : Finding{Finding::Verdict::kBad, fmt::format("{}: {}", kCalls, std::strerror(error)),
                           "allow both in the seccomp profile of the container, or add CAP_SYS_PTRACE, by which older "
                           "profiles allow them"};
  printed = print("monitor:\n" + format_finding(finding)) == kExitSuccess && printed;
  return error == 0;
}

// True if guests can run on this platform.
bool examine(const PlatformEntry& entry, bool& printed) {
  const auto say = [&printed](std::string_view text) { printed = print(text) == kExitSuccess && printed; };
  say(fmt::format("{}:\n", to_string(entry.platform)));
  return entry.examine([&say](const Finding& finding) { say(format_finding(finding)); });
}

}  // namespace

int doctor_command(int argc, char** argv) {
  if (argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
    return print_help("doctor");
  }
  if (argc > 1) {
    return complain(
        {ErrorCode::kMonitor, fmt::format("doctor: takes no argument \"{}\" (see spry help doctor)", escape(argv[1]))});
  }
  bool printed = true;
  const bool works = examine_monitor(printed);
  std::string good;
  for (const PlatformEntry* entry : platforms) {
    if (!examine(*entry, printed) || !works) continue;
    good += fmt::format("{}{}", good.empty() ? "" : " and ", to_string(entry->platform));
  }
  const Platform automatic = platform_for(Platform::kAutomatic);
  std::string verdict = good.empty() ? "Spry cannot run here.\n" : fmt::format("Spry can run here: {}.\n", good);
  if (!good.empty() && automatic != Platform::kAutomatic) {
    verdict += fmt::format("Without --platform it takes {}.\n", to_string(automatic));
  }
  const int code = print(verdict);
  if (good.empty()) return kExitMonitor;
  return printed ? code : kExitMonitor;
}

}  // namespace spry
