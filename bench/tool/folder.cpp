#include "tool/folder.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "text/format.h"

namespace spry::bench {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

tl::unexpected<Error> failure(const std::string& path) {
  return fail(ErrorCode::kMonitor, fmt::format("{}: {}", path, std::strerror(errno)));
}

}  // namespace

Result<Folder> Folder::make() {
  std::error_code ignored;
  std::string path = std::filesystem::temp_directory_path(ignored) / "spry-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return failure(path);
  Folder folder(path);
  if (const Result<void> started = folder.start_remover(); !started) return tl::unexpected(started.error());
  return folder;
}

// Starts the process that removes the folder. It has a session of its own, so that a signal that ends the benchmark
// does not end it.
Result<void> Folder::start_remover() {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failure("pipe");
  const Descriptor waits(ends[0]);
  life_ = Descriptor(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, waits.get(), STDIN_FILENO);
  // The process must not hold the benchmark's output open: someone may read that to its end.
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::string program = "sh";
  std::string option = "-c";
  std::string script = "read -r end; exec rm -rf --one-file-system -- \"$0\"";
  std::string folder = path_;
  const std::array<char*, 5> arguments = {program.data(), option.data(), script.data(), folder.data(), nullptr};
  const int error = posix_spawn(&remover_, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return {};
  remover_ = -1;
  errno = error;
  return failure("/bin/sh");
}

Folder::~Folder() {
  if (path_.empty()) return;
  if (remover_ < 0) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    return;
  }
  life_ = Descriptor();
  while (waitpid(remover_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> write_file(const std::string& path, const std::string& text) {
  File file(std::fopen(path.c_str(), "we"));
  if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) return failure(path);
  if (std::fclose(file.release()) != 0) return failure(path);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  if (!file) return failure(path);
  std::string text;
  std::array<char, 65536> part;
  std::size_t count = 0;
  while ((count = std::fread(part.data(), 1, part.size(), file.get())) > 0) text.append(part.data(), count);
  if (std::ferror(file.get()) != 0) return failure(path);
  return text;
}

}  // namespace spry::bench
