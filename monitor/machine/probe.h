// The probe: what a guest sees in its registers, read from inside (probe.S).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "cpu/registers.h"
#include "spry/error.h"

namespace spry {

struct MachineData;

struct ProbeReport {
  Registers general;                            // without RIP
  std::array<std::uint64_t, 4> selectors = {};  // DS, ES, FS, GS
  std::array<std::byte, 512> fxsave = {};
  std::array<std::byte, 4096> xsave = {};   // zero where the guest has no XSAVE
  std::array<std::uint64_t, 2> bases = {};  // FS and GS, or 0 where the guest cannot read them

  // The name of the first part that differs, or null.
  const char* difference(const ProbeReport& other) const;
};

// Copies the probe into its page.
void write_probe(std::span<std::byte> page);

// Runs the probe with the base's registers. Afterwards the registers must be set again (Vcpu::begin). Errors: those of
// code_for.
Result<ProbeReport> run_probe(MachineData& machine);

}  // namespace spry
