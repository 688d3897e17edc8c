// Which pools the calling thread is inside of: those that it is a worker or the reaper of, and those whose callbacks it
// calls.
#pragma once

namespace spry {

struct PoolData;

// While it lives, the calling thread is inside `pool`. Objects of one thread are destroyed in the reverse order of
// their making.
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
