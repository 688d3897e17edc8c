// What Spry's notes say (docs/abi.md, "Notes").
#pragma once

#include <optional>

#include "image/elf_file.h"
#include "spry/error.h"
#include "spry/image.h"

namespace spry::image {

struct Notes {
  Manifest manifest;
  std::optional<SystemCalls> system_calls;  // link addresses, not checked yet
};

Result<Notes> read_notes(const ElfFile& file);

}  // namespace spry::image
