// Which pools the calling thread is inside of: those whose worker it is, or whose callbacks it calls.
#pragma once

namespace spry {

struct PoolData;

// While it lives, the calling thread is inside `pool`. Made and destroyed as nested scopes are.
class Inside {
 public:
  explicit Inside(const PoolData* pool);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  static bool of(const PoolData* pool);

 private:
  const PoolData* pool_;
  const Inside* outer_;
};

}  // namespace spry
