#include "spry/snapshot.h"

#include "handles.h"

spry_snapshot* spry_snapshot_take(const spry_image* image, const struct spry_machine_options* options,
                                  spry_error** error) {
  return spry::c::guarded<spry_snapshot*>(error, nullptr, [&]() -> spry::Result<spry_snapshot*> {
    auto made = spry::c::machine_options(options);
    if (!made) return tl::unexpected(std::move(made.error()));
    return spry::c::handle<spry_snapshot>(spry::Snapshot::take(image->image, *std::move(made)));
  });
}

spry_snapshot* spry_snapshot_load(const char* path, int verify, spry_error** error) {
  return spry::c::guarded<spry_snapshot*>(
      error, nullptr, [&] { return spry::c::handle<spry_snapshot>(spry::Snapshot::load(path, verify != 0)); });
}

int spry_snapshot_save(const spry_snapshot* snapshot, const char* path, spry_error** error) {
  return spry::c::guarded(error, -1,
                          [&]() -> spry::Result<int> { return snapshot->snapshot.save(path).map([] { return 0; }); });
}

int spry_snapshot_recognise(const char* path) {
  return spry::c::guarded(nullptr, 0, [&]() -> spry::Result<int> { return spry::Snapshot::recognise(path) ? 1 : 0; });
}

const char* spry_snapshot_path(const spry_snapshot* snapshot) { return snapshot->snapshot.path().c_str(); }

uint64_t spry_snapshot_memory(const spry_snapshot* snapshot) { return snapshot->snapshot.memory(); }

const char* spry_snapshot_argument(const spry_snapshot* snapshot, size_t index) {
  const auto& arguments = snapshot->snapshot.arguments();
  return index < arguments.size() ? arguments[index].c_str() : nullptr;
}

uint64_t spry_snapshot_contents_size(const spry_snapshot* snapshot) { return snapshot->snapshot.contents_size(); }

void spry_snapshot_free(spry_snapshot* snapshot) { delete snapshot; }
