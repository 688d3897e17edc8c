// A snapshot's file:
//
//   0x0000   Header
//   ...      metadata: a Base without its memory, in MetadataWriter's encoding
//   4096n    contents: runs of pages, where the metadata says
//
// The digests are XXH3's, of 128 bits. They guard against damage, not against an enemy, so every field is checked as if
// there were no digest. The platform's pages (descriptor tables, page tables) are not in the file: they are built anew.
#pragma once

#include <memory>
#include <string>

#include "snapshot/base.h"

namespace spry {

Result<void> save_snapshot(const Base& base, const std::string& path);
Result<std::shared_ptr<const Base>> load_snapshot(const std::string& path, bool verify);
bool recognise_snapshot(const std::string& path);

}  // namespace spry
