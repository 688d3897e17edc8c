#include "kvm/vcpu_ioctls.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> ioctl_failed(const char* name) {
  return fail(code_for(errno), fmt::format("KVM refuses {}: {}", name, std::strerror(errno)));
}

// A KVM structure that ends in an array of `Entry`: KVM's own header followed by N entries.
template <class Header, class Entry, std::size_t N>
struct WithEntries : Header {
  Entry entry[N];
};

}  // namespace

VcpuIoctls::VcpuIoctls(Descriptor descriptor, kvm_run* run, std::size_t run_size)
    : descriptor_(std::move(descriptor)), run_(run), run_size_(run_size) {
  run_->kvm_valid_regs = KVM_SYNC_X86_REGS;
}

VcpuIoctls::VcpuIoctls(VcpuIoctls&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      run_(std::exchange(other.run_, nullptr)),
      run_size_(std::exchange(other.run_size_, 0)) {}

VcpuIoctls& VcpuIoctls::operator=(VcpuIoctls&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(run_, other.run_);
  std::swap(run_size_, other.run_size_);
  return *this;
}

VcpuIoctls::~VcpuIoctls() {
  if (run_ != nullptr) munmap(run_, run_size_);
}

Result<DirtyRing> VcpuIoctls::dirty_ring(std::uint64_t entries) {
  const std::size_t size = entries * sizeof(kvm_dirty_gfn);
  void* ring = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_.get(),
                    off_t{KVM_DIRTY_LOG_PAGE_OFFSET} * sysconf(_SC_PAGESIZE));
  if (ring == MAP_FAILED) {
    return fail(code_for(errno), fmt::format("cannot map the vCPU's dirty ring: {}", std::strerror(errno)));
  }
  return DirtyRing({static_cast<kvm_dirty_gfn*>(ring), entries});
}

int VcpuIoctls::run() { return ioctl(descriptor_.get(), KVM_RUN, 0) == 0 ? 0 : errno; }

void VcpuIoctls::set_registers(const kvm_regs& registers, const kvm_sregs& special) {
  run_->s.regs.regs = registers;
  run_->s.regs.sregs = special;
  run_->kvm_dirty_regs |= KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

void VcpuIoctls::clear_events() {
  run_->s.regs.events = {};
  run_->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
}

Result<void> VcpuIoctls::drain() {
  set_immediate_exit(true);
  int error = run();
  set_immediate_exit(false);
  if (error == EINTR) return {};
  return fail(code_for(error), fmt::format("KVM_RUN with immediate_exit ended with {} instead of EINTR",
                                           error == 0 ? "an exit" : std::strerror(error)));
}

Result<kvm_xsave> VcpuIoctls::vector_state() {
  kvm_xsave state;
  if (ioctl(descriptor_.get(), KVM_GET_XSAVE, &state) != 0) return ioctl_failed("KVM_GET_XSAVE");
  return state;
}

Result<void> VcpuIoctls::set_vector_state(const kvm_xsave& state) {
  if (ioctl(descriptor_.get(), KVM_SET_XSAVE, &state) != 0) return ioctl_failed("KVM_SET_XSAVE");
  return {};
}

Result<kvm_debugregs> VcpuIoctls::debug_registers() {
  kvm_debugregs registers;
  if (ioctl(descriptor_.get(), KVM_GET_DEBUGREGS, &registers) != 0) return ioctl_failed("KVM_GET_DEBUGREGS");
  return registers;
}

Result<void> VcpuIoctls::set_debug_registers(const kvm_debugregs& registers) {
  if (ioctl(descriptor_.get(), KVM_SET_DEBUGREGS, &registers) != 0) return ioctl_failed("KVM_SET_DEBUGREGS");
  return {};
}

Result<kvm_sregs> VcpuIoctls::special_registers() {
  kvm_sregs special;
  if (ioctl(descriptor_.get(), KVM_GET_SREGS, &special) != 0) return ioctl_failed("KVM_GET_SREGS");
  return special;
}

Result<std::uint64_t> VcpuIoctls::msr(std::uint32_t index) {
  WithEntries<kvm_msrs, kvm_msr_entry, 1> request = {};
  request.nmsrs = 1;
  request.entry[0].index = index;
  if (ioctl(descriptor_.get(), KVM_GET_MSRS, &request) != 1) return ioctl_failed("KVM_GET_MSRS");
  return request.entry[0].data;
}

Result<void> VcpuIoctls::set_msrs(std::span<const kvm_msr_entry, 3> entries) {
  WithEntries<kvm_msrs, kvm_msr_entry, 3> request = {};
  request.nmsrs = static_cast<std::uint32_t>(entries.size());
  std::copy(entries.begin(), entries.end(), request.entry);
  // The result is how many were set.
  if (ioctl(descriptor_.get(), KVM_SET_MSRS, &request) != static_cast<int>(entries.size())) {
    return ioctl_failed("KVM_SET_MSRS");
  }
  return {};
}

Result<std::uint32_t> VcpuIoctls::tsc_khz() {
  int khz = ioctl(descriptor_.get(), KVM_GET_TSC_KHZ, 0);
  if (khz <= 0) return ioctl_failed("KVM_GET_TSC_KHZ");
  return static_cast<std::uint32_t>(khz);
}

Result<void> VcpuIoctls::set_cpuid(std::span<const kvm_cpuid_entry2> entries) {
  WithEntries<kvm_cpuid2, kvm_cpuid_entry2, 32> request = {};
  if (entries.size() > std::size(request.entry)) {
    return fail(ErrorCode::kMonitor, fmt::format("{} CPUID entries are more than 32", entries.size()));
  }
  request.nent = static_cast<std::uint32_t>(entries.size());
  std::copy(entries.begin(), entries.end(), request.entry);
  if (ioctl(descriptor_.get(), KVM_SET_CPUID2, &request) != 0) return ioctl_failed("KVM_SET_CPUID2");
  return {};
}

Result<void> VcpuIoctls::set_xcr0(std::uint64_t value) {
  kvm_xcrs request = {};
  request.nr_xcrs = 1;
  request.xcrs[0].value = value;
  if (ioctl(descriptor_.get(), KVM_SET_XCRS, &request) != 0) return ioctl_failed("KVM_SET_XCRS");
  return {};
}

Result<void> VcpuIoctls::set_signal_mask(const sigset_t& blocked) {
  // The kernel's sigset_t has 64 bits; the C library's begins with them.
  constexpr std::size_t kKernelSigsetSize = 8;
  WithEntries<kvm_signal_mask, std::uint8_t, kKernelSigsetSize> request = {};
  request.len = kKernelSigsetSize;
  std::memcpy(request.entry, &blocked, kKernelSigsetSize);
  if (ioctl(descriptor_.get(), KVM_SET_SIGNAL_MASK, &request) != 0) return ioctl_failed("KVM_SET_SIGNAL_MASK");
  return {};
}

}  // namespace spry
