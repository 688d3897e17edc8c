// What the tests of the command share: where it and its guests are, folders to write into.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "process.h"

namespace spry::test {

// The command and the guests of this build.
std::string command();
std::string guest(const std::string& name);

// `spry run [OPTION...] GUEST [ARG...]`.
std::vector<std::string> run_of(const std::vector<std::string>& options, const std::string& name,
                                const std::vector<std::string>& arguments = {});

// What it-acts prints for `print BYTES`.
std::string counted(std::size_t bytes);

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

// A test with a folder of its own.
class CommandTest : public testing::Test {
 protected:
  CommandTest();
  ~CommandTest() override;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

// A test that runs guests.
using RunTest = CommandTest;

}  // namespace spry::test
