#include "process/process_vcpu.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "cpu/x86.h"
#include "process/cpu_features.h"
#include "process/guest_mappings.h"
#include "process/host_tsc.h"
#include "process/hypercall_instruction.h"
#include "process/linux_api.h"
#include "process/system_call_filter.h"
#include "spry/abi.h"
#include "system/clock.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

// How long a process may take to answer a signal: far beyond what a loaded host needs.
constexpr std::uint64_t kPatience = kNanosecondsPerSecond;
// How often to look whether an action has begun at all.
constexpr std::uint64_t kBeginCheck = 5'000'000;

// Mappings of up to so many bytes get their pages at once, instead of by page faults.
constexpr std::uint64_t kPopulated = std::uint64_t{64} << 10;

constexpr std::uint64_t kCallSize = 2;  // bytes of `syscall`, `int $n` and `out %eax, $port`
constexpr std::uint64_t kVsyscallPage = 0xffffffffff600000;
constexpr std::uint64_t kLowHalfEnd = std::uint64_t{1} << 47;

// An input has two mappings at most: the whole pages of a file, and a copy of the rest.
constexpr std::size_t kInputMappings = 2;

// Descriptors of a plan.
enum PlanDescriptor { kMemory, kInput };

bool has_userfaultfd() {
  return static_cast<bool>(Descriptor(static_cast<int>(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY | O_CLOEXEC))));
}

Exit hypercall() { return {.kind = Exit::Kind::kHypercall}; }

Exit exception(unsigned vector, std::uint64_t error_code = 0, std::uint64_t address = 0) {
  return {.kind = Exit::Kind::kException, .vector = vector, .error_code = error_code, .address = address};
}

Result<GuestProcess> launch(int stub_file, const ControlArea& control) {
  auto stub = launch_stub(stub_file, control.descriptor(), control.first_stack());
  if (!stub) return tl::unexpected(stub.error());
  return GuestProcess(*std::move(stub));
}

}  // namespace

Result<std::unique_ptr<Vcpu>> make_process_shell() {
  auto file = make_stub_file();
  if (!file) return tl::unexpected(file.error());
  auto control = ControlArea::make(has_fsgsbase());
  if (!control) return tl::unexpected(control.error());
  auto process = launch(file->get(), *control);
  if (!process) return tl::unexpected(process.error());
  return std::make_unique<ProcessVcpu>(*std::move(file), *std::move(control), *std::move(process));
}

ProcessVcpu::ProcessVcpu(Descriptor stub_file, ControlArea control, GuestProcess process)
    : stub_file_(std::move(stub_file)), control_(std::move(control)), process_(std::move(process)) {}

ProcessVcpu::~ProcessVcpu() = default;

// A machine that runs once gets the parts of a large file that it touches. A reusable machine has all of its memory
// from the start.
Result<GuestMemory> ProcessVcpu::make_memory(std::uint64_t size, bool reusable) {
  auto memory = GuestMemory::share(size);
  if (memory && !reusable) memory->put_off_if(has_userfaultfd);
  return memory;
}

