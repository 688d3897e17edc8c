// What the tests of this folder share: guests by name, and machines that capture what they print.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "spry/devices.h"
#include "spry/machine.h"

namespace spry {

inline std::string guest(const std::string& name) { return std::string(SPRY_GUESTS "/") + name; }

inline Image load(const std::string& name) {
  auto image = Image::load(guest(name));
  if (!image) ADD_FAILURE() << image.error().message;
  return *image;
}

inline MachineOptions reusable() {
  MachineOptions options;
  options.devices = {capture()};
  options.reusable = true;
  return options;
}

// The value; without one, an exception, which fails the test with the sentence.
template <class T>
T value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

}  // namespace spry
