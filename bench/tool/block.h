// A guest that reads or writes a whole block device, beside dd on the same file.
#pragma once

#include <memory>
#include <vector>

#include "tool/collector.h"
#include "tool/containers.h"
#include "tool/folder.h"
#include "tool/system.h"

namespace spry::bench {

inline constexpr std::uint64_t kBlockMebibytes = 256;  // size of the file

// The systems WAY-KIB-dd, and WAY-KIB or WAY-KIB-process for the platforms that are here. Only the times of their ends
// count. The folder, in which the file is, and the collector must outlive the systems.
std::vector<std::unique_ptr<System>> make_block_systems(const Programs& programs, const Folder& folder,
                                                        Collector& collector);

}  // namespace spry::bench
