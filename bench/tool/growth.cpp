#include "tool/growth.h"

#include "text/format.h"
#include "tool/cache.h"
#include "tool/command_system.h"
#include "tool/platform.h"

namespace spry::bench {
namespace {

constexpr std::uint64_t kKilo = std::uint64_t{1} << 10;

// The values to measure: in a quick run every second one, with the first and the last.
std::vector<std::uint64_t> thinned(const std::vector<std::uint64_t>& values, bool quick) {
  if (!quick) return values;
  std::vector<std::uint64_t> some;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 2 == 0 || i + 1 == values.size()) some.push_back(values[i]);
  }
  return some;
}

void add(GrowthSeries& series, Collector& collector, double x, Arguments arguments,
         std::function<Result<void>()> set_up = nullptr) {
  CommandOptions options;
  options.arguments = std::move(arguments);
  options.set_up = std::move(set_up);
  Description description{fmt::format("{}-{}", series.name, x),
                          fmt::format("{} ({}), {}", series.title, series.label, x), ""};
  series.points.push_back({x, std::make_unique<CommandSystem>(std::move(description), std::move(options), collector)});
}

// Makes the arguments of `spry run` except the platform: options, and the guest with its arguments.
using MakeArguments = std::function<Arguments(std::uint64_t x)>;
using MakeSetUp = std::function<std::function<Result<void>()>(std::uint64_t x)>;

class Maker {
 public:
  Maker(const Programs& programs, Collector& collector) : programs_(programs), collector_(collector) {}

  // Makes a series for each platform.
  Growth make(const std::string& name, const std::string& title, const std::string& axis,
              const std::vector<std::uint64_t>& values, const MakeArguments& arguments,
              const MakeSetUp& set_up = nullptr) {
    Growth growth{name, axis};
    for (const Platform platform : platforms_here()) {
      GrowthSeries series{name_on(platform, name), name_on(platform, "spry"), std::string(to_string(platform)), title};
      for (const std::uint64_t value : values) {
        Arguments command = {programs_.binaries + "/spry", "run"};
        for (std::string& word : platform_option(platform)) command.push_back(std::move(word));
        for (std::string& word : arguments(value)) command.push_back(std::move(word));
        add(series, collector_, static_cast<double>(value), std::move(command), set_up ? set_up(value) : nullptr);
      }
      growth.series.push_back(std::move(series));
    }
    return growth;
  }

 private:
  const Programs& programs_;
  Collector& collector_;
};

}  // namespace

std::vector<Growth> make_growth(const Programs& programs, const Folder& folder, bool quick, Collector& collector) {
  const auto guest = [&](const std::string& name) { return programs.guests + "/" + name; };
  Maker maker(programs, collector);
  std::vector<Growth> all;

  // An aim compares 16 MiB with 4 GiB, so a quick run has both.
  const std::vector<std::uint64_t> allowed = quick ? std::vector<std::uint64_t>{16, 64, 512, 4096}
                                                   : std::vector<std::uint64_t>{8, 16, 64, 256, 512, 1024, 2048, 4096};
  all.push_back(maker.make("memory", "spry run --memory, hello", "memory allowed, MiB", allowed, [&](std::uint64_t x) {
    return Arguments{"--memory", fmt::format("{}M", x), guest("hello")};
  }));

  const auto image = [&](std::uint64_t kibibytes) { return guest(fmt::format("bench-image-{}", kibibytes)); };
  // The page cache keeps a file in pages of the sizes in which it was written or read. Dropping the file first makes
  // these the sizes in which runs read it.
  const auto forget = [&](std::uint64_t x) -> std::function<Result<void>()> {
    return [file = image(x)]() -> Result<void> {
      const Result<Eviction> evicted = evict({file});
      return evicted ? Result<void>() : tl::unexpected(evicted.error());
    };
  };
  all.push_back(maker.make(
      "image", "spry run, an image of which 1 % is used", "image size, KiB",
      {16, 64, 256, kKilo, 4 * kKilo, 16 * kKilo, 64 * kKilo},
      [&](std::uint64_t x) {
        return Arguments{"--memory", "128M", image(x)};
      },
      forget));

  const std::vector<std::uint64_t> counts = thinned({1, 10, 30, 100, 300, 1000, 3000, 10000}, quick);
  Growth pages =
      maker.make("pages", "spry run, a guest that writes to N pages", "pages touched", counts, [&](std::uint64_t x) {
        return Arguments{"--memory", "128M", guest("bench-pages"), fmt::format("{}", x)};
      });
  GrowthSeries floor{"pages-static", "static", "static process", "the same by a static process, no libc"};
  for (const std::uint64_t count : counts) {
    add(floor, collector, static_cast<double>(count),
        {programs.binaries + "/bench-static-pages", fmt::format("{}", count)});
  }
  pages.series.push_back(std::move(floor));
  all.push_back(std::move(pages));

  const std::vector<std::uint64_t> sizes =
      thinned({4, 64, 256, kKilo, 4 * kKilo, 16 * kKilo, 64 * kKilo}, quick);  // KiB
  const auto input = [&](std::uint64_t kibibytes) { return folder / fmt::format("input-{}", kibibytes); };
  const auto write = [&](std::uint64_t x) -> std::function<Result<void>()> {
    return [path = input(x), x] { return write_file(path, std::string(x * kKilo, 'x')); };
  };
  const auto with_input = [&](const char* name) {
    return [&, name](std::uint64_t x) { return Arguments{"--input", input(x), guest(name)}; };
  };
  all.push_back(
      maker.make("input", "spry run --input, not read by the guest", "input, KiB", sizes, with_input("hello"), write));
  all.push_back(maker.make("input-read", "spry run --input, each page read by the guest", "input, KiB", sizes,
                           with_input("bench-input"), write));
  return all;
}

}  // namespace spry::bench
