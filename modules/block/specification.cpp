#include "specification.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "spry/module.h"
#include "text/format.h"
#include "text/units.h"

namespace spry::block {
namespace {

// The size in `field`, which is "overlay=SIZE".
Result<std::uint64_t> overlay_size(const std::string& about, std::string_view field) {
  const std::string_view text = field.substr(field.find('=') + 1);
  auto size = parse_size(about + "overlay", text);
  if (!size) return fail(ErrorCode::kInvalidArgument, std::move(size.error().message));
  if (*size >= kLeastOverlay) return size;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{}overlay: {} bytes are less than a page of {}", about, *size, kLeastOverlay));
}

// `about` names the disk in sentences.
Result<void> set_option(Specification& specification, const std::string& about, std::string_view field) {
  if (field == "ro") {
    specification.read_only = true;
  } else if (field == "overlay") {
    specification.overlay = true;
  } else if (field.starts_with("overlay=")) {
    const auto size = overlay_size(about, field);
    if (!size) return tl::unexpected(size.error());
    specification.overlay = true;
    specification.overlay_size = *size;
  } else if (field == "shared") {
    specification.shared = true;
  } else if (field == "sector=512") {
    specification.sector_size = 512;
  } else if (field == "sector=4096") {
    specification.sector_size = 4096;
  } else {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}\"{}\" is not one of ro, overlay, overlay=SIZE, shared, sector=512 and sector=4096 (a "
                            "comma in a file's name is written twice)",
                            about, field));
  }
  return {};
}

// "sector=" for "sector=512"; empty if the field has no value.
std::string_view key_of(std::string_view field) { return field.substr(0, field.find('=') + 1); }

}  // namespace

Result<Specification> parse_specification(std::string_view name, std::string_view text) {
  Specification specification;
  const std::vector<std::string> fields = specification_fields(text);
  specification.path = fields.front();
  if (specification.path.empty()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("block {}: \"{}\" names no file", name, text));
  }
  const std::string about = fmt::format("block {}: {}: ", name, specification.path);
  const std::span options = std::span(fields).subspan(1);
  for (const std::string& field : options) {
    if (auto set = set_option(specification, about, field); !set) return tl::unexpected(std::move(set.error()));
    const auto given = [&field](const std::string& other) { return key_of(other) == key_of(field); };
    const std::string& first = *std::find_if(options.begin(), options.end(), given);
    if (!key_of(field).empty() && &first != &field) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}{} is given after {}", about, field, first));
    }
  }
  if (specification.read_only && specification.overlay) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}ro and overlay exclude each other: an overlay takes writes", about));
  }
  if (specification.shared && (specification.read_only || specification.overlay)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}shared is for a disk that is written to, not for {}", about,
                                                         specification.read_only ? "ro" : "overlay"));
  }
  return specification;
}

}  // namespace spry::block
