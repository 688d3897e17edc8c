// A console whose streams are kept for the outcome.
#pragma once

#include <memory>
#include <string>

#include "protocol.h"

namespace spry::console {

class Capture : public Protocol {
 public:
  // `limit`: bytes of both streams together; an action that prints more ends.
  explicit Capture(std::size_t limit) : limit_(limit) {}

  void collect(Outcome& outcome) override;

 protected:
  std::optional<std::size_t> keeps() const override { return limit_ - output_.size() - diagnostics_.size(); }
  Result<void> put(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool patient) override;
  void full(Guest& guest) override;
  bool begin() override;

 private:
  std::size_t limit_;
  std::string output_;
  std::string diagnostics_;
};

// As Module::keep, with spry::capture's default limit.
Result<std::unique_ptr<Device>> open_capture(const DeviceNeed& need);

}  // namespace spry::console
