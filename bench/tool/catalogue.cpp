#include "tool/catalogue.h"

#include <filesystem>

#include "text/format.h"
#include "text/join.h"
#include "tool/cache.h"
#include "tool/command_system.h"
#include "tool/host.h"
#include "tool/in_process.h"
#include "tool/least_runner.h"
#include "tool/platform.h"
#include "tool/spry_systems.h"

namespace spry::bench {
namespace {

using Systems = std::vector<std::unique_ptr<System>>;

void add(Systems& systems, Collector& collector, Description description, Arguments arguments) {
  CommandOptions options;
  options.arguments = std::move(arguments);
  systems.push_back(std::make_unique<CommandSystem>(std::move(description), std::move(options), collector));
}

// Adds a program that can be measured only if the user gives something for it.
void add_with(Systems& systems, Collector& collector, Description description, const std::string& program,
              const std::string& option, const std::string& given, Arguments arguments) {
  CommandOptions options;
  arguments.insert(arguments.begin(), find_program(program));
  options.arguments = std::move(arguments);
  options.set_up = [=]() -> Result<void> {
    if (given.empty()) return fail(ErrorCode::kMonitor, fmt::format("no {} is given", option));
    return {};
  };
  systems.push_back(std::make_unique<CommandSystem>(std::move(description), std::move(options), collector));
}

void add_cold(Systems& systems, Collector& collector, Description description, Arguments arguments,
              std::vector<std::string> files) {
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(std::filesystem::path(file).filename().string());
  description.how = fmt::format("{} evicted from the page cache before each run", join(names, ", "));
  description.throughput = false;
  CommandOptions options;
  options.arguments = std::move(arguments);
  options.set_up = [files]() -> Result<void> {
    const Result<Eviction> eviction = evict(files);
    if (!eviction) return tl::unexpected(eviction.error());
    if (eviction->resident > 0) {
      return fail(ErrorCode::kMonitor, fmt::format("{} of {} bytes stay in the page cache (mapped by a process, or on "
                                                   "a file system without a disk)",
                                                   eviction->resident, eviction->bytes));
    }
    return {};
  };
  options.before = [files] { static_cast<void>(evict(files)); };
  systems.push_back(std::make_unique<CommandSystem>(std::move(description), std::move(options), collector));
}

}  // namespace

Systems make_systems(const Programs& programs, const Guests& guests, const Folder& folder, Collector& collector) {
  const std::string& binaries = programs.binaries;
  Systems systems;
  add(systems, collector, {"echo", "/bin/echo", ""}, {"/bin/echo", "Hello"});
  add(systems, collector, {"static", "static process, no libc", ""}, {binaries + "/bench-static"});
  for (const Platform platform : platforms_here()) {
    for (std::unique_ptr<System>& system : make_spry_systems(programs, platform, folder, collector)) {
      systems.push_back(std::move(system));
    }
  }
  for (std::unique_ptr<System>& container : make_containers(programs, folder, collector)) {
    systems.push_back(std::move(container));
  }
  add_with(systems, collector, {"solo5-spt", "solo5-spt", ""}, "solo5-spt", "--solo5-spt", guests.solo5_spt,
           {guests.solo5_spt});
  const unsigned threads = std::thread::hardware_concurrency();
  if (has_kvm()) {
    add_with(systems, collector, {"solo5-hvt", "solo5-hvt", ""}, "solo5-hvt", "--solo5-hvt", guests.solo5_hvt,
             {guests.solo5_hvt});
    add_with(systems, collector,
             {"qemu-microvm", "QEMU microvm", "qemu-system-x86_64 -M microvm with KVM and the kernel given", false},
             "qemu-system-x86_64", "--qemu-kernel", guests.qemu_kernel,
             {"-M", "microvm,x-option-roms=off", "-enable-kvm", "-cpu", "host", "-m", "128M", "-nodefaults",
              "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", guests.qemu_kernel, "-append",
              "console=ttyS0 panic=-1 quiet"});
    add(systems, collector,
        {"floor", "floor: least KVM program", "the least program that prints through KVM, linked as spry is"},
        {binaries + "/bench-floor"});
    systems.push_back(std::make_unique<InProcessSystem>(
        Description{"kvm-run", "floor: bare KVM_RUN",
                    "one KVM_RUN with one exit of a machine of 8 MiB that is there, in-process"},
        make_least_runner, threads));
  }
  const std::string least = binaries + "/bench-least-guest";
  systems.push_back(std::make_unique<InProcessSystem>(
      Description{"notification", "floor: bare notification",
                  "one seccomp notification of a process that is there, answered, in-process", false},
      [=] { return make_notification_runner(least); }, threads));
  systems.push_back(std::make_unique<InProcessSystem>(
      Description{"least-kept", "floor: least kept action",
                  "the same process, reset by one page and begun again by a signal, to its next notification"},
      [=] { return make_least_kept_runner(least); }, threads));
  return systems;
}

Systems make_cold_systems(const Programs& programs, const Folder& folder, Collector& collector) {
  const std::string& binaries = programs.binaries;
  const std::string hello = programs.guests + "/hello";
  Systems systems;
  add_cold(systems, collector, {"echo-fetch", "/bin/echo", ""}, {"/bin/echo", "Hello"}, {"/bin/echo"});
  add_cold(systems, collector, {"static-fetch", "static process, no libc", ""}, {binaries + "/bench-static"},
           {binaries + "/bench-static"});
  for (const Platform platform : platforms_here()) {
    Arguments spry = {binaries + "/spry", "run"};
    for (std::string& word : platform_option(platform)) spry.push_back(std::move(word));
    spry.push_back(hello);
    const auto here = [&](const char* name, const char* label) {
      return Description{name_on(platform, name), label_on(platform, label), ""};
    };
    add_cold(systems, collector, here("spry-image-fetch", "spry run, cold image"), spry, {hello});
    add_cold(systems, collector, here("spry-fetch", "spry run, cold image and monitor"), spry,
             {binaries + "/spry", hello});
  }
  const std::string runc = find_program("runc");
  if (!runc.empty()) {
    // Uses the bundle that the system "runc" has set up.
    const std::string bundle = folder / "runc";
    add_cold(systems, collector, {"runc-image-fetch", "runc, cold image", ""},
             {runc, "run", "--bundle", bundle, "{id}"}, {bundle + "/rootfs/hello", bundle + "/config.json"});
  }
  return systems;
}

}  // namespace spry::bench
