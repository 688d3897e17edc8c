// The console as the guest sees it (docs/abi.md, "Console"): stream 1, the action's output, and stream 2, its
// diagnostics. The derived classes decide where the streams go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "spry/abi.h"
#include "spry/module.h"

namespace spry::console {

class Protocol : public Device {
 public:
  std::size_t shared_size() const override;
  void attach(std::span<std::byte> shared) override;
  Result<std::int64_t> call(Guest& guest, const DeviceCall& call) override;
  // Writes out the shared area. After the end of the run, it writes only what can be written without waiting.
  Result<void> on_exit(Guest& guest) override;

  // What was printed before `ready` belongs to every action, so `restore` prints it again.
  Result<std::string> save() override;
  Result<void> restore(Guest& guest, std::span<std::byte> shared, std::string_view saved) override;

 protected:
  // How many more bytes this console can keep; nothing if it does not keep them. If it does, `put` gets copies of guest
  // memory: a page there may map a file that was truncated, for which only system calls give an error.
  virtual std::optional<std::size_t> keeps() const { return std::nullopt; }
  // Writes bytes of a stream (SPRY_STREAM_*), until all are written or the run is to end. `patient`: calls Guest::wait
  // before every piece; otherwise only after EAGAIN.
  virtual Result<void> put(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool patient) = 0;
  // Called when more bytes came than the console can keep.
  virtual void full(Guest& guest) { static_cast<void>(guest); }
  // Called at the beginning of an action: forgets earlier actions. True if stream 1 is a terminal.
  virtual bool begin() = 0;

 private:
  Result<void> say(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool patient);
  struct Piece {
    std::uint32_t stream;
    std::uint32_t length;
  };
  Piece last_piece() const;
  bool can_record(std::uint32_t stream, std::uint64_t bytes) const;
  void record(std::uint32_t stream, std::span<const std::byte> bytes);

  std::span<std::byte> shared_;
  std::string said_;            // what was printed before `ready`: a Piece and its bytes for each change of the stream
  std::size_t last_piece_ = 0;  // where the last Piece begins
  bool too_much_said_ = false;
};

}  // namespace spry::console
