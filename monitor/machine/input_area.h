// Where a machine's inputs lie.
#pragma once

#include <cstdint>

#include "memory/guest_memory.h"
#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// Guest-physical memory behind all other, which the guest can only read. What lies in it beyond `filled` bytes is zero.
class InputArea {
 public:
  InputArea() = default;
  explicit InputArea(Range range) : range_(range) {}

  Range range() const { return range_; }

  // Copies the input to the start of the area, which has room for it. Errors: kFile; those of code_for. The sentence
  // does not name the image yet.
  Result<void> fill(GuestMemory& memory, const Input& input);

  // Makes all of it zero again.
  void clear(GuestMemory& memory);

 private:
  Range range_;
  std::uint64_t filled_ = 0;
};

}  // namespace spry
