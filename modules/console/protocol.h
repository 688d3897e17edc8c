// The console as the guest sees it (docs/abi.md, "Console"): stream 1, the action's output, and stream 2, its
// diagnostics. Where they go is for the classes below it.
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
  // Writes out the shared area, also after the end of the run has come, as far as it can be written without waiting.
  Result<void> on_exit(Guest& guest) override;

  // What was printed before `ready` belongs to every action, and is said again at the beginning of each.
  Result<std::string> save() override;
  Result<void> restore(Guest& guest, std::span<std::byte> shared, std::string_view saved) override;

 protected:
  // How many bytes more it can keep, if it keeps them: then `put` gets copies, because behind a page of guest memory
  // may be a file that was truncated, which only system calls answer with an error.
  virtual std::optional<std::size_t> keeps() const { return std::nullopt; }
  // Writes bytes of a stream (SPRY_STREAM_*), until all are written or the run is to end. `patient`: calls Guest::wait
  // before every piece; otherwise only after EAGAIN.
  virtual Result<void> put(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool patient) = 0;
  // Called when more bytes came than the console can keep.
  virtual void full(Guest& guest) { static_cast<void>(guest); }
  // At the beginning of an action: nothing is left of an earlier one. True if stream 1 is a terminal.
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
  std::string said_;            // before `ready`: pieces of one stream after the other, each with a Piece before it
  std::size_t last_piece_ = 0;  // where the last one begins
  bool too_much_said_ = false;
};

}  // namespace spry::console
