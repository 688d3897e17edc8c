// The device kinds that come with libspry, for launchers.
#pragma once

#include "spry/api.h"
#include "spry/module.h"

namespace spry {

// Standard output and standard error of this process.
SPRY_API extern const Module console_module;
// Regular files and block devices.
SPRY_API extern const Module block_module;
// Taps and sockets.
SPRY_API extern const Module net_module;

}  // namespace spry
