#include "kvm/kvm_vcpu.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "cpu/features.h"
#include "cpu/x86.h"
#include "kvm/features.h"
#include "kvm/host_selectors.h"
#include "kvm/memory_map.h"
#include "kvm/state.h"
#include "kvm/system_calls.h"
#include "kvm/system_page.h"
#include "kvm/trampoline.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

// Entries of a dirty ring, each of which takes 16 bytes of the kernel's memory. A guest that writes more pages than the
// ring holds leaves whenever the ring is full, and then faults anew for each page. So a machine with more pages than
// the largest ring has entries uses the dirty log.
constexpr std::uint64_t kSmallestRing = 1024;
constexpr std::uint64_t kLargestRing = 16384;

// Two ioctls, and more only if something pauses the thread meanwhile.
Result<GuestTsc> find_guest_tsc(VcpuIoctls& vcpu) {
  constexpr int kReadings = 8;
  auto khz = vcpu.tsc_khz();
  if (!khz) return tl::unexpected(khz.error());
  GuestTsc guest = host_tsc(*khz);
  const std::uint64_t close = std::uint64_t{*khz} / 10;  // 100 us
  std::uint64_t closest = UINT64_MAX;
  for (int tries = 0; tries < kReadings && closest > close; ++tries) {
    // Whether a guest sees the host's TSC or one that began at 0 with the vCPU depends on the host: ask. The ioctl
    // takes 10 us; its middle is the best guess for when the TSC was read.
    const std::uint64_t before = __builtin_ia32_rdtsc();
    auto tsc = vcpu.msr(MSR_IA32_TSC);
    if (!tsc) return tl::unexpected(tsc.error());
    const std::uint64_t took = __builtin_ia32_rdtsc() - before;
    if (took >= closest) continue;
    closest = took;
    guest.offset = *tsc - (before + took / 2);
  }
  return guest;
}

}  // namespace

Result<std::unique_ptr<Vcpu>> KvmVcpu::make(std::uint64_t end, std::uint64_t logged_pages) {
  auto kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  auto vm = kvm->create_vm();
  if (!vm) return tl::unexpected(vm.error());
  const bool local_apic = end <= APIC_DEFAULT_PHYS_BASE && vm->give_local_apic();
  const std::uint64_t entries = std::bit_ceil(std::max(logged_pages, kSmallestRing));
  const bool has_ring = logged_pages != 0 && entries <= kLargestRing && vm->give_dirty_ring(entries);
  auto vcpu = vm->create_vcpu();
  if (!vcpu) return tl::unexpected(vcpu.error());
  std::unique_ptr<KvmVcpu> shell(new KvmVcpu(std::move(*vm), std::move(*vcpu)));
  if (local_apic) shell->room_ = APIC_DEFAULT_PHYS_BASE;
  if (has_ring) {
    auto ring = shell->vcpu_.dirty_ring(entries);
    if (!ring) return tl::unexpected(ring.error());
    shell->ring_.emplace(std::move(*ring));
  }
  return shell;
}

Result<GuestMemory> KvmVcpu::make_memory(std::uint64_t size, bool) { return GuestMemory::reserve(size); }

// CPU features are set before the first run and never again.
Result<void> KvmVcpu::give_features(std::uint64_t features) {
  features = with_implied(features);
  if (!needs_cpuid(features)) features = 0;
  if (features_ == features) return {};
  if (ran_) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the shell has run a machine with other CPU features, which are set once", path_));
  }
  auto kvm = Kvm::open();
  if (!kvm) return tl::unexpected(kvm.error());
  auto enabled = enable_features(*kvm, vcpu_, features, path_);
  if (enabled) features_ = features;
  return enabled;
}

// Adds a slot. Slots cover memory from 0 on, and each begins where the last one ends.
Result<void> KvmVcpu::add_slot(Range range) {
  auto added = vm_.set_memory_slot(static_cast<std::uint32_t>(slots_.size()), range.start, range.size(),
                                   memory_->bytes(range).data(), reusable_);
  if (added) slots_.push_back(range);
  return added;
}

