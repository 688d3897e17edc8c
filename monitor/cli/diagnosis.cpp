#include "cli/diagnosis.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

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

std::string format_finding(const Finding& finding) {
  const char* const word = finding.verdict == Finding::Verdict::kGood  ? "ok  "
                           : finding.verdict == Finding::Verdict::kBad ? "bad "
                                                                       : "note";
  std::string line = fmt::format("{} {}\n", word, finding.text);
  if (!finding.advice.empty()) line += fmt::format("     {}\n", finding.advice);
  return line;
}

Finding diagnose_device(const std::string& path) {
  using Verdict = Finding::Verdict;
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

}  // namespace spry
