// A console whose streams are descriptors.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol.h"
#include "spry/api.h"
#include "spry/module.h"

namespace spry {

class Console : public console::Protocol {
 public:
  // Streams 1 and 2 go to these descriptors, which are borrowed and may be the same.
  Console(int output, int diagnostics);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() override;

 protected:
  Result<void> put(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool patient) override;
  bool begin() override;

 private:
  struct Stream {
    int descriptor = -1;
    bool regular = false;  // a file: a write never waits
    bool terminal = false;
    bool can_refuse = true;  // writes can be told not to wait (RWF_NOWAIT)
    int own = -1;            // a terminal opened anew, for writes that do not wait
  };

  static void look_at(Stream& stream);
  // Makes one write(2), which does not wait if the kernel allows that for this stream.
  static ssize_t write_piece(Stream& stream, std::span<const std::byte> bytes);
  Stream output_;
  Stream diagnostics_;
};

SPRY_API extern const Module console_module;

}  // namespace spry
