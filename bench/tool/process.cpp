#include "tool/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "text/format.h"
#include "text/join.h"

namespace spry::bench {
namespace {

constexpr std::size_t kMostText = std::size_t{64} << 10;

tl::unexpected<Error> failure(std::string_view what, int error) {
  return fail(ErrorCode::kMonitor, fmt::format("{}: {}", what, std::strerror(error)));
}

int null_device() {
  static const int descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
  return descriptor;
}

// Starts a program whose standard output goes to `output` and whose standard error goes to `error`.
Result<pid_t> start(const Arguments& arguments, int output, int error) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, null_device(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
  pid_t pid = -1;
  const int result = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (result != 0) return failure(fmt::format("cannot start {}", show_command({arguments.front()})), result);
  return pid;
}

struct Ended {
  int status = 0;
  rusage usage = {};
};

Result<Ended> wait_end(pid_t pid) {
  Ended ended;
  while (wait4(pid, &ended.status, 0, &ended.usage) < 0) {
    if (errno != EINTR) return failure("wait4", errno);
  }
  return ended;
}

double to_microseconds(timeval time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

}  // namespace

std::string show_command(const Arguments& arguments) {
  std::vector<std::string> words;
  for (const std::string& argument : arguments) {
    const bool path = argument.starts_with('/') && !argument.starts_with("/bin/");
    words.push_back(path ? std::filesystem::path(argument).filename().string() : argument);
  }
  return join(words, " ");
}

Result<Process> spawn(const Arguments& arguments) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failure("pipe2", errno);
  Process process;
  process.output = Descriptor(ends[0]);
  const Descriptor writing(ends[1]);
  process.start = Clock::now();
  const Result<pid_t> pid = start(arguments, writing.get(), null_device());
  if (!pid) return tl::unexpected(pid.error());
  process.pid = *pid;
  return process;
}

bool Listener::receive(int descriptor) {
  std::array<char, 4096> bytes;
  ssize_t count = 0;
  do {
    count = read(descriptor, bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  const Time now = Clock::now();
  if (count <= 0) return false;
  if (text_.size() < kMostText) text_.append(bytes.data(), static_cast<std::size_t>(count));
  if (!heard_ && text_.find("Hello") != std::string::npos) {
    heard_ = true;
    hello_ = now;
  }
  return true;
}

Result<Usage> wait_for(pid_t pid, const Arguments& arguments) {
  const Result<Ended> ended = wait_end(pid);
  if (!ended) return tl::unexpected(ended.error());
  const int status = ended->status;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    const rusage& used = ended->usage;
    return Usage{static_cast<double>(used.ru_minflt + used.ru_majflt),
                 to_microseconds(used.ru_utime) + to_microseconds(used.ru_stime)};
  }
  return fail(ErrorCode::kMonitor,
              WIFSIGNALED(status)
                  ? fmt::format("\"{}\" was killed by signal {}", show_command(arguments), WTERMSIG(status))
                  : fmt::format("\"{}\" exited with {}", show_command(arguments), WEXITSTATUS(status)));
}

Result<Captured> capture(const Arguments& arguments, Nanoseconds timeout) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failure("pipe2", errno);
  const Descriptor reading(ends[0]);
  Result<pid_t> pid = 0;
  {
    const Descriptor writing(ends[1]);
    pid = start(arguments, writing.get(), writing.get());
  }
  if (!pid) return tl::unexpected(pid.error());

  const Time until = Clock::now() + timeout;
  Listener listener;
  bool open = true;
  while (open) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waited{reading.get(), POLLIN, 0};
    if (left <= 0 || poll(&waited, 1, static_cast<int>(left)) == 0) {
      kill(*pid, SIGKILL);
      static_cast<void>(wait_end(*pid));
      return fail(ErrorCode::kMonitor,
                  fmt::format("\"{}\" did not end within {} s", show_command(arguments), seconds(timeout)));
    }
    open = listener.receive(reading.get());
  }
  const Result<Ended> ended = wait_end(*pid);
  if (!ended) return tl::unexpected(ended.error());
  return Captured{ended->status, listener.text()};
}

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string candidate = fmt::format("{}/{}", rest.substr(0, colon), name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  }
  return "";
}

}  // namespace spry::bench