// Removes all slots, and forgets what was written in them.
Result<void> KvmVcpu::remove_slots() {
  for (; !slots_.empty(); slots_.pop_back()) {
    auto removed = vm_.remove_memory_slot(static_cast<std::uint32_t>(slots_.size() - 1));
    if (!removed) return removed;
  }
  if (has_input_slot_) {
    if (auto removed = vm_.remove_memory_slot(kInputSlot); !removed) return removed;
    has_input_slot_ = false;
  }
  if (!ring_) return {};
  ring_->collect([](std::uint32_t, std::uint64_t) {});
  return vm_.reset_dirty_rings();
}

// Has KVM tell what the guest writes to the slots that are added from now on.
Result<void> KvmVcpu::log_writes(std::uint64_t memory) {
  if (!ring_ && !can_log_) {
    if (auto logged = vm_.log_dirty_pages(); !logged) return logged;
    can_log_ = true;
  }
  log_.emplace(vm_, slots_, ring_ ? &*ring_ : nullptr, memory);
  return {};
}

// Without hardware virtualization, `syscall` goes where LSTAR says even if EFER switches it off. So a machine without
// system calls gets a LSTAR of 0, whatever the shell's last machine had.
Result<void> KvmVcpu::give_system_calls(const SystemCalls& calls) {
  system_calls_ = calls;
  std::uint64_t lstar = 0;
  if (calls.served()) {
    write_system_calls(memory_->bytes(layout_.trampoline), calls);
    lstar = layout_.trampoline.start + layout_.slide + kSystemCallsOffset;
  }
  if (lstar_ == lstar) return {};
  auto set = vcpu_.set_msrs(system_call_msrs(lstar));
  if (set) lstar_ = lstar;
  return set;
}

// Asks for large pages where `range` has whole ones, if the machine runs once. A large page costs as much as some 25
// small ones, because it is cleared whole. So memory that a small action touches gets none.
void KvmVcpu::grow_large(Range range) {
  const Range large = {round_up(range.start, kLargePageSize), round_down(range.end, kLargePageSize)};
  if (!reusable_ && large.start < large.end) prefer_large_pages(memory_->bytes(large));
}

Result<void> KvmVcpu::build_pages(const Furnishing& furnishing) {
  build_system_page(memory_->bytes({kSystemPage, kGateStack}), kSystemPage + layout_.slide,
                    kPageTables + layout_.slide);
  const Range area = {kPageTables, layout_.platform.end};
  tables_ = PageTables(memory_->bytes(area), area.start);
  if (map_memory(tables_, furnishing)) return {};
  return fail(ErrorCode::kNotUnikernel,
              fmt::format("{}: its segments and the machine's {} KiB of memory need more page tables than the {} "
                          "that fit below {:#x}",
                          path_, layout_.memory >> 10, area.size() / kPageSize, SPRY_IMAGE_MIN));
}

Result<void> KvmVcpu::furnish(GuestMemory& memory, const Furnishing& furnishing) {
  path_ = furnishing.path;
  layout_ = furnishing.layout;
  reusable_ = furnishing.reusable;
  covered_ = furnishing.covered;
  memory_ = &memory;
  finished_rip_ = 0;  // of the last machine's code
  if (furnishing.end > room_) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: its memory and its longest input end at {} MiB, but the shell comes from a machine that "
                    "had less, and takes {} MiB at most",
                    path_, furnishing.end >> 20, room_ >> 20));
  }
  if (auto given = give_features(furnishing.features); !given) return given;
  if (auto built = build_pages(furnishing); !built) return built;
  if (reusable_) {
    if (auto logs = log_writes(layout_.memory); !logs) return logs;
  }
  if (!layout_.low_stack()) grow_large(layout_.heap);  // it is all there from the start, so that cover() never asks
  if (auto added = add_slot({0, covered_}); !added) return added;
  if (!furnishing.input.empty()) {
    if (auto added = map_input(furnishing.input, -1, 0); !added) return added;
  }
  if (auto given = give_system_calls(furnishing.state.system_calls); !given) return given;
  sets_fs_base_ = (furnishing.features & SPRY_FEATURE_FSBASE) != 0;
  if (sets_fs_base_) write_set_fs_base(memory_->bytes(layout_.trampoline));
  special_ = to_kvm_special(layout_, with_implied(furnishing.features), furnishing.state);
  vectors_ = nullptr;
  if (furnishing.state.vectors != nullptr) {
    vectors_ = std::make_unique<kvm_xsave>(to_kvm(*furnishing.state.vectors, features_));
    if (auto set = vcpu_.set_vector_state(*vectors_); !set) return set;
  }
  native_vectors_ = false;
  if (!reusable_) return {};
  if (vectors_ == nullptr) {
    auto vectors = vcpu_.vector_state();
    if (!vectors) return tl::unexpected(vectors.error());
    vectors_ = std::make_unique<kvm_xsave>(*vectors);
    name_legacy_parts(*vectors_);
  }
  write_trampoline(memory_->bytes(layout_.trampoline), furnishing.state.registers, *vectors_);
  auto native = can_use_trampoline(furnishing.state.registers);
  if (!native) return tl::unexpected(native.error());
  native_vectors_ = *native;
  return {};
}

