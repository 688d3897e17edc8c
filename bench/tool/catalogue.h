// Every system that the benchmark knows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tool/containers.h"
#include "tool/system.h"

namespace spry::bench {

// What the user gave for systems that need something of theirs; empty paths are left out.
struct Guests {
  std::string solo5_hvt;    // a Solo5 hello for solo5-hvt
  std::string solo5_spt;    // and for solo5-spt
  std::string qemu_kernel;  // a kernel that prints Hello and powers off
};

// In the order of the table: processes, Spry on each platform, containers, other monitors, floors. Systems that need
// KVM are left out if there is no KVM.
std::vector<std::unique_ptr<System>> make_systems(const Programs& programs, const Guests& guests, const Folder& folder,
                                                  Collector& collector);

// The same actions, with their files dropped from the page cache before each ("fetch"). `how` names the files.
std::vector<std::unique_ptr<System>> make_cold_systems(const Programs& programs, const Folder& folder,
                                                       Collector& collector);

}  // namespace spry::bench
