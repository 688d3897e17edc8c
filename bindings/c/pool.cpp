#include "spry/pool.h"

#include <optional>

#include "handles.h"

namespace {

template <class What>
spry_pool* make(const What& what, const spry_pool_options* given, spry_error** error) {
  return spry::c::guarded<spry_pool*>(error, nullptr, [&]() -> spry::Result<spry_pool*> {
    const auto from = spry::c::read(given, "spry_pool_options");
    if (!from) return tl::unexpected(from.error());
    auto machine = spry::c::machine_options(from->machine);
    if (!machine) return tl::unexpected(std::move(machine.error()));
    spry::PoolOptions options;
    options.machine = *std::move(machine);
    options.workers = from->workers;
    if (from->queue != 0) options.queue = from->queue;
    if (from->queue_bytes != 0) options.queue_bytes = from->queue_bytes;
    if (from->completion_bytes != 0) options.completion_bytes = from->completion_bytes;
    return spry::c::handle<spry_pool>(spry::Pool::create(what, std::move(options)));
  });
}

// How an action ended, for the caller: one of the two is null.
struct Ending {
  spry_outcome* outcome = nullptr;
  spry_error* error = nullptr;
};

Ending ending(spry::Result<spry::Outcome> result) noexcept {
  if (!result) return {nullptr, spry::c::make_error(std::move(result.error()))};
  if (auto* made = new (std::nothrow) spry_outcome{*std::move(result)}; made != nullptr) return {made, nullptr};
  return {nullptr, spry::c::out_of_memory()};
}

spry::Pool::Callback callback(spry_callback* done, void* context) {
  return [done, context](spry::Result<spry::Outcome> result) {
    const Ending ended = ending(std::move(result));
    done(context, ended.outcome, ended.error);
  };
}

spry::Pool::Close close(enum spry_close how) {
  return how == SPRY_CANCEL ? spry::Pool::Close::kCancel : spry::Pool::Close::kFinish;
}

std::string text(const void* input, size_t size) {
  return size == 0 ? std::string() : std::string(static_cast<const char*>(input), size);
}

spry_durations durations(const spry::Histogram& from) {
  using spry::c::nanoseconds;
  return {from.count(), nanoseconds(from.quantile(0.5)), nanoseconds(from.quantile(0.99)),
          nanoseconds(from.quantile(0.999)), nanoseconds(from.largest())};
}

}  // namespace

spry_pool* spry_pool_create(const spry_image* image, const struct spry_pool_options* options, spry_error** error) {
  return make(image->image, options, error);
}

spry_pool* spry_pool_restore(const spry_snapshot* snapshot, const struct spry_pool_options* options,
                             spry_error** error) {
  return make(snapshot->snapshot, options, error);
}

spry_outcome* spry_pool_run_with(spry_pool* pool, const void* input, size_t size,
                                 const struct spry_action_options* action, spry_error** error) {
  return spry::c::guarded<spry_outcome*>(error, nullptr, [&]() -> spry::Result<spry_outcome*> {
    const auto options = spry::c::action_options(action);
    if (!options) return tl::unexpected(options.error());
    return spry::c::handle<spry_outcome>(pool->pool.run({static_cast<const char*>(input), size}, *options));
  });
}

int spry_pool_submit_with(spry_pool* pool, const void* input, size_t size, const struct spry_action_options* action,
                          spry_callback* done, void* context, spry_error** error) {
  return spry::c::guarded(error, -1, [&]() -> spry::Result<int> {
    const auto options = spry::c::action_options(action);
    if (!options) return tl::unexpected(options.error());
    return pool->pool.submit(text(input, size), callback(done, context), *options).map([] { return 0; });
  });
}

int spry_pool_try_submit_with(spry_pool* pool, const void* input, size_t size, const struct spry_action_options* action,
                              spry_callback* done, void* context, spry_error** error) {
  return spry::c::guarded(error, -1, [&]() -> spry::Result<int> {
    const auto options = spry::c::action_options(action);
    if (!options) return tl::unexpected(options.error());
    return pool->pool.try_submit(text(input, size), callback(done, context), *options).map([](bool taken) {
      return taken ? 1 : 0;
    });
  });
}

