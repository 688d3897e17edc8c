// The platform `process`, as the table of platforms has it.
#include "platform/platforms.h"
#include "process/process_vcpu.h"

namespace spry {
namespace {

Result<std::unique_ptr<Vcpu>> make(const ShellRequest&) { return make_process_shell(); }

// Every Linux has processes; whether they can be guests is another question.
bool exists() { return true; }

bool examine(const SayFinding& say) {
  auto shell = make_process_shell();
  if (!shell) {
    say({Finding::Verdict::kBad, shell.error().message, {}});
    return false;
  }
  say({Finding::Verdict::kGood, "a guest's process can be started", {}});
  return true;
}

}  // namespace

extern const PlatformEntry process_platform;
const PlatformEntry process_platform = {Platform::kProcess, make, exists, examine};

}  // namespace spry
