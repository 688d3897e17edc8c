// Base: the state in which a machine's actions begin, immutable and shared: the image as it was loaded, or a machine at
// its guest's `ready`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvm/kvm_api.h"
#include "machine/contents.h"
#include "machine/layout.h"
#include "spry/image.h"
#include "spry/machine.h"

namespace spry {

struct Base {
  std::string path;  // of the image or snapshot, for sentences
  Manifest manifest;
  std::optional<Image> image;  // for the names of functions; a snapshot's file has none
  std::vector<std::string> arguments;
  Layout layout;
  std::vector<Region> regions;                 // without the input's
  std::vector<std::uint64_t> shared;           // bytes of each device's shared area, by handle
  std::uint64_t page_tables = 0;               // pages of layout.tables in use
  std::uint64_t covered = 0;                   // bytes from 0 that memory slots cover
  std::uint64_t generation = 0;                // of the last action before
  std::uint64_t elapsed_ns = 0;                // on the guest's monotonic clock
  bool at_ready = false;                       // the guest has called `ready`
  kvm_regs registers = {};                     // at the next instruction
  kvm_sregs special = {};
  std::unique_ptr<kvm_xsave> vectors;          // null: as a new vCPU has them
  std::vector<std::string> devices;            // what Device::save answered, by handle; empty unless at_ready
  Contents contents;                           // empty: made in each machine's own memory
};

// What of a base is known before memory is filled. `shared` as above. Errors: those of the layout.
Result<Base> plan_base(const Image& image, const MachineOptions& options, std::vector<std::uint64_t> shared);

// Writes the state at the first instruction: descriptor tables, page tables, segments and boot pages. `memory` is zeroed
// host memory for all of the layout's; sets base.page_tables and base.covered. With `input`, the page tables map all of
// the layout's input. Errors: kNotUnikernel if the page tables have no room, kMonitor.
Result<void> fill_base(Base& base, std::span<std::byte> memory, bool input);

}  // namespace spry