Result<void> KvmVcpu::map_input(Range range, int, std::uint64_t) {
  // The page tables of a reusable machine map the input area from the start.
  if (!reusable_ && !tables_.map(range, layout_.slide, user_flags({.read = true}))) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: an input of {} bytes needs more page tables than there are", path_, range.size()));
  }
  has_input_slot_ = true;
  return vm_.set_memory_slot(kInputSlot, range.start, range.size(), memory_->bytes(range).data(), false);
}

// Adds a memory slot, and page-table entries for the heap, so that guest-physical [0, end) is covered. Entries only go
// from absent to present, which is the one change that every host heeds.
Result<void> KvmVcpu::cover(std::uint64_t end) {
  const Range range = {covered_, end};
  grow_large(range);
  if (auto added = add_slot(range); !added) return added;
  covered_ = end;
  const Range heap = {std::max(layout_.heap.start, range.start), std::min(layout_.heap.end, end)};
  if (heap.start >= heap.end) return {};
  if (!tables_.map(heap, layout_.slide, user_flags({.read = true, .write = true}))) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: its heap needs more page tables than the {} that there are",
                                                      path_, (layout_.platform.end - kPageTables) / kPageSize));
  }
  return {};
}

Result<void> KvmVcpu::rebase(const Contents& contents, const CpuState& state) {
  if (auto placed = contents.place(*memory_, layout_.boot.start, 0); !placed) return placed;
  special_ = to_kvm_special(layout_, features_, state);
  vectors_ = std::make_unique<kvm_xsave>(to_kvm(*state.vectors, features_));
  native_vectors_ = native_vectors_ && fits_trampoline(*vectors_);
  write_trampoline(memory_->bytes(layout_.trampoline), state.registers, *vectors_);
  return {};
}

Result<std::optional<GuestTsc>> KvmVcpu::tsc() {
  auto tsc = find_guest_tsc(vcpu_);
  if (!tsc) return tl::unexpected(tsc.error());
  return *tsc;
}

std::uint64_t KvmVcpu::set_fs_base() const {
  return sets_fs_base_ ? layout_.trampoline.start + layout_.slide + kSetFsBaseOffset : 0;
}

Result<CpuState> KvmVcpu::save() {
  auto special = vcpu_.special_registers();
  if (!special) return tl::unexpected(special.error());
  auto vectors = vcpu_.vector_state();
  if (!vectors) return tl::unexpected(vectors.error());
  CpuState state = from_kvm(vcpu_.registers(), *special, *vectors);
  state.registers.rax = 0;
  state.system_calls = system_calls_;
  return state;
}

Result<void> KvmVcpu::empty() {
  if (ran_) {
    if (auto drained = drain(); !drained) return drained;
  }
  if (auto removed = remove_slots(); !removed) return removed;
  log_.reset();
  memory_ = nullptr;
  vectors_ = nullptr;
  native_vectors_ = false;
  return vcpu_.set_vector_state(to_kvm(initial_vectors(), 0));
}

}  // namespace spry
