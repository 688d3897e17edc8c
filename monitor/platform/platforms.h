// Which platforms a monitor has, and which one a machine gets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "platform/finding.h"
#include "platform/vcpu.h"
#include "spry/error.h"
#include "spry/platform.h"

namespace spry {

// What is known of the machine that a shell is made for; the defaults are for any machine.
struct ShellRequest {
  std::uint64_t end = UINT64_MAX;  // guest-physical: where its memory and its longest input end at most
  std::uint64_t logged_pages = 0;  // about how many pages the guest of a reusable machine writes; 0: it is not known
};

// One platform: a row of the table that spry_add_monitor generates from its PLATFORMS.
struct PlatformEntry {
  Platform platform;
  // Errors: kUnavailable or kPermission, with what to do about it; kResources.
  Result<std::unique_ptr<Vcpu>> (*make_shell)(const ShellRequest& request);
  // False if this host has nothing of the kind at all; true if it has, whether it can be used or not.
  bool (*exists)();
  // Says what `spry doctor` prints about the platform. True if guests can run on it.
  bool (*examine)(const SayFinding& say);
};

// The platforms that were linked, the preferred one first. Defined by whoever links the monitor's core.
extern const std::span<const PlatformEntry* const> platforms;

// A platform by the name that to_string gives it, or nothing.
std::optional<Platform> platform_named(std::string_view name);

// True if SPRY_PLATFORM names a platform, so that it leaves no choice.
bool platform_is_named();

// The platform that make_shell will try for `wanted`; kAutomatic if it will find none.
Platform platform_for(Platform wanted);

// A shell of the platform that is wanted. kAutomatic: the one that SPRY_PLATFORM names; else the first that exists.
// Errors: those of the platform; kUnavailable if this monitor was linked without it or no platform exists here;
// kInvalidArgument if SPRY_PLATFORM names none.
Result<std::unique_ptr<Vcpu>> make_shell(Platform wanted, const ShellRequest& request);

}  // namespace spry
