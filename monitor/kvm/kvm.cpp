#include "kvm/kvm.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "text/format.h"

namespace spry {
namespace {

constexpr const char* kDevice = "/dev/kvm";

tl::unexpected<Error> ioctl_failed(const char* name) {
  return fail(code_for(errno), fmt::format("{}: KVM refuses {}: {}", kDevice, name, std::strerror(errno)));
}

}  // namespace

Result<void> Vm::set_memory_slot(std::uint32_t slot, std::uint64_t address, std::uint64_t size, void* host,
                                 bool logged) {
  kvm_userspace_memory_region region = {};
  region.slot = slot;
  region.flags = logged ? KVM_MEM_LOG_DIRTY_PAGES : 0;
  region.guest_phys_addr = address;
  region.memory_size = size;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(host);
  if (ioctl(descriptor_.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) {
    return fail(code_for(errno), fmt::format("KVM refuses KVM_SET_USER_MEMORY_REGION of {:#x} bytes at {:#x}: {}", size,
                                             address, std::strerror(errno)));
  }
  return {};
}

Result<void> Vm::remove_memory_slot(std::uint32_t slot) { return set_memory_slot(slot, 0, 0, nullptr, false); }

Result<void> Vm::log_dirty_pages() {
  kvm_enable_cap request = {};
  request.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
  request.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
  if (ioctl(descriptor_.get(), KVM_ENABLE_CAP, &request) != 0) {
    return ioctl_failed("KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, which Linux has had since 5.2");
  }
  return {};
}

Result<void> Vm::dirty_log(std::uint32_t slot, std::span<std::uint64_t> bits) {
  kvm_dirty_log request = {};
  request.slot = slot;
  request.dirty_bitmap = bits.data();
  if (ioctl(descriptor_.get(), KVM_GET_DIRTY_LOG, &request) != 0) return ioctl_failed("KVM_GET_DIRTY_LOG");
  return {};
}

Result<void> Vm::clear_dirty_log(std::uint32_t slot, std::uint32_t pages, std::span<const std::uint64_t> bits) {
  kvm_clear_dirty_log request = {};
  request.slot = slot;
  request.num_pages = pages;
  request.dirty_bitmap = const_cast<std::uint64_t*>(bits.data());  // which KVM only reads
  if (ioctl(descriptor_.get(), KVM_CLEAR_DIRTY_LOG, &request) != 0) return ioctl_failed("KVM_CLEAR_DIRTY_LOG");
  return {};
}

bool Vm::give_dirty_ring(std::uint64_t entries) {
  kvm_enable_cap request = {};
  request.cap = KVM_CAP_DIRTY_LOG_RING;
  request.args[0] = entries * sizeof(kvm_dirty_gfn);
  return ioctl(descriptor_.get(), KVM_ENABLE_CAP, &request) == 0;
}

Result<void> Vm::reset_dirty_rings() {
  if (ioctl(descriptor_.get(), KVM_RESET_DIRTY_RINGS, 0) < 0) return ioctl_failed("KVM_RESET_DIRTY_RINGS");
  return {};
}

bool Vm::give_local_apic() {
  // With a local APIC, KVM could handle page faults asynchronously: a guest whose page is gone would sleep for ever,
  // instead of ending KVM_RUN with EFAULT. KVM does not do so where HLT does not exit. No guest here can execute HLT.
  kvm_enable_cap exits = {};
  exits.cap = KVM_CAP_X86_DISABLE_EXITS;
  exits.args[0] = KVM_X86_DISABLE_EXITS_HLT;
  kvm_enable_cap irqchip = {};
  irqchip.cap = KVM_CAP_SPLIT_IRQCHIP;  // args[0]: no pin of an I/O APIC
  return ioctl(descriptor_.get(), KVM_ENABLE_CAP, &exits) == 0 &&
         ioctl(descriptor_.get(), KVM_ENABLE_CAP, &irqchip) == 0;
}

Result<VcpuIoctls> Vm::create_vcpu() {
  Descriptor vcpu(ioctl(descriptor_.get(), KVM_CREATE_VCPU, 0));
  if (!vcpu) return ioctl_failed("KVM_CREATE_VCPU");
  void* run = mmap(nullptr, run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.get(), 0);
  if (run == MAP_FAILED) {
    return fail(code_for(errno), fmt::format("cannot map the vCPU's kvm_run page: {}", std::strerror(errno)));
  }
  return VcpuIoctls(std::move(vcpu), static_cast<kvm_run*>(run), run_size_);
}

Result<Kvm> Kvm::open() {
  Descriptor descriptor(::open(kDevice, O_RDWR | O_CLOEXEC));
  if (!descriptor) {
    const char* advice = errno == ENOENT   ? "; does this machine offer virtualization? `spry doctor` tells more"
                         : errno == EACCES ? "; `spry doctor` tells which group may use it"
                                           : "";
    return fail(code_for(errno, ErrorCode::kUnavailable),
                fmt::format("cannot open {}: {}{}", kDevice, std::strerror(errno), advice));
  }
  return Kvm(std::move(descriptor));
}

int Kvm::capability(int number) const {
  int value = ioctl(descriptor_.get(), KVM_CHECK_EXTENSION, number);
  return value > 0 ? value : 0;
}

int Kvm::api_version() const { return ioctl(descriptor_.get(), KVM_GET_API_VERSION, 0); }

Result<Vm> Kvm::create_vm() const {
  constexpr int kNeeded = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  if ((capability(KVM_CAP_SYNC_REGS) & kNeeded) != kNeeded) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}: this kernel has no KVM_CAP_SYNC_REGS, which Linux has had since 4.17", kDevice));
  }
  int run_size = ioctl(descriptor_.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_size < static_cast<int>(sizeof(kvm_run))) return ioctl_failed("KVM_GET_VCPU_MMAP_SIZE");
  // EINTR: a signal that arrived while the kernel took its locks.
  int vm;
  do {
    vm = ioctl(descriptor_.get(), KVM_CREATE_VM, 0);
  } while (vm < 0 && errno == EINTR);
  if (vm < 0) return ioctl_failed("KVM_CREATE_VM");
  return Vm(Descriptor(vm), static_cast<std::size_t>(run_size));
}

Result<std::vector<kvm_cpuid_entry2>> Kvm::supported_cpuid() const {
  constexpr std::uint32_t kMost = 256;
  auto bytes = std::make_unique<std::byte[]>(sizeof(kvm_cpuid2) + kMost * sizeof(kvm_cpuid_entry2));
  auto* request = reinterpret_cast<kvm_cpuid2*>(bytes.get());
  request->nent = kMost;
  if (ioctl(descriptor_.get(), KVM_GET_SUPPORTED_CPUID, request) != 0) return ioctl_failed("KVM_GET_SUPPORTED_CPUID");
  return std::vector<kvm_cpuid_entry2>(request->entries, request->entries + request->nent);
}

}  // namespace spry
