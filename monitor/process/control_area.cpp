#include "process/control_area.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "cpu/x86.h"
#include "memory/guest_memory.h"
#include "system/memory_file.h"
#include "text/format.h"

namespace spry {
namespace {

using x86::kUserCode;
using x86::kUserData;

// A selector that can be loaded here: null selectors stay, and any other becomes the flat data segment's.
std::uint16_t loadable(std::uint16_t selector) {
  constexpr std::uint16_t kLastNull = 3;
  return selector <= kLastNull ? selector : kUserData;
}

void fill(spry_registers& to, const Registers& from) {
  to_frame_order(from, to.general);
  to.rip = from.rip;
  to.cs = kUserCode;
  to.rflags = user_flags(from.rflags);
  to.rsp = from.rsp;
  to.ss = kUserData;
}

}  // namespace

Result<ControlArea> ControlArea::make(bool fsgsbase) {
  ControlArea area;
  area.fsgsbase_ = fsgsbase;
  area.file_ = make_memory_file("spry-control", 0, SPRY_CONTROL_SIZE);
  if (area.file_) {
    void* mapped = mmap(nullptr, SPRY_CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, area.file_.get(), 0);
    if (mapped != MAP_FAILED) {
      area.bytes_ = static_cast<std::byte*>(mapped);
      // Nearly all of the area is written anyway, and page faults are dear on a virtual machine. MADV_POPULATE_WRITE
      // needs Linux 5.14; older kernels are only slower.
      madvise(mapped, SPRY_START_SIZE + SPRY_GATE_STACK_SIZE + x86::kPageSize, MADV_POPULATE_WRITE);
      if (seclude({area.bytes_, SPRY_CONTROL_SIZE})) return area;
    }
  }
  return fail(code_for(errno),
              fmt::format("cannot make the memory that is shared with a guest's process: {}", file_error(errno)));
}

ControlArea::ControlArea(ControlArea&& other) noexcept
    : file_(std::move(other.file_)),
      bytes_(std::exchange(other.bytes_, nullptr)),
      resumes_(other.resumes_),
      fsgsbase_(other.fsgsbase_) {}

ControlArea& ControlArea::operator=(ControlArea&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  std::swap(resumes_, other.resumes_);
  std::swap(fsgsbase_, other.fsgsbase_);
  return *this;
}

ControlArea::~ControlArea() {
  if (bytes_ != nullptr) munmap(bytes_, SPRY_CONTROL_SIZE);
}

spry_start& ControlArea::start() const { return *reinterpret_cast<spry_start*>(bytes_); }

GateStack ControlArea::gate_stack() const {
  return {{bytes_ + SPRY_START_SIZE, SPRY_GATE_STACK_SIZE}, SPRY_GATE_STACK};
}

void ControlArea::set_base(const CpuState& state) {
  spry_start& to = start();
  to.fsgsbase = fsgsbase_ ? 1 : 0;
  to.fs_base = state.fs.base;
  to.gs_base = state.gs.base;
  to.ds = loadable(state.ds.selector);
  to.es = loadable(state.es.selector);
  to.fs = loadable(state.fs.selector);
  to.gs = loadable(state.gs.selector);
  to.system_call_entry = state.system_calls.entry;
  to.system_call_stack = state.system_calls.stack;
  write_vectors(std::as_writable_bytes(std::span(to.vectors)), state.vectors.get());
}

void ControlArea::set_begin(const Registers& registers) { fill(start().begin, registers); }

std::uint64_t ControlArea::set_resume(const Registers& registers) {
  resumes_ = (resumes_ + 1) % SPRY_RESUMES;
  fill(start().resume[resumes_], registers);
  return SPRY_START + offsetof(spry_start, resume) + resumes_ * sizeof(spry_registers);
}

std::span<std::byte> ControlArea::first_stack() const { return {bytes_ + SPRY_START_SIZE, SPRY_GATE_STACK_SIZE}; }

spry_plan& ControlArea::plan() const {
  static_assert(sizeof(spry_plan) <= SPRY_PLAN_SIZE);
  return *reinterpret_cast<spry_plan*>(bytes_ + SPRY_START_SIZE + SPRY_GATE_STACK_SIZE);
}

// The gate stack's lowest word: the kernel's frames are at the other end.
volatile std::uint64_t& ControlArea::mark() const {
  return *reinterpret_cast<volatile std::uint64_t*>(bytes_ + SPRY_START_SIZE);
}

void ControlArea::expect_begin(unsigned how) { mark() = how; }

bool ControlArea::awaits_begin() const { return mark() != 0; }

void ControlArea::clear_gate_stack() { std::memset(bytes_ + SPRY_START_SIZE, 0, SPRY_GATE_STACK_SIZE); }

void ControlArea::clear() {
  if (fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SPRY_CONTROL_SIZE) != 0) {
    std::memset(bytes_, 0, SPRY_CONTROL_SIZE);
  }
}

}  // namespace spry
