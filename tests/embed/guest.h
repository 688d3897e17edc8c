// What the tests of this folder share: guests by name, and machines that capture what they print.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
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

// A deadline that every action meets that ends by itself. On a slow host it is SPRY_TEST_SLOWNESS times as long.
inline std::chrono::milliseconds enough(int milliseconds) {
  const char* const slowness = std::getenv("SPRY_TEST_SLOWNESS");
  return std::chrono::milliseconds(milliseconds) * (slowness != nullptr ? std::atoi(slowness) : 1);
}

inline MachineOptions reusable() {
  MachineOptions options;
  options.devices = {capture()};
  options.reusable = true;
  return options;
}

// The value of a Result. An Error becomes an exception, which fails the test with the Error's sentence.
template <class T>
T value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

}  // namespace spry
