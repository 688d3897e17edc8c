// Words in one string.
#pragma once

#include <string>
#include <string_view>

namespace spry {

template <typename Words>
std::string join(const Words& words, std::string_view separator) {
  std::string joined;
  for (std::string_view between; const std::string_view word : words) {
    joined.append(between).append(word);
    between = separator;
  }
  return joined;
}

}  // namespace spry
