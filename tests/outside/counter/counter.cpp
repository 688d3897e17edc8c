// The host side: spry run --counter NAME=START.
#include <charconv>
#include <string>

#include "counter_abi.h"
#include "spry/abi.h"
#include "spry/module.h"

namespace spry {
namespace {

class Counter : public Device {
 public:
  explicit Counter(std::uint64_t start) : value_(start) {}

  Result<std::int64_t> call(Guest&, const DeviceCall& call) override {
    if (call.operation != COUNTER_ADD) return -SPRY_ENOSYS;
    if (call.a > COUNTER_MAX - value_) return -SPRY_EINVAL;
    value_ += call.a;
    return static_cast<std::int64_t>(value_);
  }

 private:
  std::uint64_t value_;
};

Result<std::unique_ptr<Device>> open_counter(const DeviceNeed& need, std::optional<std::string_view> text) {
  std::uint64_t start = 0;
  if (text) {
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, start);
    if (error != std::errc() || stop != end || start > COUNTER_MAX) {
      return fail(ErrorCode::kMonitor, "counter " + need.name + ": \"" + std::string(*text) +
                                           "\" is not a number from 0 to " + std::to_string(COUNTER_MAX));
    }
  }
  return std::make_unique<Counter>(start);
}

}  // namespace

// Declared as spry_add_monitor expects it.
extern const Module counter_module;
const Module counter_module = {"counter", "START", open_counter};

}  // namespace spry