Result<void> ProcessVcpu::furnish(GuestMemory& memory, const Furnishing& furnishing) {
  const Layout& layout = furnishing.layout;
  if (const char* missing = missing_cpu_feature(furnishing.features)) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: it needs {}, which this CPU does not offer", furnishing.path, missing));
  }
  memory_ = &memory;
  path_ = furnishing.path;
  slide_ = layout.slide;
  covered_ = layout.memory;
  sets_fs_base_ = (furnishing.features & SPRY_FEATURE_FSBASE) != 0;
  probe_ = furnishing.verify ? layout.probe : Range();
  std::vector<Region> regions;
  if (!probe_.empty()) {
    const std::uint64_t data = probe_.start + kPageSize;
    regions.push_back({{probe_.start, data}, {.read = true, .execute = true}});
    regions.push_back({{data, probe_.end}, {.read = true, .write = true}});
  }
  mappings_ = guest_mappings(regions, slide_, kMemory, false);
  const auto guest = guest_mappings(furnishing.regions, slide_, kMemory, furnishing.reusable);
  mappings_.insert(mappings_.end(), guest.begin(), guest.end());
  if (!furnishing.input.empty()) {
    const Region input = {furnishing.input, {.read = true}};
    const auto mapping = guest_mappings({&input, 1}, slide_, kMemory, false);
    mappings_.insert(mappings_.end(), mapping.begin(), mapping.end());
  }
  if (mappings_.size() > SPRY_PLAN_MAPPINGS - kInputMappings) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: it has more than {} separate pieces of memory", path_,
                                                      SPRY_PLAN_MAPPINGS - kInputMappings));
  }
  for (const spry_mapping& mapping : mappings_) {
    if (mapping.address >= SPRY_GUEST_END || mapping.size > SPRY_GUEST_END - mapping.address) {
      return fail(ErrorCode::kNotUnikernel,
                  fmt::format("{}: its memory at {:#x} lies beyond what a process has", path_, mapping.address));
    }
  }
  if (furnishing.reusable) log_ = std::make_unique<ProcessWriteLog>(memory, furnishing.regions, slide_);
  return set_base(furnishing.state);
}

Result<void> ProcessVcpu::set_base(const CpuState& state) {
  if (state.gs.base != 0 && !control_.fsgsbase()) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}: it has a base of GS, which this kernel does not keep (FSGSBASE)", path_));
  }
  control_.set_base(state);
  begin_fs_base_ = state.fs.base;
  system_calls_ = state.system_calls;
  const Region* const code = system_calls_.served() ? memory_->find(system_calls_.entry) : nullptr;
  hypercalls_ = code != nullptr ? code->range : Range{0, UINT64_MAX};
  return {};
}

