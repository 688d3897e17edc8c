// Values as bytes and back, for the metadata of a snapshot. Numbers, and plain structures without padding, are written
// as they are in memory; lists and strings follow their length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace spry {

class MetadataWriter {
 public:
  template <class T>
  requires std::has_unique_object_representations_v<T>
  void put(const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
  }
  void put(const std::string& text) {
    put(std::uint64_t{text.size()});
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), bytes, bytes + text.size());
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(std::uint64_t{list.size()});
    for (const T& value : list) put(value);
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// Never reads beyond the end. A value that does not fit stays as it was, and complete() is false from then on.
class MetadataReader {
 public:
  explicit MetadataReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  requires std::has_unique_object_representations_v<T>
  void get(T& value) {
    if (take(sizeof value)) std::memcpy(&value, taken_.data(), sizeof value);
  }
  void get(std::string& text) {
    std::uint64_t size = 0;
    get(size);
    if (take(size)) text.assign(reinterpret_cast<const char*>(taken_.data()), taken_.size());
  }
  template <class T>
  void get(std::vector<T>& list) {
    std::uint64_t size = 0;
    get(size);
    // Each element has a byte at least.
    if (size > rest_.size()) ok_ = false;
    for (std::uint64_t i = 0; ok_ && i < size; ++i) get(list.emplace_back());
  }

  // True if everything was there, and nothing is left.
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  bool take(std::uint64_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return false;
    taken_ = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }

  std::span<const std::byte> rest_;
  std::span<const std::byte> taken_;
  bool ok_ = true;
};

}  // namespace spry
