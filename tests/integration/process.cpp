#include "process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace spry::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kCannotExec = 199;  // no code of spry's

// Puts `fd` at `target` of the child; a captured stream's pipe end is `captured`.
void place(int fd, int captured, int target, int null_flags) {
  if (fd == ChildSetup::kClosed) {
    close(target);
    return;
  }
  if (fd == ChildSetup::kNull) fd = open("/dev/null", null_flags | O_CLOEXEC);
  if (fd == ChildSetup::kCapture) fd = captured;
  if (fd == target) {
    fcntl(fd, F_SETFD, 0);
  } else if (dup2(fd, target) < 0) {
    _exit(kCannotExec);
  }
}

milliseconds since(Clock::time_point start) { return std::chrono::duration_cast<milliseconds>(Clock::now() - start); }

std::string describe(const Outcome& outcome) {
  std::string text = "status " + std::to_string(outcome.status) + " after " + std::to_string(outcome.took.count()) +
                     " ms, standard error:\n" + outcome.diagnostics.substr(0, 4096);
  return outcome.timed_out ? "it did not end; " + text : text;
}

}  // namespace

Fd::Fd(Fd&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}
Fd::~Fd() { close(); }
void Fd::close() {
  if (value_ >= 0) ::close(std::exchange(value_, -1));
}

Pipe make_pipe() {
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) ADD_FAILURE() << "pipe2: " << std::strerror(errno);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string read_to_end(const Fd& from, std::chrono::microseconds pause) {
  std::string all;
  std::array<char, 4096> some;
  for (ssize_t got = 0; (got = read(from.get(), some.data(), some.size())) > 0; std::this_thread::sleep_for(pause)) {
    all.append(some.data(), static_cast<std::size_t>(got));
  }
  return all;
}

Pipe make_full_pipe() {
  Pipe pipe = make_pipe();
  const std::string page(4096, '.');
  fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  while (write(pipe.write.get(), page.data(), page.size()) > 0) {
  }
  fcntl(pipe.write.get(), F_SETFL, 0);
  return pipe;
}

Terminal make_terminal(bool raw) {
  int master = -1;
  int slave = -1;
  if (openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) ADD_FAILURE() << "openpty: " << std::strerror(errno);
  termios mode = {};
  tcgetattr(slave, &mode);
  if (raw) cfmakeraw(&mode);
  tcsetattr(slave, TCSANOW, &mode);
  fcntl(master, F_SETFD, FD_CLOEXEC);
  fcntl(slave, F_SETFD, FD_CLOEXEC);
  return {Fd(master), Fd(slave)};
}

Process::Process(const std::vector<std::string>& command, const ChildSetup& setup) : start_(Clock::now()) {
  Pipe output = make_pipe();
  Pipe diagnostics = make_pipe();
  Pipe started = make_pipe();
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  id_ = fork();
  if (id_ < 0) ADD_FAILURE() << "fork: " << std::strerror(errno);
  if (id_ == 0) {
    // Children begin with default actions, whatever the test program inherited.
    for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    place(setup.input, -1, STDIN_FILENO, O_RDONLY);
    place(setup.output, output.write.get(), STDOUT_FILENO, O_WRONLY);
    place(setup.diagnostics, diagnostics.write.get(), STDERR_FILENO, O_WRONLY);
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);  // what the test program itself inherited
    if (setup.in_child) setup.in_child();
    execvp(argv[0], argv.data());
    _exit(kCannotExec);
  }
  // exec closes the other end: from here on signals find the program.
  started.write.close();
  char none;
  while (read(started.read.get(), &none, 1) < 0 && errno == EINTR) {
  }
  if (setup.output == ChildSetup::kCapture) output_ = std::move(output.read);
  if (setup.diagnostics == ChildSetup::kCapture) diagnostics_ = std::move(diagnostics.read);
}

Process::~Process() {
  if (id_ <= 0) return;
  kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
}

void Process::signal(int number) const {
  if (kill(id_, number) != 0) ADD_FAILURE() << "kill: " << std::strerror(errno);
}

// Reads once, if something comes within the time. False at the end of `from`, which is then closed.
bool Process::read_some(Fd& from, std::string& to, int timeout) {
  pollfd request = {from.get(), POLLIN, 0};
  if (from.get() < 0) return false;
  if (poll(&request, 1, timeout) <= 0) return true;
  std::array<char, 65536> bytes;
  const ssize_t got = read(from.get(), bytes.data(), bytes.size());
  if (got > 0) {
    to.append(bytes.data(), static_cast<std::size_t>(got));
  } else {
    from.close();
  }
  return got > 0;
}

bool Process::await_output(std::string_view text) {
  const Clock::time_point begin = Clock::now();
  while (outcome_.output.find(text) == std::string::npos) {
    if (since(begin) > kPatience || !read_some(output_, outcome_.output, 100)) return false;
  }
  return true;
}

Outcome Process::finish(milliseconds timeout) {
  const Clock::time_point begin = Clock::now();
  bool ended = false;
  while (!ended) {
    std::array<pollfd, 2> streams = {pollfd{output_.get(), POLLIN, 0}, pollfd{diagnostics_.get(), POLLIN, 0}};
    const bool open = output_.get() >= 0 || diagnostics_.get() >= 0;
    poll(streams.data(), streams.size(), open ? 100 : 1);
    if (streams[0].revents != 0) read_some(output_, outcome_.output, 0);
    if (streams[1].revents != 0) read_some(diagnostics_, outcome_.diagnostics, 0);
    if (!outcome_.timed_out && since(begin) > timeout) {
      outcome_.timed_out = true;
      kill(id_, SIGKILL);
    }
    const bool quiet = streams[0].revents == 0 && streams[1].revents == 0;
    ended = quiet && waitpid(id_, &outcome_.status, WNOHANG) == id_;
  }
  id_ = -1;
  outcome_.took = since(start_);
  return outcome_;
}

Outcome run(const std::vector<std::string>& command, const ChildSetup& setup) {
  return Process(command, setup).finish();
}

void expect_exit(const Outcome& outcome, int code, std::string_view diagnostic) {
  EXPECT_FALSE(outcome.timed_out) << describe(outcome);
  EXPECT_FALSE(WIFSIGNALED(outcome.status))
      << "ended by signal " << WTERMSIG(outcome.status) << ", " << describe(outcome);
  EXPECT_TRUE(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == code)
      << "not " << code << " but " << WEXITSTATUS(outcome.status) << ", " << describe(outcome);
  EXPECT_EQ(outcome.diagnostics.find("Sanitizer"), std::string::npos) << describe(outcome);
  EXPECT_EQ(outcome.diagnostics.find("runtime error:"), std::string::npos) << describe(outcome);
  if (diagnostic.empty()) {
    EXPECT_EQ(outcome.diagnostics, "");
  } else {
    EXPECT_NE(outcome.diagnostics.find(diagnostic), std::string::npos)
        << "without \"" << diagnostic << "\", " << describe(outcome);
  }
}

void expect_signal(const Outcome& outcome, int signal) {
  EXPECT_FALSE(outcome.timed_out) << describe(outcome);
  EXPECT_TRUE(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == signal)
      << "not ended by signal " << signal << ", " << describe(outcome);
}

}  // namespace spry::test
