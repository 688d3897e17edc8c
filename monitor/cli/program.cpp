#include "cli/program.h"

#include "text/escape.h"
#include "text/format.h"

namespace spry {

// Tries an image first, because looking for a snapshot's magic number would cost each cold start two system calls.
Result<Program> Program::load(const std::string& path, bool verify) {
  auto image = Image::load(path);
  if (image && !verify) return Program(*std::move(image));
  if (!Snapshot::recognise(path)) {
    if (!image) return tl::unexpected(std::move(image.error()));
    return fail(ErrorCode::kMonitor, fmt::format("{}: --verify is for a snapshot, and this is none", escape(path)));
  }
  auto snapshot = Snapshot::load(path, verify);
  if (!snapshot) return tl::unexpected(std::move(snapshot.error()));
  return Program(*std::move(snapshot));
}

const Manifest& Program::manifest() const {
  return std::visit([](const auto& held) -> const Manifest& { return held.manifest(); }, held_);
}

}  // namespace spry
