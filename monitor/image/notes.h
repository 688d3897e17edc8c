// Spry's notes (docs/abi.md, "Notes") -> Manifest.
#pragma once

#include "image/elf_file.h"
#include "spry/error.h"
#include "spry/image.h"

namespace spry::image {

Result<Manifest> read_manifest(const ElfFile& file);

}  // namespace spry::image
