// The control area: the memory that the monitor and the stub share, apart from the guest's memory. It holds what an
// action begins with, the gate stack, and the plan (plan.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cpu/registers.h"
#include "process/plan.h"
#include "process/signal_frame.h"
#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

class ControlArea {
 public:
  // `fsgsbase`: has_fsgsbase(). Errors: those of code_for.
  static Result<ControlArea> make(bool fsgsbase);
  ControlArea(ControlArea&& other) noexcept;
  ControlArea& operator=(ControlArea&& other) noexcept;
  ~ControlArea();

  int descriptor() const { return file_.get(); }
  bool fsgsbase() const { return fsgsbase_; }
  GateStack gate_stack() const;
  // The stack of a new process until it executes the stub. These are the gate stack's bytes, which nothing else uses
  // before that.
  std::span<std::byte> first_stack() const;
  spry_plan& plan() const;

  // What the stub's `begin` loads: selectors, bases and vectors, of every action, and the general registers.
  void set_base(const CpuState& state);
  void set_begin(const Registers& registers);
  // Writes registers for the gate to load, and returns their address: the answer to the gate's notification.
  std::uint64_t set_resume(const Registers& registers);

  // Whether the stub's `begin` has run. `expect_begin` writes a mark into the gate stack, and `awaits_begin` is true as
  // long as it is there: `begin` clears the whole gate stack before it lets the guest run.
  void expect_begin(unsigned how);  // SPRY_BEGINS_*
  bool awaits_begin() const;

  // Makes the whole area zero again.
  void clear();
  void clear_gate_stack();

 private:
  ControlArea() = default;
  spry_start& start() const;
  volatile std::uint64_t& mark() const;

  Descriptor file_;
  std::byte* bytes_ = nullptr;
  unsigned resumes_ = 0;
  bool fsgsbase_ = false;
};

}  // namespace spry
