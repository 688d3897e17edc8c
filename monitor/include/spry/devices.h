// The devices of the modules that come with Spry, as attachments: values that open a device for each machine.
#pragma once

#include <cstddef>
#include <string>

#include "spry/api.h"
#include "spry/machine.h"

namespace spry {

inline constexpr std::size_t kDefaultCapture = std::size_t{64} << 20;

// A console that keeps the action's output and diagnostics for its Outcome. An action that prints more than `limit`
// bytes on both together ends (Reason::kTooMuchOutput), and its Outcome has the first `limit`. Left out where the
// manifest names no console.
SPRY_API Attachment capture(std::size_t limit = kDefaultCapture);

// A console that writes to two descriptors, which are borrowed and may be the same. Left out where the manifest names
// no console.
SPRY_API Attachment console_device(int output, int diagnostics);

// The block device `name`; `specification` as `spry run --block` takes it:
// FILE[,ro][,overlay[=SIZE]][,shared][,sector=4096], where a comma of the file's name is written twice. A reusable
// machine or a pool takes the device only with `ro`, with `overlay`, which is empty again for each action, or with
// `shared`, by which the launcher lets an action see what others wrote. Without SIZE (as "64M") an overlay may take as
// much of the host's memory as the disk is large; with SIZE, a write that needs more memory answers SPRY_ENOSPC.
SPRY_API Attachment block_device(std::string name, std::string specification);

// The network interface `name`; `specification` as `spry run --net` takes it: tap:NAME, unix:PATH, fd:N and options.
// Only for machines that run one action, because a frame that arrives between two actions would belong to neither.
SPRY_API Attachment net_device(std::string name, std::string specification);

}  // namespace spry
