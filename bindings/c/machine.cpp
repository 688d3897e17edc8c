#include <memory>
#include <optional>

#include "handles.h"

namespace {

// Takes the shell, even if what follows fails.
template <class What>
spry_machine* make(spry_shell* given, const What& what, const spry_machine_options* options, spry_error** error) {
  const std::unique_ptr<spry_shell> shell(given);
  return spry::c::guarded<spry_machine*>(error, nullptr, [&]() -> spry::Result<spry_machine*> {
    auto made = spry::c::machine_options(options);
    if (!made) return tl::unexpected(std::move(made.error()));
    return spry::c::handle<spry_machine>(shell ? spry::Machine::create(std::move(shell->shell), what, *std::move(made))
                                               : spry::Machine::create(what, *std::move(made)));
  });
}

spry_outcome* run(spry_machine* machine, const spry::Input& input, const spry_action_options* given,
                  spry_error** error) {
  return spry::c::guarded<spry_outcome*>(error, nullptr, [&]() -> spry::Result<spry_outcome*> {
    const auto action = spry::c::action_options(given);
    if (!action) return tl::unexpected(action.error());
    return spry::c::handle<spry_outcome>(machine->machine.run(input, *action));
  });
}

}  // namespace

spry_machine* spry_machine_create(spry_shell* shell, const spry_image* image,
                                  const struct spry_machine_options* options, spry_error** error) {
  return make(shell, image->image, options, error);
}

spry_machine* spry_machine_restore(spry_shell* shell, const spry_snapshot* snapshot,
                                   const struct spry_machine_options* options, spry_error** error) {
  return make(shell, snapshot->snapshot, options, error);
}

spry_outcome* spry_machine_run(spry_machine* machine, const void* input, size_t size, spry_error** error) {
  return run(machine, spry::c::bytes(input, size), nullptr, error);
}

spry_outcome* spry_machine_run_with(spry_machine* machine, const void* input, size_t size,
                                    const struct spry_action_options* action, spry_error** error) {
  return run(machine, spry::c::bytes(input, size), action, error);
}

spry_outcome* spry_machine_run_file(spry_machine* machine, int descriptor, uint64_t size, spry_error** error) {
  return run(machine, spry::Input::file(descriptor, size), nullptr, error);
}

int spry_machine_reset(spry_machine* machine, spry_error** error) {
  return spry::c::guarded(error, -1,
                          [&]() -> spry::Result<int> { return machine->machine.reset().map([] { return 0; }); });
}

int spry_machine_usable(const spry_machine* machine) { return machine->machine.usable() ? 1 : 0; }

void spry_machine_interrupt(spry_machine* machine) { machine->machine.interrupt(); }

spry_snapshot* spry_machine_snapshot(const spry_machine* machine, spry_error** error) {
  return spry::c::guarded<spry_snapshot*>(error, nullptr, [&]() -> spry::Result<spry_snapshot*> {
    std::optional<spry::Snapshot> snapshot = machine->machine.snapshot();
    return snapshot ? new spry_snapshot{*std::move(snapshot)} : nullptr;
  });
}

spry_snapshot* spry_machine_run_until_ready(spry_machine* machine, spry_outcome** ended, spry_error** error) {
  if (ended != nullptr) *ended = nullptr;
  return spry::c::guarded<spry_snapshot*>(error, nullptr, [&] {
    std::optional<spry::Outcome> outcome;
    auto taken = machine->machine.run_until_ready(&outcome);
    if (outcome && ended != nullptr) *ended = new spry_outcome{*std::move(outcome)};
    return spry::c::handle<spry_snapshot>(std::move(taken));
  });
}

spry_shell* spry_machine_release(spry_machine* machine, spry_error** error) {
  const std::unique_ptr<spry_machine> taken(machine);
  return spry::c::guarded<spry_shell*>(
      error, nullptr, [&] { return spry::c::handle<spry_shell>(std::move(taken->machine).release()); });
}

void spry_machine_free(spry_machine* machine) { delete machine; }
