#include "specification.h"

#include <span>
#include <vector>

#include "spry/module.h"
#include "text/format.h"

namespace spry::block {
namespace {

// False if `field` is none of the options.
bool set_option(Specification& specification, std::string_view field) {
  if (field == "ro") {
    specification.read_only = true;
  } else if (field == "overlay") {
    specification.overlay = true;
  } else if (field == "shared") {
    specification.shared = true;
  } else if (field == "sector=512") {
    specification.sector_size = 512;
  } else if (field == "sector=4096") {
    specification.sector_size = 4096;
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<Specification> parse_specification(std::string_view name, std::string_view text) {
  Specification specification;
  const std::vector<std::string> fields = specification_fields(text);
  specification.path = fields.front();
  if (specification.path.empty()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("block {}: \"{}\" names no file", name, text));
  }
  std::string_view seen;
  for (const std::string& field : std::span(fields).subspan(1)) {
    if (!set_option(specification, field)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("block {}: {}: \"{}\" is not one of ro, overlay, shared, sector=512 and sector=4096 (a "
                              "comma in a file's name is written twice)",
                              name, specification.path, field));
    }
    if (field.starts_with("sector=")) {
      if (!seen.empty()) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("block {}: {}: {} is given after {}", name, specification.path, field, seen));
      }
      seen = field;
    }
  }
  if (specification.read_only && specification.overlay) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("block {}: {}: ro and overlay exclude each other: an overlay takes writes", name,
                            specification.path));
  }
  if (specification.shared && (specification.read_only || specification.overlay)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("block {}: {}: shared is for a disk that is written to, not for {}", name,
                            specification.path, specification.read_only ? "ro" : "overlay"));
  }
  return specification;
}

}  // namespace spry::block
