// The platform `process`, as the table of platforms has it.
#include "platform/platforms.h"
#include "process/availability.h"
#include "process/process_vcpu.h"
#include "text/format.h"

namespace spry {
namespace {

Result<std::unique_ptr<Vcpu>> make(const ShellRequest&) { return make_process_shell(); }

// Every Linux has processes; whether they can be guests is another question.
bool exists() { return true; }

bool examine(const SayFinding& say) {
  const ProcessSupport support = examine_process_support();
  for (const ProcessPoint& point : support.points) {
    const auto verdict = point.verdict == ProcessPoint::Verdict::kGood   ? Finding::Verdict::kGood
                         : point.verdict == ProcessPoint::Verdict::kNote ? Finding::Verdict::kNote
                                                                         : Finding::Verdict::kBad;
    say({verdict, fmt::format("{}: {}", point.name, point.words), point.advice});
  }
  return support.works();
}

}  // namespace

extern const PlatformEntry process_platform;
const PlatformEntry process_platform = {Platform::kProcess, make, exists, examine};

}  // namespace spry
