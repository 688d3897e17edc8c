// Child processes as the tests need them: with any standard streams, watched while they run, and judged afterwards by
// what wait(2) says and not by codes above 128.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace spry::test {

// An owned descriptor.
class Fd {
 public:
  explicit Fd(int value = -1) : value_(value) {}
  Fd(Fd&& other) noexcept;
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return value_; }
  void close();

 private:
  int value_;
};

struct Pipe {
  Fd read;
  Fd write;
};
Pipe make_pipe();

// Reads all that comes until the last writer has closed its end; pauses after each piece.
std::string read_to_end(const Fd& from, std::chrono::microseconds pause = {});
// A pipe with no room left.
Pipe make_full_pipe();

// A pseudo-terminal, raw or as a login has it (which prints a line feed as two bytes).
struct Terminal {
  Fd master;
  Fd slave;
};
Terminal make_terminal(bool raw);

// How long a process may take to end. Closing a VM waits for the kernel (synchronize_srcu), which on a host that is
// busy with other things has been seen to take 10 seconds.
inline constexpr auto kPatience = std::chrono::seconds(60);

// What became of a process.
struct Outcome {
  int status = 0;  // of wait(2)
  std::string output;
  std::string diagnostics;
  std::chrono::milliseconds took = {};
  bool timed_out = false;  // it was killed because it did not end
};

struct ChildSetup {
  // Descriptors for the child, or one of these. kCapture: a pipe that finish() reads.
  static constexpr int kCapture = -1;
  static constexpr int kClosed = -2;
  static constexpr int kNull = -3;
  int input = kNull;
  int output = kCapture;
  int diagnostics = kCapture;
  std::function<void()> in_child = {};  // just before exec
};

class Process {
 public:
  // Returns when the child has begun to execute the command.
  explicit Process(const std::vector<std::string>& command, const ChildSetup& setup = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // ends it if it still runs

  pid_t id() const { return id_; }
  void signal(int number) const;

  // Reads captured output until it holds `text`. False if the process ends or kPatience passes first.
  bool await_output(std::string_view text);

  // Reads what is captured to its end and waits; kills the process after the timeout.
  Outcome finish(std::chrono::milliseconds timeout = kPatience);

 private:
  bool read_some(Fd& from, std::string& to, int milliseconds);

  pid_t id_ = -1;
  std::chrono::steady_clock::time_point start_;
  Fd output_;
  Fd diagnostics_;
  Outcome outcome_;
};

Outcome run(const std::vector<std::string>& command, const ChildSetup& setup = {});

// The process ended by itself with this code, said this on standard error ("": nothing at all), and no sanitizer
// complained.
void expect_exit(const Outcome& outcome, int code, std::string_view diagnostic = "");
// The process was ended by this signal.
void expect_signal(const Outcome& outcome, int signal);

}  // namespace spry::test
