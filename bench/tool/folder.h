// A temporary folder that is removed when its owner ends, in whatever way.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "spry/error.h"
#include "system/descriptor.h"

namespace spry::bench {

class Folder {
 public:
  static Result<Folder> make();
  Folder(Folder&& other) noexcept
      : path_(std::exchange(other.path_, {})),
        remover_(std::exchange(other.remover_, -1)),
        life_(std::move(other.life_)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(remover_, other.remover_);
    std::swap(life_, other.life_);
    return *this;
  }
  ~Folder();

  std::string operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}
  Result<void> start_remover();

  std::filesystem::path path_;
  pid_t remover_ = -1;  // a process that waits until `life_` is closed, and then removes the folder
  Descriptor life_;     // the writing end of a pipe, which only this process has
};

Result<void> write_file(const std::string& path, const std::string& text);
Result<std::string> read_file(const std::string& path);

}  // namespace spry::bench
