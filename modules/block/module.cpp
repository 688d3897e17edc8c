// The module: makes a device from the user's specification.

#include "block.h"
#include "file.h"
#include "overlay.h"
#include "specification.h"
#include "text/format.h"

namespace spry {
namespace {

Result<std::unique_ptr<Device>> open_block(const DeviceNeed& need, std::optional<std::string_view> text) {
  if (!text) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("block {0}: named in the manifest, but not attached: --block {0}=FILE is missing", need.name));
  }
  const Result<block::Specification> specification = block::parse_specification(need.name, *text);
  if (!specification) return tl::unexpected(specification.error());
  Result<block::File> file = block::File::open(need.name, *specification);
  if (!file) return tl::unexpected(std::move(file.error()));
  std::unique_ptr<block::Medium> medium;
  if (specification->overlay) {
    Result<block::Overlay> overlay = block::Overlay::create(need.name, *specification, std::move(*file));
    if (!overlay) return tl::unexpected(std::move(overlay.error()));
    medium = std::make_unique<block::Overlay>(std::move(*overlay));
  } else {
    medium = std::make_unique<block::File>(std::move(*file));
  }
  return std::make_unique<Block>(std::move(medium), specification->sector_size);
}

}  // namespace

const Module block_module = {"block", "FILE[,ro][,overlay[=SIZE]][,shared][,sector=512|4096]", open_block};

}  // namespace spry
