#include "handles.h"

namespace spry::c {
namespace {

// Both enumerations have the same numbers.
constexpr bool same(spry_platform c, Platform from) { return platform(from) == c; }
static_assert(same(SPRY_PLATFORM_AUTOMATIC, Platform::kAutomatic) && same(SPRY_PLATFORM_KVM, Platform::kKvm) &&
              same(SPRY_PLATFORM_PROCESS, Platform::kProcess));

}  // namespace

Result<Platform> platform(const spry_platform& given) {
  // Read as a number: reading a number that the enumeration does not have as the enumeration would be undefined.
  int number = 0;
  static_assert(sizeof number == sizeof given);
  std::memcpy(&number, &given, sizeof number);
  for (const Platform known : {Platform::kAutomatic, Platform::kKvm, Platform::kProcess}) {
    if (number == static_cast<int>(known)) return known;
  }
  return fail(ErrorCode::kInvalidArgument,
              "enum spry_platform has no " + std::to_string(number) + " in Spry " SPRY_VERSION);
}

}  // namespace spry::c

const char* spry_platform_name(enum spry_platform platform) {
  // to_string returns views of literals, which end with a zero.
  return spry::to_string(static_cast<spry::Platform>(platform)).data();
}
