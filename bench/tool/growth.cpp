#include "tool/growth.h"

#include "text/format.h"
#include "tool/cache.h"
#include "tool/command_system.h"

namespace spry::bench {
namespace {

constexpr std::uint64_t kKilo = std::uint64_t{1} << 10;
constexpr std::uint64_t kMega = std::uint64_t{1} << 20;

// In a quick run every second value, and always the first and the last.
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
  Description description{fmt::format("{}-{}", series.name, x), fmt::format("{}, {}", series.title, x), ""};
  series.points.push_back({x, std::make_unique<CommandSystem>(std::move(description), std::move(options), collector)});
}

}  // namespace

std::vector<GrowthSeries> make_growth(const Programs& programs, const Folder& folder, bool quick,
                                      Collector& collector) {
  const std::string spry = programs.binaries + "/spry";
  const auto guest = [&](const std::string& name) { return programs.guests + "/" + name; };
  std::vector<GrowthSeries> all;

  GrowthSeries memory{"memory", "spry run --memory, hello", "memory allowed, MiB", {}};
  // 16 MiB and 4 GiB are compared by an aim: a quick run has both.
  const std::vector<std::uint64_t> allowed = quick ? std::vector<std::uint64_t>{16, 64, 512, 4096}
                                                   : std::vector<std::uint64_t>{8, 16, 64, 256, 512, 1024, 2048, 4096};
  for (const std::uint64_t mebibytes : allowed) {
    add(memory, collector, static_cast<double>(mebibytes),
        {spry, "run", "--memory", fmt::format("{}M", mebibytes), guest("hello")});
  }
  all.push_back(std::move(memory));

  GrowthSeries image{"image", "spry run, an image of which 1 % is used", "image size, KiB", {}};
  for (const std::uint64_t size : {16 * kKilo, 64 * kKilo, 256 * kKilo, kMega, 4 * kMega, 16 * kMega, 64 * kMega}) {
    const std::string file = guest(fmt::format("bench-image-{}", size / kKilo));
    // The page cache has a file in pages of the sizes in which it came there: from here on those in which runs read it.
    const auto forget = [file]() -> Result<void> {
      const Result<Eviction> evicted = evict({file});
      return evicted ? Result<void>() : tl::unexpected(evicted.error());
    };
    add(image, collector, static_cast<double>(size / kKilo), {spry, "run", "--memory", "128M", file}, forget);
  }
  all.push_back(std::move(image));

  GrowthSeries pages{"pages", "spry run, a guest that writes to N pages", "pages touched", {}};
  for (const std::uint64_t count : thinned({1, 10, 30, 100, 300, 1000, 3000, 10000}, quick)) {
    add(pages, collector, static_cast<double>(count),
        {spry, "run", "--memory", "128M", guest("bench-pages"), fmt::format("{}", count)});
  }
  all.push_back(std::move(pages));

  GrowthSeries unread{"input", "spry run --input, not read by the guest", "input, KiB", {}};
  GrowthSeries read{"input-read", "spry run --input, each page read by the guest", "input, KiB", {}};
  for (const std::uint64_t size :
       thinned({4 * kKilo, 64 * kKilo, 256 * kKilo, kMega, 4 * kMega, 16 * kMega, 64 * kMega}, quick)) {
    const std::string path = folder / fmt::format("input-{}", size);
    const auto write = [path, size] { return write_file(path, std::string(size, 'x')); };
    const auto kibibytes = static_cast<double>(size / kKilo);
    add(unread, collector, kibibytes, {spry, "run", "--input", path, guest("hello")}, write);
    add(read, collector, kibibytes, {spry, "run", "--input", path, guest("bench-input")}, write);
  }
  all.push_back(std::move(unread));
  all.push_back(std::move(read));
  return all;
}

}  // namespace spry::bench
