// Symbols' names: whatever an image calls its functions is demangled, or is left as it is, on a stack of known size and
// in reasonable time.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "image/symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  if (name.find('\0') != name.npos) return 0;
  if (!name.empty() && spry::image::demangle(name).empty()) std::abort();
  return 0;
}
