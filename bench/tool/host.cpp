#include "tool/host.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <thread>

#include "tool/folder.h"
#include "tool/process.h"

namespace spry::bench {
namespace {

bool has_word(const std::string& text, const std::string& word) {
  return (" " + text + " ").find(" " + word + " ") != std::string::npos;
}

}  // namespace

std::string cpuinfo_field(const std::string& text, const std::string& field) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !line.starts_with(field)) continue;
    if (line.substr(field.size(), colon - field.size()).find_first_not_of(" \t") != std::string_view::npos) continue;
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    return value == std::string_view::npos ? "" : std::string(line.substr(value));
  }
  return "";
}

bool has_kvm() { return access("/dev/kvm", R_OK | W_OK) == 0; }

Host describe_host() {
  Host host;
  const std::string text = read_file("/proc/cpuinfo").value_or("");
  host.processor = cpuinfo_field(text, "model name");
  const std::string flags = cpuinfo_field(text, "flags");
  host.virtual_machine = has_word(flags, "hypervisor");
  host.hardware_kvm = has_word(flags, "vmx") || has_word(flags, "svm");
  host.kvm = has_kvm();
  host.processors = std::thread::hardware_concurrency();
  struct sysinfo information {};
  if (sysinfo(&information) == 0) {
    host.memory_gib = static_cast<double>(information.totalram) * information.mem_unit / 0x1p30;
  }
  utsname name{};
  if (uname(&name) == 0) {
    host.kernel = name.release;
    const std::string version = name.version;
    host.preemption = version.find("PREEMPT_DYNAMIC") != std::string::npos ? "PREEMPT_DYNAMIC"
                      : version.find("PREEMPT") != std::string::npos       ? "PREEMPT"
                                                                           : "none";
  }
  host.load = std::strtod(read_file("/proc/loadavg").value_or("0").c_str(), nullptr);
  return host;
}

std::string version_of(const std::string& program) {
  constexpr Nanoseconds kPatience = std::chrono::seconds(5);
  if (program.empty()) return "";
  const Result<Captured> captured = capture({program, "--version"}, kPatience);
  return captured ? captured->output.substr(0, captured->output.find('\n')) : "";
}

}  // namespace spry::bench
