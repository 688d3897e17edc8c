// Both platforms, for the library and for tests; a monitor of spry_add_monitor has a table of its own.
#include "platform/platforms.h"

namespace spry {

extern const PlatformEntry kvm_platform;
extern const PlatformEntry process_platform;

namespace {

constinit const PlatformEntry* const table[] = {&kvm_platform, &process_platform};

}  // namespace

constinit const std::span<const PlatformEntry* const> platforms(table);

}  // namespace spry
