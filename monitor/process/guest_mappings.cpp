#include "process/guest_mappings.h"

#include <sys/mman.h>

namespace spry {

int protection(const Permissions& permissions) {
  return (permissions.read ? PROT_READ : 0) | (permissions.write ? PROT_WRITE : 0) |
         (permissions.execute ? PROT_EXEC : 0);
}

std::vector<spry_mapping> guest_mappings(std::span<const Region> regions, std::uint64_t slide, int descriptor,
                                         bool logged) {
  std::vector<spry_mapping> mappings;
  mappings.reserve(regions.size());
  for (const Region& region : regions) {
    if (region.range.empty()) continue;
    const std::uint64_t address = region.range.start + slide;
    const int allowed = protection(region.permissions);
    if (!mappings.empty()) {
      spry_mapping& last = mappings.back();
      if (last.address + last.size == address && last.protection == allowed) {
        last.size += region.range.size();
        continue;
      }
    }
    mappings.push_back({address, region.range.size(), region.range.start, allowed, MAP_SHARED | MAP_NORESERVE,
                        descriptor, logged && region.permissions.write ? SPRY_MAP_LOGGED : 0});
  }
  return mappings;
}

}  // namespace spry
