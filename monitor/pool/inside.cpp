#include "pool/inside.h"

namespace spry {
namespace {

thread_local const Inside* innermost = nullptr;

}  // namespace

Inside::Inside(const PoolData* pool) : pool_(pool), outer_(innermost) { innermost = this; }

Inside::~Inside() { innermost = outer_; }

bool Inside::of(const PoolData* pool) {
  for (const Inside* scope = innermost; scope != nullptr; scope = scope->outer_) {
    if (scope->pool_ == pool) return true;
  }
  return false;
}

}  // namespace spry
