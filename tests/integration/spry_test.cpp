#include "spry_test.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace spry::test {

std::string command() { return SPRY_COMMAND; }
std::string guest(const std::string& name) {
  std::string path = SPRY_GUESTS "/";
  path += name;
  return path;
}

std::vector<std::string> run_of(const std::vector<std::string>& options, const std::string& name,
                                const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {command(), "run"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(guest(name));
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

std::string counted(std::size_t bytes) {
  std::string text;
  text.reserve(bytes);
  char line[17];
  for (std::size_t i = 0; i < bytes / 16; ++i) {
    std::snprintf(line, sizeof line, "%015zu\n", i % 1000000000000000);
    text += line;
  }
  return text;
}

std::string read_file(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

CommandTest::CommandTest() {
  std::string name = testing::TempDir() + "spry-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "mkdtemp: " << std::strerror(errno);
  folder_ = name;
}

CommandTest::~CommandTest() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace spry::test
