#include "tool/containers.h"

#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "text/format.h"
#include "tool/command_system.h"

namespace spry::bench {
namespace {

constexpr Nanoseconds kPatience = std::chrono::seconds(60);

tl::unexpected<Error> failure(const std::string& what) { return fail(ErrorCode::kMonitor, what); }

Result<void> run_quietly(const Arguments& arguments) {
  const Result<Captured> captured = capture(arguments, kPatience);
  if (!captured) return tl::unexpected(captured.error());
  if (!WIFEXITED(captured->status) || WEXITSTATUS(captured->status) != 0) {
    return failure(fmt::format("\"{}\" fails: {}", show_command(arguments),
                               captured->output.substr(0, captured->output.find('\n'))));
  }
  return {};
}

// Makes the folder `bundle` with config.json and rootfs/hello.
Result<void> make_bundle(const std::string& bundle, const std::string& runtime, const std::string& program) {
  std::error_code error;
  std::filesystem::remove_all(bundle, error);
  std::filesystem::create_directories(bundle + "/rootfs", error);
  if (!error) std::filesystem::copy_file(program, bundle + "/rootfs/hello", error);
  if (error) return failure(fmt::format("{}: {}", bundle, error.message()));
  const Result<void> specified = run_quietly({runtime, "spec", "--bundle", bundle});
  if (!specified) return specified;
  const std::string path = bundle + "/config.json";
  const Result<std::string> standard = read_file(path);
  if (!standard) return tl::unexpected(standard.error());
  const Result<std::string> configuration = container_configuration(*standard);
  if (!configuration) return tl::unexpected(configuration.error());
  return write_file(path, *configuration);
}

// An image of one file, made without a registry.
Result<void> import_image(const std::string& engine, const std::string& bundle, const std::string& program) {
  std::error_code error;
  std::filesystem::create_directories(bundle, error);
  std::filesystem::copy_file(program, bundle + "/hello", std::filesystem::copy_options::overwrite_existing, error);
  if (error) return failure(fmt::format("{}: {}", bundle, error.message()));
  const std::string archive = bundle + "/image.tar";
  const Result<void> packed = run_quietly({"/bin/tar", "-cf", archive, "-C", bundle, "hello"});
  return packed ? run_quietly({engine, "import", archive, "spry-bench-hello:latest"}) : packed;
}

}  // namespace

Result<std::string> container_configuration(const std::string& standard) {
  nlohmann::json configuration = nlohmann::json::parse(standard, nullptr, false);
  if (!configuration.is_object() || !configuration.contains("process")) {
    return failure("config.json is not what a container runtime writes");
  }
  configuration["process"]["terminal"] = false;
  configuration["process"]["args"] = {"/hello"};
  return configuration.dump(2);
}

std::vector<std::unique_ptr<System>> make_containers(const Programs& programs, const Folder& folder,
                                                     Collector& collector) {
  std::vector<std::unique_ptr<System>> systems;
  const std::string program = programs.binaries + "/bench-static";
  for (const std::string name : {"runc", "crun"}) {
    const std::string runtime = find_program(name);
    const std::string bundle = folder / name;
    CommandOptions options;
    options.arguments = {runtime, "run", "--bundle", bundle, "{id}"};
    options.set_up = [=]() -> Result<void> {
      if (runtime.empty()) return failure(name + " is not there");
      const Result<void> made = make_bundle(bundle, runtime, program);
      // Runs it once and keeps what it prints, which says why it does not work here.
      return made ? run_quietly({runtime, "run", "--bundle", bundle, "spry-bench-try"}) : made;
    };
    systems.push_back(std::make_unique<CommandSystem>(
        Description{name, name + ", ready rootfs", name + " run, microcontainer on a ready root file system"},
        std::move(options), collector));
    if (name != "runc") continue;
    const std::string overlay = folder / "runc-overlay";
    CommandOptions with_overlay;
    with_overlay.arguments = {programs.binaries + "/bench-overlay", runtime, overlay + "/rootfs", overlay, "{id}"};
    with_overlay.set_up = [=] {
      return runtime.empty() ? failure("runc is not there") : make_bundle(overlay, runtime, program);
    };
    systems.push_back(std::make_unique<CommandSystem>(
        Description{"runc-overlay", "runc, overlay per run",
                    "an overlay file system mounted, runc run, microcontainer, and unmounted"},
        std::move(with_overlay), collector));
  }
  for (const std::string name : {"podman", "docker"}) {
    const std::string engine = find_program(name);
    const std::string bundle = folder / name;
    CommandOptions options;
    options.arguments = {engine, "run", "--rm", "--network=none", "spry-bench-hello:latest", "/hello"};
    options.set_up = [=] { return import_image(engine, bundle, program); };
    systems.push_back(std::make_unique<CommandSystem>(
        Description{name, name, name + " run --rm --network=none, microcontainer", false}, std::move(options),
        collector));
  }
  return systems;
}

}  // namespace spry::bench
