// Base: the state in which a machine's actions begin, immutable and shared: the image as it was loaded, or a machine at
// its guest's `ready`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpu/registers.h"
#include "memory/contents.h"
#include "memory/guest_memory.h"
#include "memory/layout.h"
#include "spry/image.h"
#include "spry/machine.h"

namespace spry {

// All of a base but its contents, which cannot be copied.
struct BaseState {
  std::string path;  // of the image or snapshot
  std::string name;  // the same, escaped, for sentences
  Manifest manifest;
  std::optional<Image> image;  // for the names of functions; a snapshot's file has none
  std::vector<std::string> arguments;
  Layout layout;
  std::vector<Region> regions;         // without the input's
  std::vector<std::uint64_t> shared;   // bytes of each device's shared area, by handle
  std::vector<std::string> constants;  // Device::constants, by handle
  std::uint64_t covered = 0;           // bytes from 0 that are there from the start
  std::uint64_t generation = 0;        // of the last action before this state
  std::uint64_t elapsed_ns = 0;        // the guest's monotonic time
  bool at_ready = false;               // the guest has called `ready`
  CpuState cpu;                        // at the next instruction
  std::vector<std::string> devices;    // what Device::save answered, by handle; empty unless at_ready
};

struct Base : BaseState {
  Contents contents;  // empty if only one machine, in its own memory, has them
};

// Makes a base as far as it is known before memory is filled: without contents and without `constants`. `shared` is
// BaseState::shared. Errors: kInvalidArgument or kNotUnikernel, if memory, arguments, image and stack do not go
// together.
Result<Base> plan_base(const Image& image, const MachineOptions& options, std::vector<std::uint64_t> shared);

// Writes the segments and the boot pages of a base that begins with its image's first instruction: into base.contents
// if there are any, else into `memory`, which maps the whole pages of large segments from the image's file.
// Errors: those of code_for.
Result<void> fill_base(const Base& base, GuestMemory& memory);

// The same base with its contents in memory, for reusable machines. If they are in memory already, answers `base`
// itself. Errors: those of code_for.
Result<std::shared_ptr<const Base>> load_contents(std::shared_ptr<const Base> base);

}  // namespace spry
