// `spry doctor`: from the outside in, and no further than the first thing that stands in the way of the rest.

#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "kvm/host_check.h"
#include "kvm/kvm.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using Verdict = Finding::Verdict;

constexpr const char* kDevice = "/dev/kvm";
constexpr int kApiVersion = 12;
constexpr unsigned kCycles = 21;

// A capability of KVM (Documentation/virt/kvm/api.rst) and what its absence means.
struct Capability {
  int number;
  const char* name;
  int bits;  // that must be set in its value, or 0 if any value other than 0 will do
  Verdict absent;
  const char* advice;
};

constexpr Capability kCapabilities[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", 0, Verdict::kBad, "use a kernel with KVM's present interface"},
    {KVM_CAP_SYNC_REGS, "KVM_CAP_SYNC_REGS", KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS, Verdict::kBad,
     "use Linux 4.17 or later"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", 0, Verdict::kBad, "use Linux 4.13 or later"},
    {KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS", 0, Verdict::kBad, "use a kernel with KVM's present interface"},
    {KVM_CAP_GET_TSC_KHZ, "KVM_CAP_GET_TSC_KHZ", 0, Verdict::kNote, "guests pay an exit to read a clock"},
    {KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
     Verdict::kNote, "pools, and taking snapshots, need Linux 5.2 or later"},
    {KVM_CAP_DIRTY_LOG_RING, "KVM_CAP_DIRTY_LOG_RING", 0, Verdict::kNote, "every reset in a pool costs a system call"},
    {KVM_CAP_XCRS, "KVM_CAP_XCRS", 0, Verdict::kNote, "guests that ask for XSAVE, AVX or AVX512 cannot run here"},
};

Finding check(const Kvm& kvm, const Capability& capability) {
  const int value = kvm.capability(capability.number);
  if (value != 0 && (value & capability.bits) == capability.bits) {
    return {Verdict::kGood, fmt::format("{}: {}", capability.name, value), {}};
  }
  return {capability.absent, fmt::format("{}: not offered by this kernel", capability.name), capability.advice};
}

double microseconds(std::chrono::nanoseconds duration) { return static_cast<double>(duration.count()) / 1000.0; }

Finding failed(const Error& error) {
  return {Verdict::kBad, error.message, "see the kernel's log (dmesg) for what KVM says"};
}

Finding check_rings(const Kvm& kvm) {
  const Result<RingTimes> rings = measure_rings(kvm);
  if (!rings) return failed(rings.error());
  const std::string times = fmt::format("a loop of {} takes {:.0f} us in ring 3, {:.0f} us in ring 0", kRingIterations,
                                        microseconds(rings->ring3), microseconds(rings->ring0));
  if (rings->ring0_native()) return {Verdict::kGood, "ring 0 is native: " + times, {}};
  return {Verdict::kNote, "ring 0 is emulated: " + times, "Spry's guests stay in ring 3 and run at full speed"};
}

Finding check_cold_start() {
  const Result<std::chrono::nanoseconds> start = measure_cold_start(kCycles);
  if (!start) return failed(start.error());
  std::string text = fmt::format("a cold start: {:.0f} us to create, run and close a machine", microseconds(*start));
  const Result<std::chrono::nanoseconds> process = measure_process("/bin/true", kCycles);
  text += process ? fmt::format("; /bin/true takes {:.0f} us", microseconds(*process)) : "; no /bin/true to compare";
  return {Verdict::kGood, std::move(text), {}};
}

// Prints findings as they come, because some take a moment, and remembers whether one was bad.
class Printer {
 public:
  void add(const Finding& finding) {
    if (finding.verdict == Verdict::kBad) good_ = false;
    if (print(format_finding(finding)) != kExitSuccess) good_ = false;
  }
  bool good() const { return good_; }

 private:
  bool good_ = true;
};

void examine(Printer& printer) {
  printer.add(diagnose_device(kDevice));
  if (!printer.good()) return;
  const Result<Kvm> kvm = Kvm::open();
  if (!kvm) return printer.add(failed(kvm.error()));
  const int version = kvm->api_version();
  if (version != kApiVersion) {
    return printer.add({Verdict::kBad,
                        version < 0 ? fmt::format("{}: is not KVM's device", kDevice)
                                    : fmt::format("KVM API version {}: Spry needs {}", version, kApiVersion),
                        "load KVM's module of a kernel since Linux 2.6.22, which makes the device anew"});
  }
  printer.add({Verdict::kGood, fmt::format("KVM API version {}", version), {}});
  for (const Capability& capability : kCapabilities) printer.add(check(*kvm, capability));
  if (!printer.good()) return;
  printer.add(check_rings(*kvm));
  if (!printer.good()) return;
  printer.add(check_cold_start());
}

}  // namespace

int doctor_command(int argc, char** argv) {
  if (argc == 2 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
    return print_help("doctor");
  }
  if (argc > 1) {
    return complain(
        {ErrorCode::kMonitor, fmt::format("doctor: takes no argument \"{}\" (see spry help doctor)", escape(argv[1]))});
  }
  Printer printer;
  examine(printer);
  const int printed = print(printer.good() ? "Spry can run here.\n" : "Spry cannot run here.\n");
  return printer.good() ? printed : kExitMonitor;
}

}  // namespace spry
