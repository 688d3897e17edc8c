// Random bytes from the kernel, fetched ahead.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "spry/error.h"

namespace spry {

// A system call for every seed would be a twentieth of a small action. So from the second call of `take` on, bytes for
// several calls are fetched at once. The first call fetches only what it needs, because a machine may run once. Bytes
// that were taken are overwritten with zeros.
class Entropy {
 public:
  // Fills `bytes`, 256 of them at most, because getrandom(2) gives that many without interruption. Errors: those of
  // code_for.
  Result<void> take(std::span<std::byte> bytes);

 private:
  std::array<std::byte, 256> ahead_ = {};
  std::size_t left_ = 0;  // at the end of `ahead_`
  bool taken_ = false;
};

}  // namespace spry
