// Pools that are called by the functions that they call: from each place, each call ends, and does what pool.h says.
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "guest.h"
#include "spry/pool.h"
#include "text/format.h"

namespace spry {
namespace {

using InsidePools = testing::Test;

// Where the monitor calls a function of the launcher's.
enum class Place {
  kDone,       // the callback of an action that ended
  kCancelled,  // the callback of an action that `stop` cancels
  kHeld,       // the destructor of an object that a callback holds
  kOpen,       // a device is opened, for a machine that takes another's place
  kAttach,     // before an action
  kCall,       // a device serves a guest
  kReaped,     // the destructor of a device whose machine is replaced
  kClosing,    // the destructor of a device whose worker ends
  kElsewhere,  // a callback of another pool
};

const std::map<Place, std::string> kPlaces = {
    {Place::kDone, "done"},     {Place::kCancelled, "cancelled"}, {Place::kHeld, "held"},
    {Place::kOpen, "open"},     {Place::kAttach, "attach"},       {Place::kCall, "call"},
    {Place::kReaped, "reaped"}, {Place::kClosing, "closing"},     {Place::kElsewhere, "elsewhere"},
};

// What devices do: for each place a function, which is called once.
class Hooks {
 public:
  void set(Place place, std::function<void()> hook) {
    const std::lock_guard lock(mutex_);
    hooks_[place] = std::move(hook);
  }
  void call(Place place) {
    std::function<void()> hook;
    {
      const std::lock_guard lock(mutex_);
      hook = std::exchange(hooks_[place], nullptr);
    }
    if (hook) hook();
  }
  std::atomic<bool> fails = false;  // the next call
  std::atomic<int> devices = 0;

 private:
  std::mutex mutex_;
  std::map<Place, std::function<void()>> hooks_;
};

class HookedDevice : public Device {
 public:
  explicit HookedDevice(std::shared_ptr<Hooks> hooks) : hooks_(std::move(hooks)) { ++hooks_->devices; }
  ~HookedDevice() override {
    hooks_->call(Place::kReaped);
    hooks_->call(Place::kClosing);
    --hooks_->devices;
  }
  HookedDevice(const HookedDevice&) = delete;
  HookedDevice& operator=(const HookedDevice&) = delete;

  void attach(std::span<std::byte>) override { hooks_->call(Place::kAttach); }
  Result<std::int64_t> call(Guest&, const DeviceCall&) override {
    hooks_->call(Place::kCall);
    if (hooks_->fails.exchange(false)) return fail(ErrorCode::kMonitor, "as it was told to");
    return 0;
  }

