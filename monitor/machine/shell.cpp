#include "spry/shell.h"

#include <algorithm>
#include <bit>

#include "cpu/x86.h"
#include "machine/shell_data.h"

namespace spry {
namespace {

// Entries of a dirty ring, 16 bytes of the kernel's memory each. A guest that writes to more pages than it holds leaves
// each time that it is full, and faults for each page anew: with more memory than that, the log is better.
constexpr std::uint64_t kSmallestRing = 1024;
constexpr std::uint64_t kLargestRing = 16384;

}  // namespace

Result<void> ShellData::remove_slots() {
  for (; !slots.empty(); slots.pop_back()) {
    auto removed = vm.remove_memory_slot(static_cast<std::uint32_t>(slots.size() - 1));
    if (!removed) return removed;
  }
  if (has_input_slot) {
    if (auto removed = vm.remove_memory_slot(kInputSlot); !removed) return removed;
    has_input_slot = false;
  }
  logs = false;
  if (!ring) return {};
  ring->collect([](std::uint32_t, std::uint64_t) {});
  return vm.reset_dirty_rings();
}

Result<void> ShellData::log_writes() {
  if (!ring && !can_log) {
    if (auto logged = vm.log_dirty_pages(); !logged) return logged;
    can_log = true;
  }
  logs = true;
  return {};
}

Shell::Shell(std::unique_ptr<ShellData> data) : data_(std::move(data)) {}
Shell::Shell(Shell&&) noexcept = default;
Shell& Shell::operator=(Shell&&) noexcept = default;
Shell::~Shell() = default;

Result<std::unique_ptr<ShellData>> make_shell(std::uint64_t end, std::uint64_t logged_pages) {
  auto kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  auto vm = kvm->create_vm();
  if (!vm) return tl::unexpected(vm.error());
  const bool local_apic = end <= x86::APIC_DEFAULT_PHYS_BASE && vm->give_local_apic();
  const std::uint64_t entries = std::bit_ceil(std::max(logged_pages, kSmallestRing));
  const bool has_ring = logged_pages != 0 && entries <= kLargestRing && vm->give_dirty_ring(entries);
  auto vcpu = vm->create_vcpu();
  if (!vcpu) return tl::unexpected(vcpu.error());
  auto shell = std::make_unique<ShellData>(std::move(*vm), std::move(*vcpu));
  if (local_apic) shell->room = x86::APIC_DEFAULT_PHYS_BASE;
  if (has_ring) {
    auto ring = shell->vcpu.dirty_ring(entries);
    if (!ring) return tl::unexpected(ring.error());
    shell->ring.emplace(std::move(*ring));
  }
  return shell;
}

// Any machine fits into it.
Result<Shell> Shell::create() {
  auto shell = make_shell(UINT64_MAX, 0);
  if (!shell) return tl::unexpected(shell.error());
  return Shell(*std::move(shell));
}

}  // namespace spry
