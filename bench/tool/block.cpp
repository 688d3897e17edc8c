#include "tool/block.h"

#include "text/format.h"
#include "tool/command_system.h"
#include "tool/platform.h"

namespace spry::bench {
namespace {

using Systems = std::vector<std::unique_ptr<System>>;

void add(Systems& systems, Collector& collector, Description description, Arguments arguments,
         std::function<Result<void>()> set_up) {
  CommandOptions options;
  options.arguments = std::move(arguments);
  options.set_up = std::move(set_up);
  options.silent = true;
  systems.push_back(std::make_unique<CommandSystem>(std::move(description), std::move(options), collector));
}

}  // namespace

Systems make_block_systems(const Programs& programs, const Folder& folder, Collector& collector) {
  const std::string file = folder / "disk";
  const std::string dd = find_program("dd");
  // Writing the file brings its pages into the page cache.
  const auto fill = [file] { return write_file(file, std::string(kBlockMebibytes << 20, '\0')); };
  Systems systems;
  for (const bool writes : {false, true}) {
    const std::string way = writes ? "write" : "read";
    for (const std::uint64_t kibibytes : {std::uint64_t{64}, std::uint64_t{1024}}) {
      const std::string name = fmt::format("{}-{}", way, kibibytes);
      const std::string label = fmt::format("{}, {} KiB a call", way, kibibytes);
      const std::string size = fmt::format("bs={}K", kibibytes);
      Arguments copy = {dd, "status=none", size, writes ? "if=/dev/zero" : "if=" + file};
      copy.push_back(writes ? "of=" + file : "of=/dev/null");
      if (writes) {
        copy.push_back(fmt::format("count={}", kBlockMebibytes * 1024 / kibibytes));
        copy.emplace_back("conv=notrunc");
      }
      add(systems, collector, {name + "-dd", label + ": dd", ""}, copy, fill);
      for (const Platform platform : platforms_here()) {
        Arguments command = {programs.binaries + "/spry", "run"};
        for (std::string& word : platform_option(platform)) command.push_back(std::move(word));
        command.insert(command.end(),
                       {"--block", "disk=" + file, programs.guests + "/stream", way, fmt::format("{}", kibibytes)});
        add(systems, collector, {name_on(platform, name), label + ": " + label_on(platform, "spry run"), ""}, command,
            fill);
      }
    }
  }
  return systems;
}

}  // namespace spry::bench
