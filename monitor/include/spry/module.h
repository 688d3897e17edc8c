// What a module is made of: the host side of one device kind. A module includes this header and no other of the
// monitor's; docs/modules.md shows how to add one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spry/api.h"
#include "spry/error.h"
#include "spry/image.h"

namespace spry {

// An address that a guest gave. The host cannot dereference it: Guest::resolve turns it into host memory.
enum class GuestPointer : std::uint64_t {};

// What the guest's own page tables must allow at a GuestPointer: kRead for memory that the monitor reads from the
// guest, kWrite for memory that the monitor fills for it.
enum class Access { kRead, kWrite };

// The running guest, as a device sees it. Valid during the call that it was handed to; used by the thread that runs the
// machine only.
class SPRY_API Guest {
 public:
  virtual ~Guest() = default;

  // The host memory of [pointer, pointer + length) if the guest itself may access all of it so, else nothing (answer
  // the guest with -SPRY_EFAULT). Length 0 is fine at any pointer and gives an empty span. Hand the span to system
  // calls only, which answer EFAULT for a truncated file's page; to look at the bytes, use `copy`.
  virtual std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) = 0;

  // Copies from the guest what the guest itself may read; false if it may not, or if the page's file was truncated.
  virtual bool copy(std::span<std::byte> to, GuestPointer from) = 0;

  // Copies to the guest where the guest itself may write; false if it may not, or if the page's file was truncated.
  virtual bool write(GuestPointer to, std::span<const std::byte> from) = 0;

  // True before the guest has called `ready` for the first time on a machine that will begin its other actions there:
  // what a device does now belongs to every action, and `save` is asked for it.
  virtual bool initialising() const = 0;

  // Waits until `events` (poll(2)) are there on descriptor `fd`. False if the run is to end, because its deadline
  // passed or it was interrupted: then return at once. Ask between the pieces of what takes long, of files as well,
  // which never wait.
  virtual bool wait(int fd, short events) = 0;

  // Adds to the receipt's counts of bytes that came in and went out.
  virtual void count_in(std::uint64_t bytes) = 0;
  virtual void count_out(std::uint64_t bytes) = 0;

  // Ends the run with Reason::kTooMuchOutput and `message`, once the device has returned. For a device that can
  // keep no more of an action's output.
  virtual void output_is_full(std::string message) = 0;
};

// Arguments of SPRY_CALL_DEVICE.
struct DeviceCall {
  std::uint64_t operation = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
};

struct Outcome;

// One attached device. Used by one thread at a time.
class SPRY_API Device {
 public:
  virtual ~Device() = default;

  // Bytes of memory shared with the guest, zeroed, shown in the boot page; asked once, before memory is laid out. The
  // guest may write anything there at any time that it runs.
  virtual std::size_t shared_size() const { return 0; }

  // What the guest is promised never to change about the device, for a sentence ("1048576 bytes in sectors of 512"). A
  // snapshot runs only with devices of which this is as it was when it was taken.
  virtual std::string constants() const { return {}; }

  // Before an action that begins with the guest's first instruction: the shared area (empty if shared_size is 0),
  // zeroed and valid until the next attach or restore. Nothing may be left of an earlier action.
  virtual void attach(std::span<std::byte> shared) { static_cast<void>(shared); }

  // At the guest's first `ready` on a machine that will begin its other actions there: what `restore` needs to make the
  // device what it is now. An Error, if that cannot be told, and then every action begins with the first instruction.
  virtual Result<std::string> save() { return std::string(); }

  // Before an action that begins after `ready`: the shared area, with the bytes that it had when `save` answered
  // `saved`. Nothing may be left of an earlier action.
  virtual Result<void> restore(Guest& guest, std::span<std::byte> shared, std::string_view saved) {
    static_cast<void>(guest), static_cast<void>(saved);
    attach(shared);
    return {};
  }

  // Why a machine with this device can run one action only, as the end of a sentence; empty if it can run several.
  virtual std::string single_use() const { return {}; }

  // Serves one hypercall: a count, or a negated error number of abi.h, for the guest. An Error ends the run as failed
  // by the monitor.
  virtual Result<std::int64_t> call(Guest& guest, const DeviceCall& call) = 0;

  // After each hypercall, and once at the end of the run, whatever ended it. An Error ends the run.
  virtual Result<void> on_exit(Guest& guest) {
    static_cast<void>(guest);
    return {};
  }

  // At the end of an action: moves what the device kept for the launcher into its outcome.
  virtual void collect(Outcome& outcome) { static_cast<void>(outcome); }

  // The descriptor of the file or block device whose bytes the guest gets, or -1. Whoever opened the device sees to it
  // that nothing else is written into that file. The descriptor is writable if the guest may write.
  virtual int file() const { return -1; }

  // A descriptor that is readable while the device is ready (SPRY_CALL_POLL), or -1 if it never is.
  virtual int ready_descriptor() const { return -1; }

  // True while the device is ready for another reason than its descriptor: it holds what it read from there before.
  virtual bool ready() const { return false; }
};

// The fields of a specification, which commas separate. Two commas in a row stand for one comma within a field, so that
// a field may be any text: "a,,b,ro" has the fields "a,b" and "ro". There is at least one field; it may be empty.
SPRY_API std::vector<std::string> specification_fields(std::string_view text);

// One device kind, as the command `spry` knows it: a row of the table that spry_add_monitor generates.
struct Module {
  std::string_view kind;   // as in the manifest; `spry run` takes --KIND NAME=SPECIFICATION for it
  std::string_view usage;  // one line of help for that option, or empty if the kind takes none
  // Opens the device that the manifest names. `specification` is what the user gave for it, if anything.
  Result<std::unique_ptr<Device>> (*open)(const DeviceNeed& need, std::optional<std::string_view> specification);
  // Opens one that keeps what it is told for the Outcome, for `spry pool`; null if `open` does for that.
  Result<std::unique_ptr<Device>> (*keep)(const DeviceNeed& need) = nullptr;
};

}  // namespace spry
