// The machine on which the benchmark ran, without its name.
#pragma once

#include <string>

namespace spry::bench {

struct Host {
  std::string processor;
  unsigned processors = 0;
  double memory_gib = 0;
  std::string kernel;
  bool virtual_machine = false;  // it is itself a virtual machine
  bool kvm = false;              // /dev/kvm can be opened
  bool hardware_kvm = false;     // its processor shows VT-x or AMD-V
  std::string preemption;        // of the kernel, as `uname -v` words it
  double load = 0;               // the load average over one minute when the benchmark began
};

// Whether this process may use /dev/kvm.
bool has_kvm();

Host describe_host();

// A field of /proc/cpuinfo, of the first processor: "model name". Empty if it is not there.
std::string cpuinfo_field(const std::string& text, const std::string& field);

// The first line that a program prints for --version, or empty.
std::string version_of(const std::string& program);

}  // namespace spry::bench
