#include "spry/shell.h"

#include "machine/shell_data.h"
#include "machine/x86.h"

namespace spry {

Result<void> ShellData::remove_slots() {
  for (; !slots.empty(); slots.pop_back()) {
    auto removed = vm.remove_memory_slot(static_cast<std::uint32_t>(slots.size() - 1));
    if (!removed) return removed;
  }
  if (has_input_slot) {
    if (auto removed = vm.remove_memory_slot(kInputSlot); !removed) return removed;
    has_input_slot = false;
  }
  return {};
}

Shell::Shell(std::unique_ptr<ShellData> data) : data_(std::move(data)) {}
Shell::Shell(Shell&&) noexcept = default;
Shell& Shell::operator=(Shell&&) noexcept = default;
Shell::~Shell() = default;

Result<std::unique_ptr<ShellData>> make_shell(std::uint64_t end) {
  auto kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  auto vm = kvm->create_vm();
  if (!vm) return tl::unexpected(vm.error());
  const bool local_apic = end <= x86::APIC_DEFAULT_PHYS_BASE && vm->give_local_apic();
  auto vcpu = vm->create_vcpu();
  if (!vcpu) return tl::unexpected(vcpu.error());
  auto shell = std::make_unique<ShellData>(std::move(*vm), std::move(*vcpu));
  if (local_apic) shell->room = x86::APIC_DEFAULT_PHYS_BASE;
  return shell;
}

// Any machine fits into it.
Result<Shell> Shell::create() {
  auto shell = make_shell(UINT64_MAX);
  if (!shell) return tl::unexpected(shell.error());
  return Shell(*std::move(shell));
}

}  // namespace spry
