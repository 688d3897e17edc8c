// What a module is made of: the host side of one device kind. A module needs no other header of the monitor's;
// docs/modules.md shows how to add one.
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

// What the guest itself must be allowed to do at a GuestPointer: kRead for memory that the monitor reads from the
// guest, kWrite for memory that the monitor fills for it.
enum class Access { kRead, kWrite };

// The running guest, as a device sees it. Valid during the call that it was handed to; used by the thread that runs the
// machine only.
class SPRY_API Guest {
 public:
  virtual ~Guest() = default;

  // The host memory of [pointer, pointer + length), if the guest itself has `access` to all of it; else nothing (answer
  // the guest with -SPRY_EFAULT). Length 0 gives an empty span at any pointer. Give the span to system calls only: at a
  // page of a truncated file they answer EFAULT, where a load would raise SIGBUS. To look at the bytes, use `copy`.
  virtual std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) = 0;

  // Copies from memory that the guest itself may read; false if it may not, or if the page's file was truncated.
  virtual bool copy(std::span<std::byte> to, GuestPointer from) = 0;

  // Copies to memory that the guest itself may write; false if it may not, or if the page's file was truncated.
  virtual bool write(GuestPointer to, std::span<const std::byte> from) = 0;

  // True until the guest's first `ready`, on a machine whose later actions will begin there. What a device does in this
  // time belongs to every action: `save` is asked for it.
  virtual bool initialising() const = 0;

  // Waits until `events` (poll(2)) are there on descriptor `fd`. False if the run is to end, because its deadline
  // passed or it was interrupted: then return at once. A device that does something long does it in pieces and calls
  // this before each, even for a regular file, which is always ready.
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

  // What never changes about the device while a guest has it, as part of a sentence ("1048576 bytes in sectors of
  // 512"). A snapshot runs only with devices whose constants are the same as when it was taken.
  virtual std::string constants() const { return {}; }

  // Called before an action that begins with the guest's first instruction. `shared` is the shared area (empty if
  // shared_size is 0), zeroed and valid until the next attach or restore. The device must forget all earlier actions.
  virtual void attach(std::span<std::byte> shared) { static_cast<void>(shared); }

  // Called at the guest's first `ready`, on a machine whose later actions will begin there. Gives what `restore` needs
  // to make the device what it is now, or an Error if that is impossible: then every action begins with the guest's
  // first instruction.
  virtual Result<std::string> save() { return std::string(); }

  // Called before an action that begins after `ready`. `shared` is the shared area, with the bytes that it had when
  // `save` answered `saved`. The device must forget all earlier actions.
  virtual Result<void> restore(Guest& guest, std::span<std::byte> shared, std::string_view saved) {
    static_cast<void>(guest), static_cast<void>(saved);
    attach(shared);
    return {};
  }

  // Why a machine with this device can run one action only, as the end of a sentence; empty if it can run several.
  virtual std::string single_use() const { return {}; }

  // Serves one hypercall. Answers the guest with a count, or a negated error number of abi.h. An Error ends the run as
  // a failure of the monitor.
  virtual Result<std::int64_t> call(Guest& guest, const DeviceCall& call) = 0;

  // Called after each hypercall, and once at the end of the run, whatever ended it. An Error ends the run.
  virtual Result<void> on_exit(Guest& guest) {
    static_cast<void>(guest);
    return {};
  }

  // Called at the end of an action: moves what the device kept for the launcher into the outcome.
  virtual void collect(Outcome& outcome) { static_cast<void>(outcome); }

  // The descriptor of the file or block device whose bytes the guest gets, or -1. Whoever opened the device sees to it
  // that nothing else is written into that file. The descriptor is writable if the guest may write.
  virtual int file() const { return -1; }

  // A descriptor that is readable while the device is ready (SPRY_CALL_POLL), or -1 if it never is.
  virtual int ready_descriptor() const { return -1; }

  // True while the device is ready though its descriptor may not be readable: it holds what it read from there earlier.
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
  // Opens a device that keeps its output for the Outcome, for `spry pool`; null if `spry pool` is to use `open`.
  Result<std::unique_ptr<Device>> (*keep)(const DeviceNeed& need) = nullptr;
};

}  // namespace spry
