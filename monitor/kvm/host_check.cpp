#include "kvm/host_check.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "cpu/x86.h"
#include "text/format.h"

namespace spry {
namespace {

using Clock = std::chrono::steady_clock;

// The guest's memory, guest-physical: three levels of tables that map it all by one 2 MiB page, and the code.
constexpr std::uint64_t kPml4 = 0x1000;
constexpr std::uint64_t kPdpt = 0x2000;
constexpr std::uint64_t kDirectory = 0x3000;
constexpr std::uint64_t kCode = 0x4000;
constexpr std::size_t kMemory = 0x5000;

// `1: dec %ecx; jnz 1b; out %eax, $0x7e`. ECX holds the count at entry; the port is Spry's hypercall's.
constexpr std::uint8_t kLoop[] = {0xff, 0xc9, 0x75, 0xfc, 0xe7, 0x7e};

enum class Ring : std::uint8_t { kUser = 3, kSupervisor = 0 };

// Memory of the guest, zeroed, page-aligned.
class Memory {
 public:
  Memory() : bytes_(mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~Memory() {
    if (bytes_ != MAP_FAILED) munmap(bytes_, kMemory);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  explicit operator bool() const { return bytes_ != MAP_FAILED; }
  void* get() const { return bytes_; }
  void put(std::uint64_t address, const void* bytes, std::size_t length) {
    std::memcpy(static_cast<std::byte*>(bytes_) + address, bytes, length);
  }

 private:
  void* bytes_;
};

void fill(Memory& memory) {
  constexpr std::uint64_t kFlags = x86::PTE_P | x86::PTE_RW | x86::PTE_US | x86::PTE_A;
  const auto link = [&](std::uint64_t table, std::uint64_t entry) { memory.put(table, &entry, sizeof entry); };
  link(kPml4, kPdpt | kFlags);
  link(kPdpt, kDirectory | kFlags);
  link(kDirectory, kFlags | x86::PTE_D | x86::PTE_PS);
  memory.put(kCode, kLoop, sizeof kLoop);
}

// 64-bit mode in `ring`, as a VM entry wants it (SDM 3C 26.3.1).
kvm_sregs special_registers(kvm_sregs special, Ring ring) {
  constexpr std::uint8_t kCodeType = 11;  // execute, read, accessed
  constexpr std::uint8_t kDataType = 3;   // read, write, accessed
  const auto level = static_cast<std::uint8_t>(ring);
  special.cr0 = x86::CR0_PG | x86::CR0_WP | x86::CR0_NE | x86::CR0_ET | x86::CR0_MP | x86::CR0_PE;
  special.cr3 = kPml4;
  special.cr4 = x86::CR4_PAE;
  special.efer = x86::EFER_LME | x86::EFER_LMA;
  kvm_segment segment = {};
  segment.limit = 0xffffffff;
  segment.present = 1;
  segment.s = 1;
  segment.g = 1;
  segment.dpl = level;
  segment.type = kCodeType;
  segment.l = 1;
  segment.selector = static_cast<std::uint16_t>(0x08 | level);
  special.cs = segment;
  segment.type = kDataType;
  segment.l = 0;
  segment.db = 1;
  segment.selector = static_cast<std::uint16_t>(0x10 | level);
  special.ss = special.ds = special.es = special.fs = special.gs = segment;
  return special;
}

tl::unexpected<Error> out_of_memory() {
  return fail(code_for(errno), fmt::format("cannot map memory: {}", std::strerror(errno)));
}

// Runs the loop to its `out`.
Result<void> run_loop(VcpuIoctls& vcpu, const kvm_sregs& initial, Ring ring, std::uint32_t iterations) {
  kvm_regs registers = {};
  registers.rip = kCode;
  registers.rcx = iterations;
  registers.rflags = x86::RFLAGS_FIXED | x86::RFLAGS_IF | x86::RFLAGS_IOPL3;
  vcpu.set_registers(registers, special_registers(initial, ring));
  int error;
  do {
    error = vcpu.run();
  } while (error == EINTR);
  if (error != 0) return fail(code_for(error), fmt::format("KVM refuses KVM_RUN: {}", std::strerror(error)));
  if (vcpu.state().exit_reason != KVM_EXIT_IO) {
    return fail(ErrorCode::kMonitor,
                fmt::format("a guest in ring {} ended with KVM exit reason {} instead of an output",
                            static_cast<int>(ring), vcpu.state().exit_reason));
  }
  return {};
}

// A VM on `memory`, which must outlive it.
Result<Vm> create_vm(const Kvm& kvm, Memory& memory) {
  if (!memory) return out_of_memory();
  Result<Vm> vm = kvm.create_vm();
  if (!vm) return vm;
  fill(memory);
  const Result<void> slot = vm->set_memory_slot(0, 0, kMemory, memory.get(), false);
  if (!slot) return tl::unexpected(slot.error());
  return vm;
}

Result<void> cold_start() {
  const Result<Kvm> kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  Memory memory;
  Result<Vm> vm = create_vm(*kvm, memory);
  if (!vm) return tl::unexpected(vm.error());
  Result<VcpuIoctls> vcpu = vm->create_vcpu();
  if (!vcpu) return tl::unexpected(vcpu.error());
  const Result<kvm_sregs> initial = vcpu->special_registers();
  if (!initial) return tl::unexpected(initial.error());
  return run_loop(*vcpu, *initial, Ring::kUser, 1);
}

std::chrono::nanoseconds median(std::vector<std::chrono::nanoseconds> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

Result<RingTimes> measure_rings(const Kvm& kvm) {
  constexpr int kRounds = 5;
  Memory memory;
  Result<Vm> vm = create_vm(kvm, memory);
  if (!vm) return tl::unexpected(vm.error());
  Result<VcpuIoctls> vcpu = vm->create_vcpu();
  if (!vcpu) return tl::unexpected(vcpu.error());
  const Result<kvm_sregs> initial = vcpu->special_registers();
  if (!initial) return tl::unexpected(initial.error());
  const auto measure = [&](Ring ring) -> Result<std::chrono::nanoseconds> {
    std::chrono::nanoseconds quickest = std::chrono::nanoseconds::max();
    for (int round = 0; round < kRounds; ++round) {
      const Clock::time_point start = Clock::now();
      const Result<void> done = run_loop(*vcpu, *initial, ring, kRingIterations);
      if (!done) return tl::unexpected(done.error());
      quickest = std::min<std::chrono::nanoseconds>(quickest, Clock::now() - start);
    }
    return quickest;
  };
  const Result<std::chrono::nanoseconds> ring3 = measure(Ring::kUser);
  if (!ring3) return tl::unexpected(ring3.error());
  const Result<std::chrono::nanoseconds> ring0 = measure(Ring::kSupervisor);
  if (!ring0) return tl::unexpected(ring0.error());
  return RingTimes{*ring3, *ring0};
}

Result<std::chrono::nanoseconds> measure_cold_start(unsigned cycles) {
  std::vector<std::chrono::nanoseconds> times;
  for (unsigned i = 0; i < cycles; ++i) {
    const Clock::time_point start = Clock::now();
    const Result<void> done = cold_start();
    if (!done) return tl::unexpected(done.error());
    times.push_back(Clock::now() - start);
  }
  return median(std::move(times));
}

Result<std::chrono::nanoseconds> measure_process(const char* path, unsigned cycles) {
  std::vector<std::chrono::nanoseconds> times;
  std::string name = path;
  char* const arguments[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  for (unsigned i = 0; i < cycles; ++i) {
    const Clock::time_point start = Clock::now();
    pid_t child = 0;
    const int error = posix_spawn(&child, path, nullptr, nullptr, arguments, environment);
    if (error != 0) return fail(code_for(error), fmt::format("cannot start {}: {}", path, std::strerror(error)));
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    times.push_back(Clock::now() - start);
  }
  return median(std::move(times));
}

}  // namespace spry
