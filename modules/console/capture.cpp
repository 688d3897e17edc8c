#include "capture.h"

#include <algorithm>

#include "console.h"
#include "spry/devices.h"
#include "spry/machine.h"
#include "text/format.h"

namespace spry {
namespace console {

bool Capture::begin() {
  output_.clear();
  diagnostics_.clear();
  return false;
}

Result<void> Capture::put(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool) {
  const auto kept = bytes.first(std::min(bytes.size(), *keeps()));
  std::string& text = stream == SPRY_STREAM_OUTPUT ? output_ : diagnostics_;
  text.append(reinterpret_cast<const char*>(kept.data()), kept.size());
  guest.count_out(kept.size());
  if (kept.size() < bytes.size()) full(guest);
  return {};
}

void Capture::full(Guest& guest) {
  guest.output_is_full(fmt::format("it printed more than the {} bytes that are kept", limit_));
}

void Capture::collect(Outcome& outcome) {
  outcome.output = std::move(output_);
  outcome.diagnostics = std::move(diagnostics_);
}

Result<std::unique_ptr<Device>> open_capture(const DeviceNeed&) { return std::make_unique<Capture>(kDefaultCapture); }

}  // namespace console

Attachment capture(std::size_t limit) {
  auto open = [limit](const DeviceNeed&) -> Result<std::unique_ptr<Device>> {
    return std::make_unique<console::Capture>(limit);
  };
  return {"console", "console", open, true};
}

Attachment console_device(int output, int diagnostics) {
  auto open = [output, diagnostics](const DeviceNeed&) -> Result<std::unique_ptr<Device>> {
    return std::make_unique<Console>(output, diagnostics);
  };
  return {"console", "console", open, true};
}

}  // namespace spry
