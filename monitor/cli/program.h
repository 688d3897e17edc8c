// What a command is to run: a unikernel or a snapshot of one.
#pragma once

#include <string>
#include <variant>

#include "spry/image.h"
#include "spry/snapshot.h"

namespace spry {

class Program {
 public:
  // Errors: those of Image::load and Snapshot::load; kMonitor if `verify` is asked of what is no snapshot.
  static Result<Program> load(const std::string& path, bool verify);

  const Manifest& manifest() const;
  // Calls visit(const Image& or const Snapshot&).
  template <class Visit>
  auto visit(Visit visit) const {
    return std::visit(visit, held_);
  }
  // Calls visit(Image or Snapshot), moving it out.
  template <class Visit>
  auto take(Visit visit) {
    return std::visit([&visit](auto& held) { return visit(std::move(held)); }, held_);
  }

 private:
  explicit Program(std::variant<Image, Snapshot> held) : held_(std::move(held)) {}
  std::variant<Image, Snapshot> held_;
};

}  // namespace spry
