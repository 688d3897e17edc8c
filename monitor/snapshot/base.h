// Base: the state in which a machine's actions begin, immutable and shared: the image as it was loaded, or a machine at
// its guest's `ready`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvm/kvm_api.h"
#include "memory/contents.h"
#include "memory/layout.h"
#include "spry/image.h"
#include "spry/machine.h"

namespace spry {

// All of it that can be copied.
struct BaseState {
  std::string path;  // of the image or snapshot, for sentences
  Manifest manifest;
  std::optional<Image> image;  // for the names of functions; a snapshot's file has none
  std::vector<std::string> arguments;
  Layout layout;
  std::vector<Region> regions;        // without the input's
  std::vector<std::uint64_t> shared;  // bytes of each device's shared area, by handle
  std::uint64_t page_tables = 0;      // pages of layout.tables in use
  std::uint64_t covered = 0;          // bytes from 0 that memory slots cover
  std::uint64_t generation = 0;       // of the last action before
  std::uint64_t elapsed_ns = 0;       // on the guest's monotonic clock
  bool at_ready = false;              // the guest has called `ready`
  kvm_regs registers = {};            // at the next instruction
  kvm_sregs special = {};
  std::shared_ptr<const kvm_xsave> vectors;  // null: as a new vCPU has them
  std::vector<std::string> devices;          // what Device::save answered, by handle; empty unless at_ready
};

struct Base : BaseState {
  Contents contents;  // empty: made in each machine's own memory
};

// What of a base is known before memory is filled. `shared` as above. Errors: those of the layout.
Result<Base> plan_base(const Image& image, const MachineOptions& options, std::vector<std::uint64_t> shared);

// Writes the monitor's own pages: descriptor tables, page tables and the probe. `memory` is zeroed host memory for all
// of the layout's; the page tables map what is covered, and `input`, which may be empty. The number of page tables.
// Error: kNotUnikernel if they have no room.
Result<std::uint64_t> build_monitor_pages(const Base& base, std::span<std::byte> memory, Range input);

// Writes the state at the first instruction: the monitor's own pages, segments and boot pages. Sets base.page_tables.
// Errors: as above, and kMonitor.
Result<void> fill_base(Base& base, std::span<std::byte> memory, Range input);

// The same base with its contents in memory, for machines that are reset; itself if they are. Error: kMonitor.
Result<std::shared_ptr<const Base>> load_contents(std::shared_ptr<const Base> base, const MachineOptions& options);

}  // namespace spry
