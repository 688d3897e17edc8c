// What the tests of the command share: where it and its guests are, folders to write into, the host's KVM.
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

// Why this host cannot run guests, or nothing.
std::string kvm_trouble();

// A test with a folder of its own.
class CommandTest : public testing::Test {
 protected:
  CommandTest();
  ~CommandTest() override;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

// A test that runs guests, and is skipped where none can run.
class RunTest : public CommandTest {
 protected:
  void SetUp() override {
    if (const std::string trouble = kvm_trouble(); !trouble.empty()) GTEST_SKIP() << trouble;
  }
};

}  // namespace spry::test
