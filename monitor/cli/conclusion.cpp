#include "cli/conclusion.h"

#include <csignal>

#include "cli/commands.h"
#include "cli/signals.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {

int exit_code_of(const Outcome& outcome) {
  constexpr int kLowBits = 0xff;
  return outcome.status & kLowBits;
}

int conclude(const GuestOptions& options, const Outcome& outcome, std::string_view about) {
  const auto say = [&](std::string_view words) {
    std::string text = fmt::format("{}: {}{}", escape(options.unikernel), about, words);
    if (!outcome.crash.empty()) text += "\n" + outcome.crash;
    if (text.ends_with('\n')) text.pop_back();
    complain({ErrorCode::kMonitor, std::move(text)});
  };
  switch (outcome.reason) {
    case Reason::kExit:
      return exit_code_of(outcome);
    case Reason::kAbort:
      say(fmt::format("aborted: {}", outcome.message));
      return kExitAbort;
    case Reason::kFault:
      say(outcome.message);
      return kExitFault;
    case Reason::kDeadline:
      say(fmt::format("deadline of {} passed", options.deadline_text));
      return kExitDeadline;
    case Reason::kTooMuchOutput:
      say(outcome.message);
      return kExitMonitor;
    case Reason::kCpuLimit:
      say(outcome.message);
      return end_by(SIGXCPU);
    case Reason::kInterrupted:
      break;
  }
  return end_by(SignalGuard::caught());
}

}  // namespace spry
