// The paper's microcontainer on the container runtimes of this machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tool/collector.h"
#include "tool/folder.h"
#include "tool/system.h"

namespace spry::bench {

// Where the benchmark's own programs are.
struct Programs {
  std::string binaries;  // folder of spry, bench-static and the like
  std::string guests;    // folder of the unikernels
};

// runc and crun on a ready root file system, runc with an overlay for each run, podman and docker. The folder and the
// collector must outlive them.
std::vector<std::unique_ptr<System>> make_containers(const Programs& programs, const Folder& folder,
                                                     Collector& collector);

// A runtime's standard config.json, made to run /hello without a terminal.
Result<std::string> container_configuration(const std::string& standard);

}  // namespace spry::bench
