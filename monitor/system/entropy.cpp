#include "system/entropy.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "text/format.h"

namespace spry {
namespace {

Result<void> fetch(std::span<std::byte> bytes) {
  if (getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) return {};
  return fail(code_for(errno), fmt::format("no random bytes: {}", std::strerror(errno)));
}

}  // namespace

Result<void> Entropy::take(std::span<std::byte> bytes) {
  if (!std::exchange(taken_, true) || bytes.size() > ahead_.size()) return fetch(bytes);
  if (left_ < bytes.size()) {
    if (auto fetched = fetch(ahead_); !fetched) return fetched;
    left_ = ahead_.size();
  }
  const auto next = std::span(ahead_).last(left_).first(bytes.size());
  std::copy(next.begin(), next.end(), bytes.begin());
  std::fill(next.begin(), next.end(), std::byte{0});
  left_ -= bytes.size();
  return {};
}

}  // namespace spry
