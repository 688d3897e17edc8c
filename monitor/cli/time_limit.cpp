#include "cli/time_limit.h"

#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <string_view>
#include <utility>

#include "cli/commands.h"
#include "cli/signals.h"
#include "system/io.h"

namespace spry {
namespace {

// What the handler writes: it may not allocate.
std::string last_words;

// SIGALRM comes from the timer, or from somebody who wants the process to end: si_code tells which.
void end(int signal, siginfo_t* information, void* /*context*/) {
  if (information->si_code > 0) {
    pollfd diagnostics = {STDERR_FILENO, POLLOUT, 0};
    // Not more than a pipe has room for after POLLOUT, because nobody may be reading standard error either.
    if (poll(&diagnostics, 1, 0) > 0) write_all(STDERR_FILENO, std::string_view(last_words).substr(0, PIPE_BUF));
    _exit(kExitDeadline);
  }
  _exit(end_by(signal));
}

void set_timer(std::chrono::microseconds left) {
  constexpr std::chrono::microseconds::rep kSecond = 1'000'000;
  const itimerval timer = {{0, 0}, {left.count() / kSecond, left.count() % kSecond}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

TimeLimit::TimeLimit(std::chrono::nanoseconds left, std::string text) {
  last_words = std::move(text);
  struct sigaction action = {};
  action.sa_sigaction = end;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  set_timer(std::max(std::chrono::ceil<std::chrono::microseconds>(left), std::chrono::microseconds(1)));
}

TimeLimit::~TimeLimit() { set_timer({}); }

}  // namespace spry
