#include "kvm/diagnosis.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

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

constexpr const char* kLoadDriver =
    "as root: modprobe kvm_intel (or kvm_amd); in the firmware: enable VT-x or AMD-V; in a virtual machine: its host "
    "must offer nested virtualization; in a container: pass /dev/kvm in";

// The name of a group by /etc/group, else its number. Not by getgrgid, whose glibc version needs shared libraries.
std::string group_name(gid_t id) {
  std::string name = fmt::format("{}", id);
  std::FILE* const file = std::fopen("/etc/group", "re");
  if (file == nullptr) return name;
  while (const group* entry = fgetgrent(file)) {
    if (entry->gr_gid == id) {
      name = escape(entry->gr_name);
      break;
    }
  }
  std::fclose(file);
  return name;
}

Finding forbidden(const std::string& path, const struct stat& status) {
  constexpr mode_t kGroupAccess = S_IRGRP | S_IWGRP;
  const std::string group = group_name(status.st_gid);
  Finding finding{Finding::Verdict::kBad, fmt::format("{}: no permission; it belongs to group {}", path, group), {}};
  if ((status.st_mode & kGroupAccess) != kGroupAccess) {
    finding.advice =
        fmt::format("its mode {:04o} gives the group no access; as root: chmod 0660 {}", status.st_mode & 07777, path);
  } else if (status.st_gid == 0) {
    finding.advice =
        fmt::format("as root: groupadd -f kvm && chgrp kvm {} && usermod -aG kvm $USER; then log in again", path);
  } else {
    finding.advice = fmt::format("as root: usermod -aG {} $USER; then log in again", group);
  }
  return finding;
}

}  // namespace

Finding diagnose_device(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    return {Verdict::kBad, fmt::format("{}: {}", path, std::strerror(errno)), kLoadDriver};
  }
  if (!S_ISCHR(status.st_mode)) {
    return {Verdict::kBad, fmt::format("{}: is not a character device", path),
            fmt::format("as root: rm -r {}, then load KVM's module, which makes it anew", path)};
  }
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd >= 0) {
    close(fd);
    return {Verdict::kGood, fmt::format("{}: may be opened", path), {}};
  }
  if (errno == EACCES) return forbidden(path, status);
  if (errno == EPERM) {
    return {Verdict::kBad, fmt::format("{}: {}", path, std::strerror(errno)),
            "a container's device rules forbid it: pass the device in (docker run --device /dev/kvm)"};
  }
  return {Verdict::kBad, fmt::format("{}: {}", path, std::strerror(errno)), kLoadDriver};
}

bool examine_kvm(const SayFinding& say) {
  bool good = true;
  const auto tell = [&](const Finding& finding) {
    if (finding.verdict == Verdict::kBad) good = false;
    say(finding);
    return good;
  };
  if (!tell(diagnose_device(kDevice))) return false;
  const Result<Kvm> kvm = Kvm::open();
  if (!kvm) return tell(failed(kvm.error()));
  const int version = kvm->api_version();
  if (version != kApiVersion) {
    return tell({Verdict::kBad,
                 version < 0 ? fmt::format("{}: is not KVM's device", kDevice)
                             : fmt::format("KVM API version {}: Spry needs {}", version, kApiVersion),
                 "load KVM's module of a kernel since Linux 2.6.22, which makes the device anew"});
  }
  tell({Verdict::kGood, fmt::format("KVM API version {}", version), {}});
  for (const Capability& capability : kCapabilities) tell(check(*kvm, capability));
  return good && tell(check_rings(*kvm)) && tell(check_cold_start());
}

}  // namespace spry
