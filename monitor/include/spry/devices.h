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
// FILE[,ro][,overlay[=SIZE]][,shared][,sector=4096], where a comma of the file's name is written twice. In a machine
// that is reusable or in a pool, what one action writes must not be there for the next: the device is `ro`, or an
// `overlay` that is empty for each action, or said to be `shared`. Without SIZE (as "64M") an overlay may take as much
// of the host's memory as the disk has; with it, a write that needs more pages answers SPRY_ENOSPC.
SPRY_API Attachment block_device(std::string name, std::string specification);

// The network interface `name`; `specification` as `spry run --net` takes it: tap:NAME, unix:PATH, fd:N and options.
// For machines that run one action: frames that arrive between actions have no addressee.
SPRY_API Attachment net_device(std::string name, std::string specification);

}  // namespace spry