int spry_pool_submit_ticket_with(spry_pool* pool, const void* input, size_t size,
                                 const struct spry_action_options* action, uint64_t ticket, spry_error** error) {
  return spry::c::guarded(error, -1, [&]() -> spry::Result<int> {
    const auto options = spry::c::action_options(action);
    if (!options) return tl::unexpected(options.error());
    return pool->pool.submit(text(input, size), ticket, *options).map([] { return 0; });
  });
}

int spry_pool_try_submit_ticket_with(spry_pool* pool, const void* input, size_t size,
                                     const struct spry_action_options* action, uint64_t ticket, spry_error** error) {
  return spry::c::guarded(error, -1, [&]() -> spry::Result<int> {
    const auto options = spry::c::action_options(action);
    if (!options) return tl::unexpected(options.error());
    return pool->pool.try_submit(text(input, size), ticket, *options).map([](bool taken) { return taken ? 1 : 0; });
  });
}

spry_outcome* spry_pool_run(spry_pool* pool, const void* input, size_t size, spry_error** error) {
  return spry_pool_run_with(pool, input, size, nullptr, error);
}

int spry_pool_submit(spry_pool* pool, const void* input, size_t size, spry_callback* done, void* context,
                     spry_error** error) {
  return spry_pool_submit_with(pool, input, size, nullptr, done, context, error);
}

int spry_pool_try_submit(spry_pool* pool, const void* input, size_t size, spry_callback* done, void* context,
                         spry_error** error) {
  return spry_pool_try_submit_with(pool, input, size, nullptr, done, context, error);
}

int spry_pool_submit_ticket(spry_pool* pool, const void* input, size_t size, uint64_t ticket, spry_error** error) {
  return spry_pool_submit_ticket_with(pool, input, size, nullptr, ticket, error);
}

int spry_pool_try_submit_ticket(spry_pool* pool, const void* input, size_t size, uint64_t ticket, spry_error** error) {
  return spry_pool_try_submit_ticket_with(pool, input, size, nullptr, ticket, error);
}

int spry_pool_cancel(spry_pool* pool, uint64_t ticket) { return pool->pool.cancel(ticket) ? 1 : 0; }

int spry_pool_descriptor(const spry_pool* pool) { return pool->pool.descriptor(); }

int spry_pool_take(spry_pool* pool, uint64_t* ticket, spry_outcome** outcome, spry_error** error) {
  std::optional<spry::Pool::Completion> completion = pool->pool.take();
  if (!completion) return 0;
  const Ending ended = ending(std::move(completion->outcome));
  *ticket = completion->ticket;
  *outcome = ended.outcome;
  *error = ended.error;
  return 1;
}

int spry_pool_drain(spry_pool* pool) { return pool->pool.drain() ? 0 : -1; }

void spry_pool_stop(spry_pool* pool, enum spry_close how) { pool->pool.stop(close(how)); }

void spry_pool_close(spry_pool* pool, enum spry_close how) { pool->pool.close(close(how)); }

int spry_pool_inside(const spry_pool* pool) { return pool->pool.inside() ? 1 : 0; }

unsigned spry_pool_workers(const spry_pool* pool) { return pool->pool.workers(); }

void spry_pool_statistics(const spry_pool* pool, struct spry_statistics* statistics) {
  const spry::PoolStatistics from = pool->pool.statistics();
  spry_statistics full = {};
  full.submitted = from.submitted;
  full.completed = from.completed;
  // Reasons that were added after the first version have members of their own, at the end of the structure.
  constexpr std::size_t kFirst = std::size(decltype(full.reasons){});
  static_assert(kFirst == SPRY_TOO_MUCH_OUTPUT && std::tuple_size_v<decltype(from.reasons)> == kFirst + 2);
  std::copy_n(from.reasons.begin(), kFirst, full.reasons);
  full.too_much_output = from.reasons[SPRY_TOO_MUCH_OUTPUT];
  full.cpu_limit = from.reasons[SPRY_CPU_LIMIT];
  full.failed = from.failed;
  full.cancelled = from.cancelled;
  full.waiting = from.waiting;
  full.resets = from.resets;
  full.resets_after_failure = from.resets_after_failure;
  full.rebuilds = from.rebuilds;
  full.machines = from.machines;
  full.queue = durations(from.queue);
  full.service = durations(from.service);
  full.reset = durations(from.reset);
  full.total = durations(from.total);
  full.platform = spry::c::platform(from.platform);
  spry::c::fill(statistics, full);
}

void spry_pool_free(spry_pool* pool) { delete pool; }
