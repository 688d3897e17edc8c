// The host side: spry run --counter NAME=START.
#include <charconv>
#include <string>

#include "counter_abi.h"
#include "spry/abi.h"
#include "spry/module.h"

namespace spry {
namespace {

// A value of the counter in digits, or nothing if it is none.
std::optional<std::uint64_t> parse_value(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value > COUNTER_MAX) return std::nullopt;
  return value;
}

class Counter : public Device {
 public:
  explicit Counter(std::uint64_t start) : start_(start) {}

  // An action that begins with the first instruction finds the start.
  void attach(std::span<std::byte>) override { value_ = start_; }

  // One that begins after `ready` finds the value that was there then.
  Result<std::string> save() override { return std::to_string(value_); }
  Result<void> restore(Guest&, std::span<std::byte>, std::string_view saved) override {
    const auto value = parse_value(saved);
    if (!value) return fail(ErrorCode::kMonitor, "the snapshot's counter has no value");
    value_ = *value;
    return {};
  }

  Result<std::int64_t> call(Guest&, const DeviceCall& call) override {
    if (call.operation != COUNTER_ADD) return -SPRY_ENOSYS;
    if (call.a > COUNTER_MAX - value_) return -SPRY_EINVAL;
    value_ += call.a;
    return static_cast<std::int64_t>(value_);
  }

 private:
  std::uint64_t start_;
  std::uint64_t value_ = start_;
};

Result<std::unique_ptr<Device>> open_counter(const DeviceNeed& need, std::optional<std::string_view> text) {
  const auto start = text ? parse_value(*text) : 0;
  if (!start) {
    return fail(ErrorCode::kMonitor, "counter " + need.name + ": \"" + std::string(*text) +
                                         "\" is not a number from 0 to " + std::to_string(COUNTER_MAX));
  }
  return std::make_unique<Counter>(*start);
}

}  // namespace

// Declared as spry_add_monitor expects it.
extern const Module counter_module;
const Module counter_module = {"counter", "START", open_counter};

}  // namespace spry
