// Devices that a program in C serves.
#include <string>

#include "handles.h"
#include "spry/module.h"
#include "text/escape.h"

struct spry_guest {
  spry::Guest& guest;
};

namespace spry::c {
namespace {

// The most bytes of the message of an error that a device's function stores.
constexpr std::size_t kLongestMessage = 1024;

class CallbackDevice : public Device {
 public:
  CallbackDevice(std::string about, const spry_attachment& served) : about_(std::move(about)), served_(served) {}

  void attach(std::span<std::byte>) override {
    if (served_.begin != nullptr) served_.begin(served_.context);
  }

  Result<std::int64_t> call(Guest& guest, const DeviceCall& call) override {
    spry_guest handle = {guest};
    const spry_device_call asked = {call.operation, call.a, call.b, call.c};
    spry_error* error = nullptr;
    const std::int64_t answer = served_.call(served_.context, &handle, &asked, &error);
    if (error == nullptr) return answer;
    Error failed = take(error);
    failed.message = escape(about_) + ": " + escape(failed.message, kLongestMessage);
    return tl::unexpected(std::move(failed));
  }

 private:
  std::string about_;
  spry_attachment served_;
};

}  // namespace

Result<Attachment> attachment(const spry_attachment* given) {
  const auto served = read(given, "spry_attachment");
  if (!served) return tl::unexpected(served.error());
  if (served->kind == nullptr || served->name == nullptr || served->call == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "struct spry_attachment needs a kind, a name and a call");
  }
  const std::string about = std::string(served->kind) + " " + served->name;
  return Attachment{served->kind, served->name,
                    [about, served = *served](const DeviceNeed&) -> Result<std::unique_ptr<Device>> {
                      return std::make_unique<CallbackDevice>(about, served);
                    }};
}

}  // namespace spry::c

int spry_guest_read(spry_guest* guest, uint64_t address, void* to, size_t size) {
  return guest->guest.copy({static_cast<std::byte*>(to), size}, spry::GuestPointer{address}) ? 0 : -1;
}

int spry_guest_write(spry_guest* guest, uint64_t address, const void* from, size_t size) {
  return guest->guest.write(spry::GuestPointer{address}, spry::c::bytes(from, size)) ? 0 : -1;
}

int spry_guest_wait(spry_guest* guest, int descriptor, short events) {
  return guest->guest.wait(descriptor, events) ? 1 : 0;
}
