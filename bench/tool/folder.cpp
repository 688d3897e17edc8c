#include "tool/folder.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

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
  return Folder(path);
}

Folder::~Folder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
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
