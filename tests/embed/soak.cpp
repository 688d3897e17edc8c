// soak ACTIONS PAIRS: so many pooled hellos, and so many pairs of the spy in one pool. Exits with 0 if nothing grew,
// every counter adds up, and nothing was found. scripts/soak runs it.

#include <atomic>
#include <cstdlib>
#include <string>

#include "held.h"
#include "spry/devices.h"
#include "spry/pool.h"
#include "spy.h"
#include "text/format.h"

namespace spry {
namespace {

int failures = 0;

void check(bool holds, std::string_view what) {
  fmt::print("{}: {}\n", holds ? "ok" : "FAILED", what);
  failures += holds ? 0 : 1;
}

Pool make_pool(const std::string& guest, std::optional<std::chrono::nanoseconds> deadline) {
  PoolOptions options;
  options.machine.devices = {capture()};
  options.machine.deadline = deadline;
  auto image = Image::load(std::string(SPRY_GUESTS "/") + guest);
  auto pool = image ? Pool::create(*image, options) : Result<Pool>(tl::unexpected(image.error()));
  if (!pool) {
    fmt::print(stderr, "soak: {}\n", pool.error().message);
    std::exit(1);
  }
  return *std::move(pool);
}

void hellos(std::uint64_t actions) {
  Pool pool = make_pool("hello", std::nullopt);
  std::atomic<std::uint64_t> right = 0;
  auto judge = [&right](const Result<Outcome>& outcome) { right += outcome && outcome->output == "Hello\n" ? 1 : 0; };
  auto run = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!pool.submit("", judge)) break;
    }
    pool.drain();
  };
  const std::uint64_t warm_up = actions / 10;
  run(warm_up);
  const Held before = held();
  const auto start = std::chrono::steady_clock::now();
  run(actions - warm_up);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Held after = held();
  pool.close(Pool::Close::kFinish);
  const PoolStatistics counts = pool.statistics();
  fmt::print("{} hellos, {:.0f} a second; resident {} KiB before, {} KiB after; {} and {} descriptors\n", actions,
             static_cast<double>(actions - warm_up) / seconds, before.resident, after.resident, before.descriptors,
             after.descriptors);
  constexpr std::uint64_t kSlack = 1024;
  check(after.resident <= before.resident + kSlack, "memory does not grow");
  check(after.descriptors == before.descriptors, "descriptors do not grow");
  check(right == actions, "every output is right");
  check(counts.submitted == actions && counts.completed == actions && counts.reasons[0] == actions &&
            counts.resets == actions && counts.failed + counts.cancelled + counts.rebuilds + counts.waiting == 0,
        "the counters add up");
}

// The deadline is what the two ways that never end take: they are one round in ten.
void pairs(const std::string& guest, std::uint64_t count) {
  PoolOptions options;
  options.machine.devices = {capture()};
  options.machine.deadline = std::chrono::milliseconds(200);
  options.workers = 1;
  auto image = Image::load(std::string(SPRY_GUESTS "/") + guest);
  if (!image) std::exit(1);
  const std::string classes = classes_here(*image, options.machine);
  auto pool = Pool::create(*image, options);
  if (!pool) std::exit(1);
  static_cast<void>(pool->run(fill("exit")));
  std::uint64_t clean = 0;
  for (std::uint64_t done = 0, round = 0; done < count; ++round) {
    for (const Way& way : kWays) {
      if (done == count) break;
      if (way.reason == "deadline" && round % 10 != 0) continue;
      const int heap = round % 50 == 0 ? 4096 : 128;
      auto filled = pool->run(fill(way.name, classes, heap));
      auto looked = pool->run(look(classes, heap));
      ++done;
      if (filled && looked && looked->output == "clean\n") {
        ++clean;
      } else {
        fmt::print("after {}: {}\n", way.name, looked ? looked->output : looked.error().message);
      }
    }
  }
  check(clean == count, fmt::format("{} of {} pairs of {} find nothing, with {}", clean, count, guest, classes));
}

}  // namespace
}  // namespace spry

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: soak ACTIONS PAIRS\n");
    return 2;
  }
  spry::hellos(std::strtoull(argv[1], nullptr, 10));
  for (const char* guest : {"spy", "spy_load"}) spry::pairs(guest, std::strtoull(argv[2], nullptr, 10));
  return spry::failures == 0 ? 0 : 1;
}
