// Pools of the C API that are called by the functions that they call: each call ends, and does what spry.h says.
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "objects.h"

namespace {

using CApiInside = testing::Test;

// The places where a pool calls a function of the program's: the callback of an action that ended or that
// spry_pool_stop cancels, and a device's `begin` and `call`. kElsewhere is a callback of another pool.
enum class Place { kDone, kCancelled, kBegin, kCall, kElsewhere };

const std::map<Place, std::string> kPlaces = {{Place::kDone, "done"},
                                              {Place::kCancelled, "cancelled"},
                                              {Place::kBegin, "begin"},
                                              {Place::kCall, "call"},
                                              {Place::kElsewhere, "elsewhere"}};

// What a device does at its `begin` and its `call`; each is done once.
struct Hooks {
  std::function<void()> begin;
  std::function<void()> call;
};

void call_once(std::function<void()>& hook) {
  if (const auto now = std::exchange(hook, nullptr)) now();
}

// A pool of one worker, with room for one action that waits, and what it borrows.
struct Borrowed {
  Hooks hooks;
  spry_attachment device = {};
  const spry_attachment* devices[2] = {&device, nullptr};
};

spry_pool* make_pool(Borrowed& borrowed) {
  borrowed.device.size = sizeof borrowed.device;
  borrowed.device.kind = "host";
  borrowed.device.name = "function";
  borrowed.device.context = &borrowed.hooks;
  borrowed.device.call = [](void* context, spry_guest*, const spry_device_call*, spry_error**) {
    call_once(static_cast<Hooks*>(context)->call);
    return int64_t{0};
  };
  borrowed.device.begin = [](void* context) { call_once(static_cast<Hooks*>(context)->begin); };
  spry_machine_options machine = machine_options();
  machine.devices = borrowed.devices;
  spry_pool_options options = pool_options(&machine, 1);
  options.queue = 1;
  spry_error* error = nullptr;
  spry_image* image = load("host_function");
  spry_pool* pool = spry_pool_create(image, &options, &error);
  spry_image_free(image);
  return made(pool, error);
}

// Frees what it is given, and calls what its context points to, if that is there.
void call_back(void* context, spry_outcome* outcome, spry_error* error) {
  spry_outcome_free(outcome);
  spry_error_free(error);
  if (context != nullptr) (*static_cast<const std::function<void()>*>(context))();
}

void submit(spry_pool* pool, const std::function<void()>* done) {
  spry_error* error = nullptr;
  EXPECT_EQ(spry_pool_submit(pool, "x", 1, call_back, const_cast<std::function<void()>*>(done), &error), 0)
      << message(error);
}

// Has `body` called once, at `place`; returns when it has returned and the action's callback was called.
void reach(Place place, spry_pool* pool, Hooks& hooks, const std::function<void()>& body) {
  std::promise<void> done;
  std::promise<void> running;
  std::promise<void> over;
  const std::function<void()> end = [&] { done.set_value(); };
  const std::function<void()> body_and_end = [&] {
    body();
    end();
  };
  switch (place) {
    case Place::kDone:
      submit(pool, &body_and_end);
      break;
    case Place::kCancelled:
      hooks.call = [&] {
        running.set_value();
        over.get_future().get();
      };
      submit(pool, &end);
      running.get_future().get();
      submit(pool, &body);
      spry_pool_stop(pool, SPRY_CANCEL);
      over.set_value();
      break;
    case Place::kBegin:
    case Place::kCall:
      (place == Place::kBegin ? hooks.begin : hooks.call) = body;
      submit(pool, &end);
      break;
    case Place::kElsewhere: {
      Borrowed borrowed;
      spry_pool* other = make_pool(borrowed);
      submit(other, &body_and_end);
      done.get_future().get();
      spry_pool_free(other);
      return;
    }
  }
  done.get_future().get();
}

// What a call gave, as a word: `result` if it did not fail, else the error's code.
std::string word(const std::string& result, spry_error* error) {
  if (error == nullptr) return result;
  const spry_code code = spry_error_code(error);
  const std::string sentence = message(error);
  return code == SPRY_BUSY ? "busy" : code == SPRY_CLOSED ? "closed" : sentence;
}

std::string number(int result, spry_error* error = nullptr) { return word(std::to_string(result), error); }

void fill(spry_pool* pool) {
  for (int i = 0; i < 100 && spry_pool_try_submit(pool, "x", 1, call_back, nullptr, nullptr) == 1; ++i) continue;
}

struct Call {
  std::string name;
  std::function<std::string(spry_pool*, spry_error**)> make;
  std::string inside;         // what the call gives inside the pool
  std::string inside_closed;  // the same when the pool is closed
  std::string elsewhere;      // inside another pool
  bool closes = false;
  bool frees = false;
};

std::vector<Call> calls() {
  using Error = spry_error**;
  const auto spare = [](const char* name, auto make, const char* result, bool closes = false, bool frees = false) {
    return Call{name, make, result, result, result, closes, frees};
  };
  return {
      {"run",
       [](spry_pool* pool, Error error) {
         spry_outcome_free(spry_pool_run(pool, "x", 1, error));
         return word("ok", *error);
       },
       "busy", "busy", "ok"},
      {"submit",
       [](spry_pool* pool, Error error) {
         const int result = spry_pool_submit(pool, "x", 1, call_back, nullptr, error);
         return number(result, *error);
       },
       "0", "closed", "0"},
      {"submit full",
       [](spry_pool* pool, Error error) {
         fill(pool);
         const int result = spry_pool_submit(pool, "x", 1, call_back, nullptr, error);
         return number(result, *error);
       },
       "busy", "closed", "0"},
      {"try_submit",
       [](spry_pool* pool, Error error) {
         const int result = spry_pool_try_submit(pool, "x", 1, call_back, nullptr, error);
         return number(result, *error);
       },
       "1", "closed", "1"},
      {"submit_ticket",
       [](spry_pool* pool, Error error) {
         const int result = spry_pool_submit_ticket(pool, "x", 1, 7, error);
         return number(result, *error);
       },
       "0", "closed", "0"},
      {"submit_ticket full",
       [](spry_pool* pool, Error error) {
         fill(pool);
         const int result = spry_pool_submit_ticket(pool, "x", 1, 7, error);
         return number(result, *error);
       },
       "busy", "closed", "0"},
      {"try_submit_ticket",
       [](spry_pool* pool, Error error) {
         const int result = spry_pool_try_submit_ticket(pool, "x", 1, 7, error);
         return number(result, *error);
       },
       "1", "closed", "1"},
      {"try_submit_ticket full",
       [](spry_pool* pool, Error error) {
         int taken = 1;
         while (taken == 1) taken = spry_pool_try_submit_ticket(pool, "x", 1, 7, error);
         return number(taken, *error);
       },
       "0", "closed", "0"},
      spare(
          "cancel", [](spry_pool* pool, Error) { return number(spry_pool_cancel(pool, 99)); }, "0"),
      spare(
          "take",
          [](spry_pool* pool, Error error) {
            uint64_t ticket = 0;
            spry_outcome* outcome = nullptr;
            return number(spry_pool_take(pool, &ticket, &outcome, error));
          },
          "0"),
      {"drain", [](spry_pool* pool, Error) { return number(spry_pool_drain(pool)); }, "-1", "-1", "0"},
      {"inside", [](spry_pool* pool, Error) { return number(spry_pool_inside(pool)); }, "1", "1", "0"},
      spare(
          "workers", [](spry_pool* pool, Error) { return number(static_cast<int>(spry_pool_workers(pool))); }, "1"),
      spare(
          "descriptor", [](spry_pool* pool, Error) { return number(spry_pool_descriptor(pool) >= 0); }, "1"),
      spare(
          "statistics",
          [](spry_pool* pool, Error) {
            spry_statistics statistics = {};
            statistics.size = sizeof statistics;
            spry_pool_statistics(pool, &statistics);
            return number(static_cast<int>(statistics.rebuilds));
          },
          "0"),
      spare(
          "stop", [](spry_pool* pool, Error) { return spry_pool_stop(pool, SPRY_CANCEL), "ok"; }, "ok", true),
      spare(
          "close and finish", [](spry_pool* pool, Error) { return spry_pool_close(pool, SPRY_FINISH), "ok"; }, "ok",
          true),
      spare(
          "close and cancel",
          [](spry_pool* pool, Error) { return fill(pool), spry_pool_close(pool, SPRY_CANCEL), "ok"; }, "ok", true),
      spare(
          "free", [](spry_pool* pool, Error) { return spry_pool_free(pool), "ok"; }, "ok", true, true),
      spare(
          "close and free",
          [](spry_pool* pool, Error) { return spry_pool_close(pool, SPRY_FINISH), spry_pool_free(pool), "ok"; }, "ok",
          true, true),
  };
}

TEST_F(CApiInside, ServesOrRefusesEachCallFromEachPlace) {
  for (const auto& [place, place_name] : kPlaces) {
    for (const Call& call : calls()) {
      SCOPED_TRACE(call.name + " from " + place_name);
      // A pool that is freed inside may use what it borrowed for as long as the program runs, so nothing of it is
      // freed.
      static std::vector<std::unique_ptr<Borrowed>> kept;
      auto& borrowed = *kept.emplace_back(std::make_unique<Borrowed>());
      spry_pool* pool = make_pool(borrowed);
      const bool closed = place == Place::kCancelled;
      spry_error* error = nullptr;
      std::string got;
      reach(place, pool, borrowed.hooks, [&] { got = call.make(pool, &error); });
      EXPECT_EQ(got, place == Place::kElsewhere ? call.elsewhere : closed ? call.inside_closed : call.inside);
      if (call.frees) continue;
      spry_outcome_free(spry_pool_run(pool, "x", 1, &error));
      EXPECT_EQ(word("ok", error), closed || call.closes ? "closed" : "ok");
      EXPECT_EQ(spry_pool_drain(pool), 0);
      spry_pool_free(pool);
    }
  }
}

TEST_F(CApiInside, HasASentenceForIt) {
  Borrowed borrowed;
  spry_pool* pool = make_pool(borrowed);
  spry_error* error = nullptr;
  reach(Place::kDone, pool, borrowed.hooks, [&] { spry_outcome_free(spry_pool_run(pool, "x", 1, &error)); });
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(spry_error_code(error), SPRY_BUSY);
  EXPECT_EQ(message(error),
            spry::guest("host_function") + ": a callback of its pool must not wait for an outcome: use try_submit");
  spry_pool_free(pool);
}

}  // namespace
