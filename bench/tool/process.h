// Starts a process as fast as Linux can, and receives what it prints.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "spry/error.h"
#include "system/descriptor.h"
#include "tool/system.h"

namespace spry::bench {

using Arguments = std::vector<std::string>;

struct Process {
  pid_t pid = -1;
  Descriptor output;  // the reading end of a pipe from its standard output
  Time start;         // just before it was started
};

// Starts a program with posix_spawn(3), which does what vfork(2) does. Standard input and standard error are /dev/null.
Result<Process> spawn(const Arguments& arguments);

// What was printed so far, and whether "Hello" is in it.
class Listener {
 public:
  // Takes what is in the pipe, waiting for it if there is nothing. False at its end.
  bool receive(int descriptor);
  bool heard() const { return heard_; }
  Time hello() const { return hello_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool heard_ = false;
  Time hello_;
};

// Waits for a process, and says what went wrong if it did not exit with 0.
Result<Usage> wait_for(pid_t pid, const Arguments& arguments);

// A command for people: programs and files without their folders, which differ between machines.
std::string show_command(const Arguments& arguments);

struct Captured {
  int status = 0;      // as waitpid(2) gives it
  std::string output;  // standard output and standard error, at most 64 KiB of them
};

// Runs a program to its end; it is killed after `timeout`, which is an Error.
Result<Captured> capture(const Arguments& arguments, Nanoseconds timeout);

// The absolute path of a program on PATH, or empty.
std::string find_program(const std::string& name);

}  // namespace spry::bench
