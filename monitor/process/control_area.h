// The memory that the monitor and the stub share beside the guest's: what an action begins with, the gate stack, and
// the plan (plan.h).
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
  // What a process has as its stack until it executes the stub: no other use is made of the gate stack before.
  std::span<std::byte> first_stack() const;
  spry_plan& plan() const;

  // What the stub's `begin` loads: selectors, bases and vectors, of every action, and the general registers.
  void set_base(const CpuState& state);
  void set_begin(const Registers& registers);
  // What the gate loads when it is answered with the address that is returned.
  std::uint64_t set_resume(const Registers& registers);

  // `begin` clears the whole gate stack before it lets the guest run: so it has not run since `expect_begin` while
  // `awaits_begin`.
  void expect_begin(unsigned how);  // SPRY_BEGINS_*
  bool awaits_begin() const;

  // All zero again.
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
