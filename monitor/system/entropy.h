// Random bytes from the kernel, fetched ahead.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "spry/error.h"

namespace spry {

// A system call for every seed would be a twentieth of a small action. So from the second time on, several times what
// is asked for is fetched; a machine that runs once pays for no more than it needs. What was taken is forgotten here.
class Entropy {
 public:
  // Fills `bytes`, of which getrandom(2) serves up to 256 whole. Errors: those of code_for.
  Result<void> take(std::span<std::byte> bytes);

 private:
  std::array<std::byte, 256> ahead_ = {};
  std::size_t left_ = 0;  // at the end of `ahead_`
  bool taken_ = false;
};

}  // namespace spry
