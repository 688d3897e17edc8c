#include "tool/aims.h"

#include "tool/measured.h"

namespace spry::bench {
namespace {

constexpr double kMebibyte = 1024;  // in KiB
constexpr bool kAtMost = false;
constexpr bool kAtLeast = true;

std::vector<Aim> kvm_aims(const Measured& run) {
  const std::string kvm = "kvm";
  return {
      {kvm, "spry run hello to its first byte, over echo", 1.15, kAtMost, run.latency("spry", "echo")},
      {kvm, "the same over the least KVM program", 1.2, kAtMost, run.latency("spry", "floor")},
      {kvm, "cold in-process hello over echo", 0.85, kAtMost, run.latency("cold", "echo")},
      {kvm, "hello in a ready shell over echo", 0.4, kAtMost, run.latency("shell", "echo")},
      {kvm, "hello in a kept machine with its reset, over echo, both back to back", 1.0 / 20, kAtMost,
       divide(run.micro("kept_machine"), run.one_by_one("echo"))},
      {kvm, "the same, both to their end between other systems", 1.0 / 20, kAtMost,
       run.latency("machine", "echo", "end_us")},
      {kvm, "the same over a bare KVM_RUN, both back to back", 1.25, kAtMost,
       divide(run.micro("kept_machine"), run.micro("bare_action"))},
      {kvm, "the same, both between other systems", 1.25, kAtMost, run.latency("machine", "kvm-run", "end_us")},
      {kvm, "hypercall over a bare exit", 1.1, kAtMost, divide(run.micro("hypercall"), run.micro("bare_exit"))},
      {kvm, "most actions/s of spry run over echo, open system", 0.75, kAtLeast,
       divide(run.open("spry"), run.open("echo"))},
      {kvm, "most actions/s of a pool over echo, open system", 15, kAtLeast,
       divide(run.open("pooled"), run.open("echo"))},
      {kvm, "the same, closed system", 25, kAtLeast, divide(run.closed("pooled"), run.closed("echo"))},
      {kvm, "spry run with 4 GiB of memory over 16 MiB", 1.3, kAtMost, run.growth("memory", 4096, 16)},
      {kvm, "spry run of 64 MiB with 1 % used, over 64 KiB", 2, kAtMost, run.growth("image", 65536, 64)},
      {kvm, "snapshot of 8 MiB over cold in-process hello", 1.3, kAtMost, run.latency("snapshot-8m", "cold")},
      {kvm, "the same, its file opened each time", 1.3, kAtMost, run.latency("snapshot-8m-open", "cold")},
      {kvm, "KiB of memory for each of 100 live machines", kMebibyte, kAtMost, run.live("kvm", 100, "memory_kib")},
  };
}

std::vector<Aim> process_aims(const Measured& run) {
  const std::string process = "process";
  constexpr double kManyPages = 10000;
  return {
      {process, "spry run hello to its first byte, over echo", 0.85, kAtMost, run.latency("spry-process", "echo")},
      {process, "cold in-process hello over echo", 0.5, kAtMost, run.latency("cold-process", "echo")},
      {process, "hello in a ready shell over echo", 0.12, kAtMost, run.latency("shell-process", "echo")},
      {process, "hello in a kept machine with its reset, over echo, both back to back", 1.0 / 60, kAtMost,
       divide(run.micro("kept_machine_process"), run.one_by_one("echo"))},
      {process, "the same over the least kept action, both back to back", 1.3, kAtMost,
       divide(run.micro("kept_machine_process"), run.micro("least_kept"))},
      {process, "hypercall over a bare notification", 1.2, kAtMost,
       divide(run.micro("hypercall_process"), run.micro("bare_notification"))},
      {process, "most actions/s of a pool over echo, open system", 40, kAtLeast,
       divide(run.open("pooled-process"), run.open("echo"))},
      {process, "the same, closed system", 40, kAtLeast, divide(run.closed("pooled-process"), run.closed("echo"))},
      {process, "most actions/s of spry run over echo, open system", 1, kAtLeast,
       divide(run.open("spry-process"), run.open("echo"))},
      {process, "spry run of a guest that writes 10,000 pages, over a static process that does", 1.3, kAtMost,
       run.growth("pages-process", kManyPages, "pages-static", kManyPages)},
      {process, "spry run with 4 GiB of memory over 16 MiB", 1.1, kAtMost, run.growth("memory-process", 4096, 16)},
      {process, "snapshot of 8 MiB from a file over cold in-process hello", 1.5, kAtMost,
       run.latency("snapshot-8m-process", "cold-process")},
      {process, "KiB of memory for each of 100 live machines", kMebibyte / 2, kAtMost,
       run.live("process", 100, "memory_kib")},
      {process, "block device written by a guest, 1 MiB a call, MiB/s over those of dd", 0.9, kAtLeast,
       divide(1, run.block("write-1024-process", "write-1024-dd"))},
  };
}

}  // namespace

std::vector<Aim> make_aims(const Json& results) {
  const Measured run(results);
  std::vector<Aim> aims = kvm_aims(run);
  for (Aim& aim : process_aims(run)) aims.push_back(std::move(aim));
  return aims;
}

}  // namespace spry::bench
