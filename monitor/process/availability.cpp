#include "process/availability.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu/x86.h"
#include "process/cpu_features.h"
#include "process/process_vcpu.h"
#include "system/clock.h"
#include "text/format.h"

namespace spry {
namespace {

using Verdict = ProcessPoint::Verdict;

// In a loop: hypercalls 0 to 6, then hypercall kUncommon. The first goes through the gate, and all others are notified
// with their own numbers. A filter around this one may not let kUncommon through.
constexpr std::uint64_t kUncommon = 0x10000;
constexpr std::uint64_t kCalls = 7;
constexpr std::array<std::uint8_t, 22> kCode = {
    0x89, 0xd8,                    // mov %ebx, %eax
    0xe7, 0x7e,                    // out %eax, $0x7e
    0xff, 0xc3,                    // inc %ebx
    0x83, 0xfb, 0x07,              // cmp $7, %ebx
    0x72, 0xf5,                    // jb to the beginning
    0xbb, 0x00, 0x00, 0x01, 0x00,  // mov $0x10000, %ebx
    0x74, 0xee,                    // je to the beginning
    0x31, 0xdb,                    // xor %ebx, %ebx
    0xeb, 0xea,                    // jmp to the beginning
};
constexpr std::uint64_t kLowest = std::uint64_t{64} << 10;  // where guests' memory may begin
constexpr std::uint64_t kMemory = kLowest + 16 * x86::kPageSize;

std::uint64_t mmap_min_addr() {
  std::uint64_t value = 0;
  if (std::FILE* file = std::fopen("/proc/sys/vm/mmap_min_addr", "re")) {
    unsigned long read = 0;
    if (std::fscanf(file, "%lu", &read) == 1) value = read;
    std::fclose(file);
  }
  return value;
}

class Examination {
 public:
  ProcessSupport run() {
    const std::uint64_t lowest = mmap_min_addr();
    if (lowest > kLowest) {
      bad("vm.mmap_min_addr", fmt::format("no process may map memory below {:#x}", lowest),
          fmt::format("sysctl vm.mmap_min_addr={}", kLowest));
      return std::move(support_);
    }
    good("vm.mmap_min_addr", fmt::format("{}", lowest));
    if (start() && hear()) look();
    return std::move(support_);
  }

 private:
  void add(Verdict verdict, std::string name, std::string words, std::string advice) {
    support_.points.push_back({verdict, std::move(name), std::move(words), std::move(advice)});
  }
  void good(std::string name, std::string words) { add(Verdict::kGood, std::move(name), std::move(words), {}); }
  void bad(std::string name, std::string words, std::string advice) {
    add(Verdict::kBad, std::move(name), std::move(words), std::move(advice));
  }

  bool start() {
    auto shell = make_process_shell();
    if (!shell) {
      bad("a process of its own", shell.error().message,
          "allow executable memfds (sysctl vm.memfd_noexec=0) or a TMPDIR without noexec, and clone(2)");
      return false;
    }
    good("a process of its own", "can be started");
    vcpu_ = std::move(*shell);
    auto memory = vcpu_->make_memory(kMemory, true);
    if (!memory) {
      bad("shared memory", memory.error().message, "allow memfd_create(2)");
      return false;
    }
    memory_ = std::move(*memory);
    regions_ = {{{kLowest, kLowest + x86::kPageSize}, {.read = true, .execute = true}},
                {{kLowest + x86::kPageSize, kMemory}, {.read = true, .write = true}}};
    memory_.set_regions(regions_, 0);
    std::memcpy(memory_.bytes({kLowest, kMemory}).data(), kCode.data(), kCode.size());
    layout_.memory = kMemory;
    state_.registers.rip = kLowest;
    state_.registers.rsp = kMemory;
    auto done = vcpu_->furnish(memory_, {.path = path_,
                                         .layout = layout_,
                                         .regions = regions_,
                                         .state = state_,
                                         .covered = kMemory,
                                         .end = kMemory,
                                         .input = {},
                                         .reusable = true});
    if (done) done = vcpu_->begin(state_.registers);
    if (!done) bad("its memory", done.error().message, {});
    return done.has_value();
  }

  // Gets the number of the next hypercall. If something else comes, says what is in the way; then false.
  bool next(std::uint64_t& number) {
    Waiting waiting;
    waiting.begin(host_monotonic_ns() + kNanosecondsPerSecond);
    Exit exit;
    if (vcpu_->arm(waiting, 0)) exit = vcpu_->run();
    vcpu_->disarm();
    if (exit.kind == Exit::Kind::kHypercall) {
      number = vcpu_->registers().rax;
      vcpu_->answer(0);
      return true;
    }
    constexpr const char* kName = "seccomp user notification";
    if (exit.kind == Exit::Kind::kFailed) {
      bad(kName, exit.error.message, "needs Linux 5.9 and a container without a seccomp listener of its own");
    } else if (exit.kind == Exit::Kind::kException) {
      bad(kName, fmt::format("the guest's first hypercall was exception {}", exit.vector), {});
    } else {
      bad(kName, "nothing was heard of the guest within a second",
          "another seccomp filter answers getpid(2) with an error: allow it");
    }
    return false;
  }

  bool hear() {
    std::uint64_t number = 0;
    for (std::uint64_t expected = 0; expected < kCalls; ++expected) {
      if (!next(number)) return false;
      if (number == expected) continue;
      bad("seccomp user notification", fmt::format("another filter answers system call {}", expected),
          "allow the system calls 1 to 6 (write to lstat) in the profile of the container");
      return false;
    }
    good("seccomp user notification", "works");
    if (!next(number)) return false;
    if (number != kUncommon) {
      add(Verdict::kNote, "other seccomp filters", "one of them answers unknown system calls itself",
          "guests see its error for hypercalls that do not exist");
    }
    return true;
  }

  void look() {
    const GuestProcess& process = static_cast<ProcessVcpu&>(*vcpu_).process();
    if (process.pagemap() >= 0 && vcpu_->write_log()->fetch()) {
      good("written pages", "userfaultfd(2) and PAGEMAP_SCAN tell them");
    } else {
      add(Verdict::kNote, "written pages",
          fmt::format("the kernel does not tell them ({})", std::strerror(process.log_error())),
          "resets compare every page that was ever touched; Linux 6.7 tells, where userfaultfd(2) is allowed");
    }
    if (process.wakes_in_place()) {
      good("SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP", "there");
    } else {
      add(Verdict::kNote, "SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP", "not there (Linux 6.6)", "hypercalls take longer");
    }
    if (has_fsgsbase()) {
      good("FSGSBASE", "there");
    } else {
      add(Verdict::kNote, "FSGSBASE", "not there", "guests that ask for it cannot run here");
    }
  }

  ProcessSupport support_;
  const std::string path_ = "the examination's guest";
  Layout layout_;
  std::vector<Region> regions_;
  CpuState state_;
  GuestMemory memory_;
  std::unique_ptr<Vcpu> vcpu_;  // destroyed before the memory
};

}  // namespace

bool ProcessSupport::works() const {
  return std::none_of(points.begin(), points.end(),
                      [](const ProcessPoint& point) { return point.verdict == Verdict::kBad; });
}

ProcessSupport examine_process_support() { return Examination().run(); }

}  // namespace spry
