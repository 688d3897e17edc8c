// The way from the public values to what they hold, for the files of this folder, for the pool and for the command.
#pragma once

#include <memory>
#include <utility>

#include "machine/machine_data.h"
#include "snapshot/base.h"
#include "spry/machine.h"
#include "spry/shell.h"
#include "spry/snapshot.h"

namespace spry {

struct Internals {
  static Shell shell(std::unique_ptr<Vcpu> data) { return Shell(std::move(data)); }
  static std::unique_ptr<Vcpu> take(Shell&& shell) { return std::move(shell.data_); }
  static Machine machine(std::unique_ptr<MachineData> data) { return Machine(std::move(data)); }
  static MachineData& data(Machine& machine) { return *machine.data_; }
  // Destroys the machine's CPU and nothing else. The machine must not be used any more.
  static void close_vcpu(Machine& machine) { machine.data_->vcpu.reset(); }
  static Snapshot snapshot(std::shared_ptr<const Base> base) { return Snapshot(std::move(base)); }
  static std::shared_ptr<const Base> take(Snapshot&& snapshot) { return std::move(snapshot.base_); }
};

}  // namespace spry
