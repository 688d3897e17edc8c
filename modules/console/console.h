// The console: stream 1, the action's output, and stream 2, its diagnostics (docs/abi.md, "Console").
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "spry/abi.h"
#include "spry/api.h"
#include "spry/module.h"

namespace spry {

class Console : public Device {
 public:
  // Streams 1 and 2 go to these descriptors, which are borrowed and may be the same.
  Console(int output, int diagnostics);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() override;

  std::size_t shared_size() const override;
  void attach(std::span<std::byte> shared) override;
  Result<std::int64_t> call(Guest& guest, const DeviceCall& call) override;
  // Writes out the shared area, also after the end of the run has come, as far as it can be written without waiting.
  Result<void> on_exit(Guest& guest) override;

 private:
  struct Stream {
    int descriptor = -1;
    bool regular = false;  // a file: a write never waits
    bool terminal = false;
    bool can_refuse = true;  // writes can be told not to wait (RWF_NOWAIT)
    int own = -1;            // a terminal opened anew, for writes that do not wait
  };

  static void look_at(Stream& stream);
  // One write(2), that does not wait if the kernel can do so.
  static ssize_t write_piece(Stream& stream, std::span<const std::byte> bytes);
  // Writes until all is written or the run is to end, whichever comes first. `patient`: asks before each piece whether
  // the run is to end; else only when the descriptor would make it wait.
  static Result<void> write_out(Guest& guest, Stream& stream, std::span<const std::byte> bytes, bool patient);

  Stream output_;
  Stream diagnostics_;
  std::span<std::byte> shared_;
};

SPRY_API extern const Module console_module;

}  // namespace spry
