// A block device that a guest goes over, beside dd on the same file.
#pragma once

#include <memory>
#include <vector>

#include "tool/collector.h"
#include "tool/containers.h"
#include "tool/folder.h"
#include "tool/system.h"

namespace spry::bench {

inline constexpr std::uint64_t kBlockMebibytes = 256;  // of the file

// WAY-KIB-dd, and WAY-KIB or WAY-KIB-process for the platforms that are here. Only their ends count. The folder, in
// which the file is, and the collector outlive them.
std::vector<std::unique_ptr<System>> make_block_systems(const Programs& programs, const Folder& folder,
                                                        Collector& collector);

}  // namespace spry::bench
