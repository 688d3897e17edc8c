// Applies a file's dynamic relocations to the image's buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "image/elf_file.h"
#include "image/layout.h"
#include "spry/error.h"

namespace spry::image {

// Applies DT_RELA (R_X86_64_RELATIVE only: psABI 1.0, "Relocation Types") and DT_RELR (gABI, "Relative Relocation
// Table") for an image whose guest virtual addresses are link addresses plus `offset`. Refuses all other kinds of
// relocation; a place that is not wholly among the file's bytes of a writable segment; and every dynamic entry that
// asks for a loader. If a table lies in a segment that was not read, its bytes are read into the buffer.
Result<void> relocate(const ElfFile& file, const Layout& layout, std::span<std::byte> buffer, std::uint64_t offset);

}  // namespace spry::image
