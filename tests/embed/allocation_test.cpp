// Each allocation that the library makes fails once: the call that made it gives an Error, nothing is thrown out of the
// library, no thread ends the process, and what comes afterwards is as if nothing had been.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>

#include "guest.h"
#include "spry/pool.h"
#include "spry/shell.h"
#include "spry/snapshot.h"
#include "spy.h"
#include "text/format.h"

namespace {

// How many more allocations, of any thread, there are until one fails. At 0 or less none fails.
std::atomic<long> until_failure = 0;

void* allocate_or_null(std::size_t size) noexcept {
  if (until_failure.load() > 0 && until_failure.fetch_sub(1) == 1) return nullptr;
  return std::malloc(size != 0 ? size : 1);
}

void* allocate(std::size_t size) {
  void* const memory = allocate_or_null(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate_or_null(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate_or_null(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace spry {
namespace {

// While it lives, the `which`th allocation from its beginning on fails.
class Failing {
 public:
  explicit Failing(long which) { until_failure = which; }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  ~Failing() { until_failure = 0; }
  // Whether that allocation was made, and failed.
  static bool happened() { return until_failure.load() <= 0; }
};

// Calls `body` with each allocation in it failing once, then once with none. `body` gives the Errors of the calls that
// it makes, and allocates nothing itself between Failing's beginning and end.
template <class Body>
void with_each_allocation_failing(Body body) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  constexpr long kMost = 100'000;
  long failed = 0;
  for (long which = 1; which < kMost; ++which) {
    SCOPED_TRACE(which);
    bool happened = false;
    try {
      happened = body(which);
    } catch (const std::bad_alloc&) {
      ADD_FAILURE() << "an exception left the library";
      happened = true;
    }
    failed += happened ? 1 : 0;
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int signal = 1; signal < SIGRTMAX; ++signal) {
      ASSERT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << "signal " << signal << " in the mask";
    }
    // Finds a deadline's timer that was left armed (proc(5)).
    std::ifstream timers("/proc/self/timers");
    ASSERT_EQ(timers.peek(), std::ifstream::traits_type::eof());
    if (!happened || testing::Test::HasFailure()) break;
  }
  EXPECT_GT(failed, 0);
}

template <class T>
void expect_memory_or_success(const Result<T>& result) {
  if (!result) {
    EXPECT_EQ(result.error().message, "out of memory");
  }
}

MachineOptions options_of_a_machine() {
  MachineOptions options = reusable();
  options.deadline = std::chrono::minutes(1);
  options.verify = true;
  options.max_input = 1 << 20;
  return options;
}

TEST(Allocations, ThatFailInAnImage) {
  const std::string path = guest("spy");
  with_each_allocation_failing([&](long which) {
    bool happened = false;
    Result<Image> image = tl::unexpected(Error());
    {
      const Failing failing(which);
      image = Image::load(path);
      happened = Failing::happened();
    }
    EXPECT_EQ(image.has_value(), !happened);
    expect_memory_or_success(image);
    return happened;
  });
}

TEST(Allocations, ThatFailInTheCreationOfAMachine) {
  const Image image = load("spy");
  const std::string look_about = look("base");
  with_each_allocation_failing([&](long which) {
    bool happened = false;
    MachineOptions options = options_of_a_machine();
    Result<Machine> machine = tl::unexpected(Error());
    {
      const Failing failing(which);
      machine = Machine::create(image, std::move(options));
      happened = Failing::happened();
    }
    expect_memory_or_success(machine);
    if (machine) {
      EXPECT_EQ(value(machine->run(look_about)).reason, Reason::kExit);
    }
    return happened;
  });
}

// In actions that end in every way, and in the resets between them.
TEST(Allocations, ThatFailInAnAction) {
  const Image image = load("spy");
  const std::string looked = value(value(Machine::create(image, options_of_a_machine())).run(look("base"))).output;
  for (const char* way : {"exit", "abort", "hlt"}) {
    SCOPED_TRACE(way);
    const std::string fill_it = fill(way);
    const std::string look_about = look("base");
    with_each_allocation_failing([&](long which) {
      bool happened = false;
      Machine machine = value(Machine::create(image, options_of_a_machine()));
      Result<Outcome> first = tl::unexpected(Error());
      Result<Outcome> second = tl::unexpected(Error());
      {
        const Failing failing(which);
        first = machine.run(fill_it);
        if (machine.usable()) second = machine.run(look_about);
        happened = Failing::happened();
      }
      expect_memory_or_success(first);
      // A machine that could not be reset is not used again.
      if (second) {
        EXPECT_EQ(second->output, looked);
      }
      if (machine.usable()) {
        EXPECT_EQ(value(machine.run(look_about)).output, looked);
      }
      return happened;
    });
  }
}

TEST(Allocations, ThatFailInTheTakingOfASnapshot) {
  const Image image = load("ready_state");
  with_each_allocation_failing([&](long which) {
    bool happened = false;
    Image again = image;
    MachineOptions options = reusable();
    Result<Snapshot> snapshot = tl::unexpected(Error());
    {
      const Failing failing(which);
      snapshot = Snapshot::take(std::move(again), std::move(options));
      happened = Failing::happened();
    }
    EXPECT_TRUE(snapshot || happened) << snapshot.error().message;
    return happened;
  });
}

TEST(Allocations, ThatFailInTheFileOfASnapshot) {
  const Image image = load("ready_state");
  const std::string wanted = value(value(Machine::create(image, reusable())).run("x")).output;
  const std::string path = fmt::format("{}spry-allocation-{}", testing::TempDir(), getpid());
  const Snapshot snapshot = value(Snapshot::take(image, reusable()));
  with_each_allocation_failing([&](long which) {
    const Failing failing(which);
    const bool saved = snapshot.save(path).has_value();
    return Failing::happened() || !saved;
  });
  with_each_allocation_failing([&](long which) {
    bool happened = false;
    MachineOptions options = reusable();
    Result<Outcome> outcome = tl::unexpected(Error());
    {
      const Failing failing(which);
      if (auto loaded = Snapshot::load(path, true)) {
        if (auto machine = Machine::create(*std::move(loaded), std::move(options))) outcome = machine->run("x");
      }
      happened = Failing::happened();
    }
    EXPECT_TRUE(outcome || happened) << outcome.error().message;
    EXPECT_EQ(outcome ? outcome->output : wanted, wanted);
    return happened;
  });
  unlink(path.c_str());
  for (const auto& entry : std::filesystem::directory_iterator(testing::TempDir())) {
    EXPECT_FALSE(entry.path().string().starts_with(path)) << entry.path();
  }
}

// On the workers' threads and on the threads that submit.
TEST(Allocations, ThatFailInAPool) {
  const Image image = load("spy");
  const std::string look_about = look("base");
  const std::string looked = value(value(Machine::create(image, options_of_a_machine())).run(look_about)).output;
  PoolOptions options;
  options.machine = options_of_a_machine();
  options.workers = 2;
  Pool pool = value(Pool::create(image, options));
  with_each_allocation_failing([&](long which) {
    bool happened = false;
    std::string inputs[] = {fill("hlt"), look_about, fill("abort"), look_about};
    std::uint64_t submitted = 0;
    Result<Outcome> outcome = tl::unexpected(Error());
    {
      const Failing failing(which);
      for (std::string& input : inputs) submitted += pool.submit(std::move(input), 1).has_value() ? 1u : 0u;
      outcome = pool.run(look_about);
      pool.drain();
      happened = Failing::happened();
    }
    std::uint64_t taken = 0;
    for (; auto completion = pool.take(); ++taken) {
      if (!completion->outcome) {
        EXPECT_EQ(completion->outcome.error().message, "out of memory");
      }
    }
    EXPECT_EQ(taken, submitted);
    if (outcome) {
      EXPECT_EQ(outcome->output, looked);
    }
    EXPECT_EQ(value(pool.run(look_about)).output, looked);
    return happened;
  });
}

TEST(Allocations, ThatFailInTheCreationOfAPool) {
  const Image image = load("hello");
  with_each_allocation_failing([&](long which) {
    bool happened = false;
    PoolOptions options;
    options.machine.devices = {capture()};
    options.workers = 2;
    Image again = image;
    Result<Pool> pool = tl::unexpected(Error());
    {
      const Failing failing(which);
      pool = Pool::create(std::move(again), std::move(options));
      happened = Failing::happened();
    }
    if (pool) {
      EXPECT_EQ(value(pool->run()).output, "Hello\n");
    }
    EXPECT_TRUE(pool || happened);
    return happened;
  });
}

}  // namespace
}  // namespace spry
