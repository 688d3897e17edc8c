// What a Machine holds. create.cpp builds it, run.cpp runs it.
#pragma once

#include <atomic>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include "kvm/kvm.h"
#include "machine/deadline.h"
#include "machine/layout.h"
#include "machine/memory.h"
#include "machine/page_tables.h"
#include "spry/machine.h"

namespace spry {

struct MachineData final : Guest {
  explicit MachineData(Image its_image) : image(std::move(its_image)) {}

  // Guest, for the devices.
  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) override {
    return memory.resolve(pointer, length, access);
  }
  bool copy(std::span<std::byte> to, GuestPointer from) override { return memory.copy(to, from); }
  bool wait(int fd, short events) override;
  void count_in(std::uint64_t bytes) override { receipt.bytes_in += bytes; }
  void count_out(std::uint64_t bytes) override { receipt.bytes_out += bytes; }

  Image image;
  MachineOptions options;
  Layout layout;
  // Members are destroyed in reverse order: the VM must go before the memory that it uses.
  GuestMemory memory;
  std::optional<PageTables> tables;
  std::optional<Vm> vm;
  std::optional<Vcpu> vcpu;
  std::vector<std::unique_ptr<Device>> devices;  // by handle, null where a handle has no device
  std::uint64_t covered = 0;                     // bytes from 0 that memory slots cover
  std::uint32_t slots = 0;
  std::uint64_t epoch_ns = 0;        // host monotonic time at which the guest's begins
  std::uint64_t deadline_ns = 0;     // host monotonic, or 0
  std::optional<Deadline> deadline;  // during the run
  Receipt receipt;

  // Why the run is to end, as run.cpp and interrupt() see it. `interrupted` and `wait_timeout` are written by signal
  // handlers: setting the timeout of a ppoll that is about to begin to 0 is what makes waiting free of races.
  std::atomic<bool> interrupted = false;
  bool hurried = false;  // nothing waits any more
  bool cut = false;      // a wait was over before what it waited for was there
  timespec wait_timeout = {};
};

// Adds memory slots and page-table entries for the heap so that guest-physical [0, end) is covered. create.cpp and the
// page-fault gate call it; from absent to present is the one change of an entry that every host heeds.
Result<void> cover_memory(MachineData& machine, std::uint64_t end);

}  // namespace spry
