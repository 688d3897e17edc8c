// What the tests of this folder share: the C API's objects, made and taken with the checks that every test wants.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "guest.h"
#include "spry.h"

inline std::string message(spry_error* error) {
  if (error == nullptr) return "no error";
  std::string text = spry_error_message(error);
  spry_error_free(error);
  return text;
}

template <class T>
T* made(T* object, spry_error* error) {
  if (object == nullptr) {
    ADD_FAILURE() << message(error);
    std::abort();
  }
  EXPECT_EQ(error, nullptr);
  return object;
}

inline spry_image* load(const char* name) {
  spry_error* error = nullptr;
  spry_image* image = spry_image_load(spry::guest(name).c_str(), &error);
  return made(image, error);
}

inline std::string output(spry_outcome* outcome) {
  if (outcome == nullptr) return "no outcome";
  size_t size = 0;
  const char* const text = spry_outcome_output(outcome, &size);
  std::string kept(text, size);
  spry_outcome_free(outcome);
  return kept;
}

inline spry_machine_options machine_options() {
  spry_machine_options options = {};
  options.size = sizeof options;
  return options;
}

inline spry_pool_options pool_options(const spry_machine_options* machine, unsigned workers) {
  spry_pool_options options = {};
  options.size = sizeof options;
  options.machine = machine;
  options.workers = workers;
  return options;
}
