// The modules that this monitor was built with; spry_add_monitor generates the table (cmake/SpryMonitor.cmake).
#pragma once

#include <span>

#include "spry/module.h"

namespace spry {

extern const std::span<const Module* const> modules;

}  // namespace spry
