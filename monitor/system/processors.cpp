#include "system/processors.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "system/descriptor.h"
#include "system/io.h"

namespace spry {
namespace {

// A file of /proc or /sys whole; empty if it cannot be read.
std::string read_whole(const std::string& path) {
  constexpr std::size_t kLongest = 65536;
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(kLongest, '\0');
  std::size_t done = 0;
  while (file && done < text.size()) {
    const ssize_t got = read_some(file.get(), std::as_writable_bytes(std::span(text)).subspan(done));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

// Returns the text up to the next `separator`, and removes both from the beginning of `rest`.
std::string_view take_field(std::string_view& rest, char separator) {
  const std::string_view field = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(field.size() + 1, rest.size()));
  return field;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Nothing for "max" and -1, which mean that there is no quota.
unsigned rounded_up(std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) {
  if (!quota || !period || *period == 0) return 0;
  const std::uint64_t whole = *quota / *period + (*quota % *period != 0 ? 1 : 0);
  return static_cast<unsigned>(std::clamp<std::uint64_t>(whole, 1, ~0U));
}

unsigned least(unsigned one, unsigned other) {
  return one == 0 || other == 0 ? std::max(one, other) : std::min(one, other);
}

unsigned quota_of_version_2(const std::string& folder) {
  const std::string text = read_whole(folder + "/cpu.max");  // "QUOTA PERIOD\n"
  std::string_view rest = text;
  const std::string_view quota = take_field(rest, ' ');
  return rounded_up(number(quota), number(take_field(rest, '\n')));
}

unsigned quota_of_version_1(const std::string& folder) {
  const auto read_number = [&folder](const char* name) {
    const std::string text = read_whole(folder + name);
    std::string_view rest = text;
    return number(take_field(rest, '\n'));
  };
  return rounded_up(read_number("/cpu.cfs_quota_us"), read_number("/cpu.cfs_period_us"));
}

// The least quota of a group and of all groups above it. In a container the path may be the host's: then only the root
// exists here.
template <class QuotaOf>
unsigned quota_along(const std::string& root, std::string_view path, QuotaOf quota_of) {
  unsigned lowest = quota_of(root);
  for (; path.size() > 1; path = path.substr(0, path.rfind('/'))) {
    lowest = least(lowest, quota_of(root + std::string(path)));
  }
  return lowest;
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    if (take_field(controllers, ',') == "cpu") return true;
  }
  return false;
}

}  // namespace

unsigned processors_of_affinity(long (*ask)(unsigned long* bits, unsigned long size)) {
  constexpr std::size_t kFirst = 1024 / 8;
  constexpr std::size_t kMost = std::size_t{1} << 20;
  for (std::size_t size = kFirst; size <= kMost; size *= 2) {
    std::vector<unsigned long> bits(size / sizeof(unsigned long));
    const long filled = ask(bits.data(), size);
    if (filled == -EINVAL) continue;  // the host may have more
    if (filled < 0) break;
    unsigned count = 0;
    for (const unsigned long word : bits) count += static_cast<unsigned>(std::popcount(word));
    return std::max(count, 1U);
  }
  return 1;
}

unsigned processors_of_quota(const std::string& listing, const std::string& root) {
  unsigned lowest = 0;
  std::string_view rest = listing;
  while (!rest.empty()) {
    std::string_view line = take_field(rest, '\n');  // "NUMBER:CONTROLLERS:PATH"
    const std::string_view hierarchy = take_field(line, ':');
    const std::string_view controllers = take_field(line, ':');
    if (hierarchy == "0" && controllers.empty()) {
      lowest = least(lowest, quota_along(root, line, quota_of_version_2));
    } else if (names_cpu(controllers)) {
      lowest = least(lowest, quota_along(root + "/cpu", line, quota_of_version_1));
    }
  }
  return lowest;
}

unsigned available_processors() {
  const unsigned allowed = processors_of_affinity([](unsigned long* bits, unsigned long size) -> long {
    const long filled = syscall(SYS_sched_getaffinity, 0, size, bits);
    return filled < 0 ? -errno : filled;
  });
  return least(allowed, processors_of_quota(read_whole("/proc/self/cgroup"), "/sys/fs/cgroup"));
}

}  // namespace spry
