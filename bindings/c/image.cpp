#include "handles.h"

spry_image* spry_image_load(const char* path, spry_error** error) {
  return spry::c::guarded<spry_image*>(error, nullptr,
                                       [&] { return spry::c::handle<spry_image>(spry::Image::load(path)); });
}

spry_image* spry_image_from_bytes(const void* bytes, size_t size, const char* name, spry_error** error) {
  return spry::c::guarded<spry_image*>(error, nullptr, [&] {
    return spry::c::handle<spry_image>(
        spry::Image::from_bytes(spry::c::bytes(bytes, size), name != nullptr ? name : "image"));
  });
}

const char* spry_image_path(const spry_image* image) { return image->image.path().c_str(); }

size_t spry_image_device_count(const spry_image* image) { return image->image.manifest().devices.size(); }

const char* spry_image_device_kind(const spry_image* image, size_t index) {
  const auto& devices = image->image.manifest().devices;
  return index < devices.size() ? devices[index].kind.c_str() : nullptr;
}

const char* spry_image_device_name(const spry_image* image, size_t index) {
  const auto& devices = image->image.manifest().devices;
  return index < devices.size() ? devices[index].name.c_str() : nullptr;
}

void spry_image_free(spry_image* image) { delete image; }