Result<void> ProcessVcpu::map_input(Range range, int descriptor, std::uint64_t mapped) {
  if (mapped != 0) {
    input_ = Descriptor(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (!input_) {
      return fail(code_for(errno), fmt::format("cannot duplicate the input's descriptor: {}", std::strerror(errno)));
    }
    mappings_.push_back({range.start + slide_, mapped, 0, PROT_READ, MAP_PRIVATE, kInput, 0});
    range.start += mapped;
  }
  if (range.empty()) return {};
  mappings_.push_back(
      {range.start + slide_, range.size(), range.start, PROT_READ, MAP_SHARED | MAP_NORESERVE, kMemory, 0});
  return {};
}

// Guest memory has the contents already.
Result<void> ProcessVcpu::rebase(const Contents& contents, const CpuState& state) {
  std::vector<Range> copied;
  for (const ContentsRun& run : contents.runs()) copied.push_back(run.range);
  memory_->set_copied(std::move(copied));
  return set_base(state);
}

Result<void> ProcessVcpu::begin(const Registers& registers) {
  control_.set_begin(registers);
  begins_ = true;
  owed_.reset();
  return {};
}

Result<void> ProcessVcpu::start_process() {
  spry_plan& plan = control_.plan();
  plan.flags = log_ != nullptr ? SPRY_PLAN_LOG_WRITES : 0;
  plan.count = static_cast<std::uint32_t>(mappings_.size());
  std::copy(mappings_.begin(), mappings_.end(), plan.mappings);
  if (log_ == nullptr && memory_->waiting().empty()) {
    for (spry_mapping& mapping : std::span(plan.mappings, plan.count)) {
      if (mapping.size <= kPopulated && mapping.descriptor == kMemory) mapping.flags |= MAP_POPULATE;
    }
  }
  plan.fault_count = 0;
  std::size_t room = std::size(plan.faults);
  for (const Range& range : memory_->waiting()) {
    // The range is cut at the borders of mappings, because the kernel keeps each mapping apart, and touches of memory
    // that is not mapped cannot be told.
    for (const spry_mapping& mapping : mappings_) {
      const std::uint64_t start = std::max(mapping.address, range.start + slide_);
      const std::uint64_t end = std::min(mapping.address + mapping.size, range.end + slide_);
      if (start >= end || mapping.descriptor != kMemory) continue;
      if (room-- == 0) return fail(ErrorCode::kMonitor, fmt::format("{}: too many pieces of its file", path_));
      plan.faults[plan.fault_count++] = {start, end - start};
    }
  }
  if (plan.fault_count != 0) plan.flags |= SPRY_PLAN_FAULTS;
  plan.system_calls.len = 0;
  if (system_calls_.served()) filter_system_calls(plan, {hypercalls_.start + slide_, hypercalls_.end + slide_});
  control_.expect_begin(SPRY_BEGINS_FIRST);
  beginning_ = Beginning::kProcess;
  silent_ = false;
  const std::array<int, 2> descriptors = {memory_->descriptor(), input_.get()};
  const std::size_t count = input_ ? descriptors.size() : descriptors.size() - 1;
  return process_.start(plan, std::span(descriptors).first(count));
}

// Ends the process and starts another one. What the old one wrote to guest memory stays there.
Result<void> ProcessVcpu::replace_process() {
  process_.end();
  state_ = State::kGone;
  auto process = launch(stub_file_.get(), control_);
  if (!process) return tl::unexpected(process.error());
  process_ = *std::move(process);
  if (auto started = start_process(); !started) return started;
  if (log_ != nullptr) log_->attach(process_.pagemap(), true);
  return {};
}

Result<void> ProcessVcpu::begin_action() {
  switch (state_) {
    case State::kEmpty:
      state_ = State::kGone;
      if (auto started = start_process(); !started) return started;
      if (log_ != nullptr) log_->attach(process_.pagemap(), false);
      break;
    case State::kGone:
      if (auto replaced = replace_process(); !replaced) return replaced;
      break;
    default:
      control_.expect_begin(SPRY_BEGINS_BY_SIGNAL);
      beginning_ = Beginning::kAction;
      process_.signal(SIGUSR1);  // if it is gone, waiting says so
  }
  begins_ = false;
  state_ = State::kRunning;
  return {};
}

void ProcessVcpu::go_on() {
  const std::uint64_t answer = state_ == State::kCall ? registers_.rax : control_.set_resume(registers_);
  const bool arrived = process_.answer(id_, static_cast<std::int64_t>(answer));
  // If the answer did not arrive, and would only have let the guest go on where a signal had found it, nothing is owed:
  // the guest asks again.
  const bool same = state_ == State::kGate && is_sent() && registers_.rip == gate_.frame.registers.rip;
  if (!arrived && !same) owed_ = registers_;
  state_ = State::kRunning;
}

bool ProcessVcpu::bring_page() {
  const std::uint64_t address = process_.take_fault();
  if (address == 0) return true;
  const std::uint64_t page = round_down(address, kPageSize);
  const bool there = memory_->load({page - slide_, page - slide_ + kPageSize});
  process_.bring(page, kPageSize);
  return there;
}

Exit ProcessVcpu::run() {
  if (waiting_->interrupted() || (waiting_->deadline_ns() != 0 && waiting_->over())) {
    return {.kind = Exit::Kind::kInterrupted};
  }
  if (begins_) {
    if (auto begun = begin_action(); !begun) {
      return {.kind = Exit::Kind::kFailed, .error = std::move(begun.error())};
    }
  } else if (state_ == State::kGone) {
    return failed("its process has ended, and its action cannot go on");
  } else if (state_ != State::kRunning) {
    go_on();
  }
  return wait_for_exit();
}

Exit ProcessVcpu::wait_for_exit() {
  // Until it is sure that the action has begun, not even an interruption ends the wait.
  Waiting patient;
  std::uint64_t patience = beginning_ == Beginning::kNone ? 0 : host_monotonic_ns() + kPatience;
  for (;;) {
    const bool late = beginning_ != Beginning::kNone && waiting_->over();
    std::uint64_t until = late ? UINT64_MAX : waiting_->until();
    if (late || beginning_ == Beginning::kAction) until = std::min(until, host_monotonic_ns() + kBeginCheck);
    seccomp_notif notification;
    switch (process_.wait(late ? patient : *waiting_, until, notification)) {
      case GuestProcess::Event::kNotification:
        beginning_ = Beginning::kNone;
        if (auto exit = take(notification)) return *std::move(exit);
        if (waiting_->over()) break;
        continue;
      case GuestProcess::Event::kFault:
        if (!bring_page()) return page_gone();
        if (waiting_->over()) break;
        continue;
      case GuestProcess::Event::kDead:
        if (beginning_ != Beginning::kAction || !control_.awaits_begin()) return died();
        patience = 0;
        break;
      case GuestProcess::Event::kFailed:
        return failed(fmt::format("cannot wait for its process: {}", std::strerror(errno)), code_for(errno));
      case GuestProcess::Event::kTimeout:
      case GuestProcess::Event::kSignal:
        break;
    }
    if (beginning_ != Beginning::kNone) {
      if (!control_.awaits_begin()) {
        beginning_ = Beginning::kNone;
        if (!waiting_->over()) continue;
      } else if (host_monotonic_ns() < patience || (beginning_ == Beginning::kProcess && !waiting_->over())) {
        continue;
      } else if (beginning_ == Beginning::kAction) {
        control_.clear_gate_stack();
        if (auto replaced = replace_process(); !replaced) {
          return {.kind = Exit::Kind::kFailed, .error = std::move(replaced.error())};
        }
        patience = host_monotonic_ns() + kPatience;
        state_ = State::kRunning;
        continue;
      } else {
        process_.end();
        state_ = State::kGone;
      }
    }
    beginning_ = Beginning::kNone;
    if (!stop() && state_ == State::kGone && !waiting_->over()) return died();
    return {.kind = Exit::Kind::kInterrupted};
  }
}

std::optional<Exit> ProcessVcpu::take(const seccomp_notif& notification) {
  const seccomp_data& data = notification.data;
  const bool native = data.arch == AUDIT_ARCH_X86_64;
  if (native && data.instruction_pointer == process_.gate()) return take_gate(notification);
  if (!native || !is_rewritten(data.instruction_pointer - kCallSize)) return take_foreign_call(notification);
  id_ = notification.id;
  state_ = State::kCall;
  registers_.rax = static_cast<std::uint32_t>(data.nr);
  registers_.rdi = data.args[0];
  registers_.rsi = data.args[1];
  registers_.rdx = data.args[2];
  registers_.r10 = data.args[3];
  registers_.r8 = data.args[4];
  registers_.rip = data.instruction_pointer;
  if (pay()) return std::nullopt;
  return hypercall();
}

// If an answer is owed (owed_), gives it, and returns true.
bool ProcessVcpu::pay() {
  if (!owed_) return false;
  registers_ = *std::exchange(owed_, std::nullopt);
  go_on();
  return true;
}

bool ProcessVcpu::read_gate(const seccomp_notif& notification) {
  const auto& args = notification.data.args;
  const auto frame = read_signal_frame(control_.gate_stack(), args[1], args[2]);
  if (!frame) return false;
  auto selector = [&](unsigned index) { return static_cast<std::uint16_t>(args[5] >> 16 * index); };
  gate_ = {*frame, {selector(0), 0}, {selector(1), 0}, {selector(2), args[3]}, {selector(3), args[4]}};
  if (!control_.fsgsbase()) {
    constexpr std::uint16_t kLastNull = 3;
    gate_.fs.base = gate_.fs.selector <= kLastNull ? begin_fs_base_ : 0;
    gate_.gs.base = 0;
  }
  registers_ = frame->registers;
  id_ = notification.id;
  state_ = State::kGate;
  return true;
}

std::optional<Exit> ProcessVcpu::take_gate(const seccomp_notif& notification) {
  if (!read_gate(notification)) return dead("forged the frame of an exception");
  // This is a signal that somebody else sent, or one of the monitor's that came late.
  if (is_sent()) {
    go_on();
    return std::nullopt;
  }
  if (pay()) return std::nullopt;
  return take_exception();
}

std::optional<Exit> ProcessVcpu::take_exception() {
  const SignalFrame& frame = gate_.frame;
  if (frame.signal == SIGSYS) return exception(UD);
  const auto vector = static_cast<unsigned>(frame.vector < kVectors ? frame.vector : GP);
  if (vector == PF) {
    if (frame.signal == SIGBUS) return page_gone();
    // Linux reports addresses of the kernel's half as present.
    const std::uint64_t error_code = frame.cr2 < kLowHalfEnd ? frame.error_code : frame.error_code & ~PF_P;
    return exception(PF, error_code, frame.cr2);
  }
  if (vector == GP && frame.error_code == 0) {
    const Code code = code_at(registers_.rip);
    if (const auto found = decode_hypercall(std::span(code.bytes).first(code.size), registers_.rdx)) {
      const std::uint64_t physical = registers_.rip - slide_;
      if (found->plain && code.own && physical >= hypercalls_.start && physical < hypercalls_.end) {
        rewrite(physical);
        rewritten_.insert(std::upper_bound(rewritten_.begin(), rewritten_.end(), physical), physical);
      }
      registers_.rip += found->size;
      return hypercall();
    }
  }
  return exception(vector, frame.error_code);
}

// A system call that is no rewritten hypercall is a fault, in the form that a CPU without a kernel would report. A
// signal makes all registers known: the kernel gives the call up for it, and would repeat it later.
Exit ProcessVcpu::take_foreign_call(const seccomp_notif& notification) {
  const std::uint64_t behind = notification.data.instruction_pointer;
  if (!stop()) return died();
  if (behind >= kVsyscallPage && behind < kVsyscallPage + kPageSize) {
    // The kernel has emulated the return already.
    registers_.rsp -= sizeof(std::uint64_t);
    registers_.rip = behind;
    return exception(PF, PF_U | PF_I, behind);
  }
  registers_.rip = behind - kCallSize;
  registers_.rcx = registers_.r11 = 0;
  if (notification.data.arch == AUDIT_ARCH_X86_64) return exception(UD);
  constexpr std::uint64_t kInt80 = 0x80;
  return exception(GP, kInt80 * 8 + GP_IDT);
}

bool ProcessVcpu::stop() {
  if (state_ == State::kGone) return false;
  if (state_ == State::kGate) return true;
  Waiting patient;  // nothing interrupts this wait
  const std::uint64_t until = host_monotonic_ns() + kPatience;
  if (process_.signal(SIGUSR2)) {
    for (;;) {
      seccomp_notif notification;
      const auto event = process_.wait(patient, until, notification);
      if (event == GuestProcess::Event::kSignal) continue;
      // A signal wakes the guest as well; it then touches the page again later.
      if (event == GuestProcess::Event::kFault) {
        bring_page();
        continue;
      }
      silent_ = event == GuestProcess::Event::kTimeout;
      if (event != GuestProcess::Event::kNotification) break;
      // The kernel gives up a call that was notified before the signal, and notifies it again when the guest goes on.
      const seccomp_data& data = notification.data;
      if (data.arch != AUDIT_ARCH_X86_64 || data.instruction_pointer != process_.gate()) continue;
      if (!read_gate(notification)) break;
      if (gate_.frame.signal == SIGUSR2) return true;
      state_ = State::kRunning;
    }
  }
  process_.signal(SIGKILL);
  state_ = State::kGone;
  return false;
}

Result<void> ProcessVcpu::complete_registers() {
  if (state_ != State::kCall) return {};
  const std::uint64_t behind = registers_.rip;
  if (!stop()) {
    Exit end = died();
    if (end.kind == Exit::Kind::kFailed) return tl::unexpected(std::move(end.error));
    return fail(ErrorCode::kMonitor, fmt::format("{}: {}", path_, end.words));
  }
  registers_.rip = behind;
  registers_.rcx = registers_.r11 = 0;  // the ABI says that a hypercall loses them
  return {};
}

void ProcessVcpu::write_registers() {
  if (state_ != State::kCall) return;
  const Registers wanted = registers_;
  if (stop()) registers_ = wanted;
}

std::uint64_t ProcessVcpu::set_fs_base() const { return sets_fs_base_ ? stub_entry() - SPRY_SET_FS_BASE : 0; }

Result<CpuState> ProcessVcpu::save() {
  if (auto complete = complete_registers(); !complete) return tl::unexpected(complete.error());
  CpuState state;
  state.registers = registers_;
  state.registers.rax = 0;
  state.registers.rcx = state.registers.r11 = 0;
  state.ds = gate_.ds;
  state.es = gate_.es;
  state.fs = gate_.fs;
  state.gs = gate_.gs;
  state.system_calls = system_calls_;
  auto vectors = read_vectors(control_.gate_stack(), gate_.frame.vectors);
  if (!vectors) return fail(ErrorCode::kMonitor, fmt::format("{}: its vector registers cannot be read", path_));
  state.vectors = *std::move(vectors);
  return state;
}

Result<void> ProcessVcpu::arm(Waiting& waiting, int /*signal*/) {
  waiting_ = &waiting;
  return {};
}

Result<std::optional<GuestTsc>> ProcessVcpu::tsc() { return host_tsc(); }

Result<void> ProcessVcpu::empty() {
  process_.end();
  control_.clear();
  memory_ = nullptr;
  mappings_.clear();
  input_ = Descriptor();
  log_.reset();
  rewritten_.clear();
  registers_ = {};
  begins_ = false;
  owed_.reset();
  beginning_ = Beginning::kNone;
  state_ = State::kEmpty;
  auto process = launch(stub_file_.get(), control_);
  if (!process) return tl::unexpected(process.error());
  process_ = *std::move(process);
  return {};
}

bool ProcessVcpu::is_rewritten(std::uint64_t address) const {
  return std::binary_search(rewritten_.begin(), rewritten_.end(), address - slide_);
}

void ProcessVcpu::rewrite(std::uint64_t physical) {
  constexpr std::array<std::byte, kCallSize> kSyscall = {std::byte{0x0f}, std::byte{0x05}};
  std::memcpy(memory_->bytes({physical, physical + kCallSize}).data(), kSyscall.data(), kCallSize);
}

ProcessVcpu::Code ProcessVcpu::code_at(std::uint64_t address) {
  Code code;
  const std::uint64_t physical = address - slide_;
  std::uint64_t end = 0;
  if (physical >= probe_.start && physical < probe_.end) {
    end = probe_.end;
  } else {
    const Region* region = memory_->find(address);
    code.own = true;
    for (; region != nullptr && region->permissions.execute; region = memory_->find(end + slide_)) {
      code.own = code.own && !region->permissions.write;
      end = region->range.end;
      if (end - physical >= code.bytes.size()) break;
    }
    if (end == 0) return code;
  }
  code.size = static_cast<std::size_t>(std::min<std::uint64_t>(end - physical, code.bytes.size()));
  std::memcpy(code.bytes.data(), memory_->bytes({physical, physical + code.size}).data(), code.size);
  return code;
}

Exit ProcessVcpu::died() {
  if (auto refusal = process_.refusal()) {
    process_.end();
    state_ = State::kGone;
    return failed(refusal->message);
  }
  const ProcessEnd end = process_ ? process_.reap() : ProcessEnd();
  state_ = State::kGone;
  if (silent_) {
    return failed(
        "the guest's process was ended because it did not answer a signal within a second: it was stopped from "
        "outside, or this host is overloaded");
  }
  if (auto words = end.cpu_limit()) return {.kind = Exit::Kind::kCpuLimit, .words = *std::move(words)};
  if (auto words = end.from_outside()) return failed(*std::move(words));
  if (end.signal == 0) return failed("its process is gone, and its end was taken notice of elsewhere");
  return dead(fmt::format("its process was killed by signal {}{}", end.signal,
                          end.signal == SIGSEGV ? " (SIGSEGV): it left no stack for an exception" : ""));
}

Exit ProcessVcpu::page_gone() {
  return failed(
      "a page of the machine's memory is gone: its input, its image or its snapshot was truncated while it ran",
      ErrorCode::kFile);
}

Exit ProcessVcpu::failed(std::string words, ErrorCode code) {
  return {.kind = Exit::Kind::kFailed, .error = {code, fmt::format("{}: {}", path_, words)}};
}

Exit ProcessVcpu::dead(std::string words) { return {.kind = Exit::Kind::kDead, .words = std::move(words)}; }

}  // namespace spry