 private:
  std::shared_ptr<Hooks> hooks_;
};

std::unique_ptr<Pool> make_pool(const std::shared_ptr<Hooks>& hooks, unsigned workers, std::size_t queue) {
  PoolOptions options;
  options.machine.devices = {capture(), {"host", "function", [hooks](const DeviceNeed&) {
                                           hooks->call(Place::kOpen);
                                           return std::make_unique<HookedDevice>(hooks);
                                         }}};
  options.workers = workers;
  options.queue = queue;
  return std::make_unique<Pool>(value(Pool::create(load("host_function"), options)));
}

void nothing(const Result<Outcome>&) {}

// Has `body` called once, at `place`; returns when it has returned.
void reach(Place place, Pool& pool, Hooks& hooks, const std::function<void()>& body) {
  std::promise<void> called;
  std::future<void> end = called.get_future();
  const auto once = [&called, &body] {
    body();
    called.set_value();
  };
  switch (place) {
    case Place::kDone:
      EXPECT_TRUE(pool.submit("x", [once](const Result<Outcome>&) { once(); }));
      break;
    case Place::kCancelled: {
      std::promise<void> running;
      std::promise<void> over;
      hooks.set(Place::kCall, [&running, release = std::make_shared<std::future<void>>(over.get_future())] {
        running.set_value();
        release->get();
      });
      EXPECT_TRUE(pool.submit("x", nothing));
      running.get_future().get();
      EXPECT_TRUE(pool.submit("x", [once](const Result<Outcome>&) { once(); }));
      pool.stop(Pool::Close::kCancel);
      over.set_value();
      break;
    }
    case Place::kHeld: {
      std::shared_ptr<void> held(nullptr, [once](void*) { once(); });
      EXPECT_TRUE(pool.submit("x", [held = std::move(held)](const Result<Outcome>&) {}));
      break;
    }
    case Place::kOpen:
    case Place::kReaped:
      if (place == Place::kReaped) {
        // Meanwhile the worker waits in the opening of the new machine's device.
        auto reaped = std::make_shared<std::promise<void>>();
        hooks.set(Place::kOpen, [reaped] { reaped->get_future().get(); });
        hooks.set(place, [once, reaped] {
          once();
          reaped->set_value();
        });
      } else {
        hooks.set(place, once);
      }
      hooks.fails = true;
      EXPECT_TRUE(pool.submit("x", nothing));
      break;
    case Place::kAttach:
    case Place::kCall:
      hooks.set(place, once);
      EXPECT_TRUE(pool.submit("x", nothing));
      break;
    case Place::kClosing:
      hooks.set(place, once);
      pool.stop(Pool::Close::kFinish);
      break;
    case Place::kElsewhere: {
      const auto other_hooks = std::make_shared<Hooks>();
      const auto other = make_pool(other_hooks, 1, 1);
      EXPECT_TRUE(other->submit("x", [once](const Result<Outcome>&) { once(); }));
      end.get();
      return;
    }
  }
  end.get();
}

template <class T>
std::string word(const Result<T>& result) {
  if (result) return "ok";
  switch (result.error().code) {
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kClosed:
      return "closed";
    default:
      return result.error().message;
  }
}

std::string word(const Result<bool>& result) {
  return !result ? word(result.map([](bool) { return 0; })) : *result ? "true" : "false";
}

// Submits actions until the pool takes no more.
Pool& fill(Pool& pool) {
  for (int i = 0; i < 100; ++i) {
    const auto taken = pool.try_submit("x", nothing);
    if (!taken || !*taken) break;
  }
  return pool;
}

struct Call {
  std::string name;
  std::function<std::string(std::unique_ptr<Pool>&)> make;
  std::string inside;         // what the call gives inside the pool
  std::string inside_closed;  // the same when the pool is closed
  std::string elsewhere;      // inside another pool
  bool closes = false;
  bool destroys = false;
};

std::vector<Call> calls() {
  using Held = std::unique_ptr<Pool>;
  constexpr auto kFinish = Pool::Close::kFinish;
  constexpr auto kCancel = Pool::Close::kCancel;
  return {
      {"run", [](Held& pool) { return word(pool->run("x")); }, "busy", "busy", "ok"},
      {"submit", [](Held& pool) { return word(pool->submit("x", nothing)); }, "ok", "closed", "ok"},
      {"submit ticket", [](Held& pool) { return word(pool->submit("x", 7)); }, "ok", "closed", "ok"},
      {"try_submit", [](Held& pool) { return word(pool->try_submit("x", nothing)); }, "true", "closed", "true"},
      {"try_submit ticket", [](Held& pool) { return word(pool->try_submit("x", 7)); }, "true", "closed", "true"},
      {"submit full", [](Held& pool) { return word(fill(*pool).submit("x", nothing)); }, "busy", "closed", "ok"},
      {"submit ticket full", [](Held& pool) { return word(fill(*pool).submit("x", 7)); }, "busy", "closed", "ok"},
      {"cancel", [](Held& pool) { return pool->cancel(99) ? "true" : "false"; }, "false", "false", "false"},
      {"take", [](Held& pool) { return pool->take() ? "some" : "none"; }, "none", "none", "none"},
      {"drain", [](Held& pool) { return word(pool->drain()); }, "busy", "busy", "ok"},
      {"statistics", [](Held& pool) { return fmt::format("{}", pool->statistics().rebuilds); }, "0", "0", "0"},
      {"workers", [](Held& pool) { return fmt::format("{}", pool->workers()); }, "1", "1", "1"},
      {"descriptor", [](Held& pool) { return pool->descriptor() >= 0 ? "ok" : "none"; }, "ok", "ok", "ok"},
      {"inside", [](Held& pool) { return pool->inside() ? "true" : "false"; }, "true", "true", "false"},
      {"stop finish", [](Held& pool) { return pool->stop(kFinish), "ok"; }, "ok", "ok", "ok", true},
      {"stop cancel", [](Held& pool) { return pool->stop(kCancel), "ok"; }, "ok", "ok", "ok", true},
      {"close finish", [](Held& pool) { return pool->close(kFinish), "ok"; }, "ok", "ok", "ok", true},
      {"close cancel", [](Held& pool) { return fill(*pool).close(kCancel), "ok"; }, "ok", "ok", "ok", true},
      {"close twice", [](Held& pool) { return pool->close(kFinish), pool->close(kCancel), "ok"; }, "ok", "ok", "ok",
       true},
      {"destroy", [](Held& pool) { return pool.reset(), "ok"; }, "ok", "ok", "ok", true, true},
      {"destroy full", [](Held& pool) { return fill(*pool), pool.reset(), "ok"; }, "ok", "ok", "ok", true, true},
      {"close, destroy", [](Held& pool) { return pool->close(kFinish), pool.reset(), "ok"; }, "ok", "ok", "ok", true,
       true},
      {"move away", [](Held& pool) { return Pool(std::move(*pool)).inside() ? "true" : "false"; }, "true", "true",
       "false", true, true},
      {"assign to",
       [](Held& pool) {
         *pool = std::move(*make_pool(std::make_shared<Hooks>(), 1, 1));
         return word(pool->run("x"));
       },
       "ok", "ok", "ok", true, true},
  };
}

TEST_F(InsidePools, ServeOrRefuseEachCallFromEachPlace) {
  for (const auto& [place, place_name] : kPlaces) {
    for (const Call& call : calls()) {
      SCOPED_TRACE(fmt::format("{} from {}", call.name, place_name));
      auto hooks = std::make_shared<Hooks>();
      auto pool = make_pool(hooks, 1, 1);
      const bool elsewhere = place == Place::kElsewhere;
      const bool closed = place == Place::kCancelled || place == Place::kClosing;
      const bool replaced = place == Place::kOpen || place == Place::kReaped;
      std::string got;
      reach(place, *pool, *hooks, [&] { got = call.make(pool); });
      // While a machine is being replaced, its counter may or may not have changed already.
      if (call.name != "statistics" || !replaced) {
        EXPECT_EQ(got, elsewhere ? call.elsewhere : closed ? call.inside_closed : call.inside);
      }
      if (!call.destroys) {
        // For callers outside, the pool goes on or is closed.
        EXPECT_EQ(word(pool->run("x")), closed || call.closes ? "closed" : "ok");
        EXPECT_EQ(word(pool->drain()), "ok");
        pool->close(Pool::Close::kFinish);
        EXPECT_EQ(hooks->devices, 0);
        const PoolStatistics counts = pool->statistics();
        EXPECT_EQ(counts.submitted, counts.completed + counts.failed + counts.cancelled);
      }
      pool.reset();
      // The last worker frees the pool's data, and with it what the pool holds of ours.
      const std::weak_ptr<Hooks> left = hooks;
      hooks.reset();
      while (!left.expired()) std::this_thread::yield();
    }
  }
}

// Whichever of its callbacks destroys the pool, each action ends.
TEST_F(InsidePools, EndEachActionOfAPoolThatOneOfThemDestroys) {
  for (int round = 0; round < 20; ++round) {
    auto hooks = std::make_shared<Hooks>();
    constexpr int kActions = 12;
    std::atomic<int> ended = 0;
    auto pool = make_pool(hooks, 3, kActions);
    std::promise<void> all_there;
    const std::shared_future<void> there = all_there.get_future();
    for (int i = 0; i < kActions; ++i) {
      EXPECT_TRUE(pool->submit("x", [&, there, i](const Result<Outcome>&) {
        there.get();
        if (i == round % 3) pool.reset();
        ++ended;
      }));
    }
    all_there.set_value();
    const std::weak_ptr<Hooks> left = hooks;
    hooks.reset();
    while (!left.expired()) std::this_thread::yield();
    EXPECT_EQ(ended, kActions);
  }
}

// The usual way to keep a pool alive as long as its callbacks.
TEST_F(InsidePools, MayBeHeldByTheirOwnCallbacks) {
  auto hooks = std::make_shared<Hooks>();
  std::shared_ptr<Pool> pool = make_pool(hooks, 2, 8);
  std::atomic<int> ended = 0;
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(pool->submit("x", [pool, &ended](const Result<Outcome>& outcome) { ended += outcome ? 1 : 0; }));
  }
  pool.reset();
  const std::weak_ptr<Hooks> left = hooks;
  hooks.reset();
  while (!left.expired()) std::this_thread::yield();
  EXPECT_EQ(ended, 8);
}

}  // namespace
}  // namespace spry
