// launcher UNIKERNEL TEXT...: runs the unikernel once for each text, which is its input, and prints what it printed.
#include <spry/devices.h>
#include <spry/pool.h>

#include <cstdio>
#include <vector>

namespace {

int complain(const spry::Error& error) {
  std::fprintf(stderr, "launcher: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return complain({spry::ErrorCode::kMonitor, "usage: launcher UNIKERNEL TEXT..."});
  const std::vector<std::string> texts(argv + 2, argv + argc);

  const auto image = spry::Image::load(argv[1]);
  if (!image) return complain(image.error());

  // The pool's threads fill these, so they are declared before the pool and outlive it.
  std::vector<spry::Result<spry::Outcome>> outcomes(texts.size());

  spry::PoolOptions options;
  options.workers = 2;
  options.machine.devices = {spry::capture()};
  options.machine.deadline = std::chrono::seconds(1);
  auto pool = spry::Pool::create(*image, options);
  if (!pool) return complain(pool.error());

  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto keep = [&outcomes, i](spry::Result<spry::Outcome> outcome) { outcomes[i] = std::move(outcome); };
    if (auto taken = pool->submit(texts[i], keep); !taken) return complain(taken.error());
  }
  pool->drain();

  for (const auto& outcome : outcomes) {
    if (!outcome) return complain(outcome.error());
    std::fwrite(outcome->output.data(), 1, outcome->output.size(), stdout);
    if (outcome->reason != spry::Reason::kExit) {
      std::fprintf(stderr, "launcher: %s: %s\n", argv[1], std::string(to_string(outcome->reason)).c_str());
    }
  }
  return 0;
}
