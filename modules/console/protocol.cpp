#include "protocol.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace spry::console {
namespace {

// The whole shared area: header and bytes. Longer output comes by SPRY_CONSOLE_WRITE.
constexpr std::size_t kSharedSize = 2048;

// The most bytes of output before `ready` that are repeated for every action; a change between the streams counts too.
constexpr std::size_t kMostSaid = std::size_t{1} << 20;

}  // namespace

std::size_t Protocol::shared_size() const { return kSharedSize; }

void Protocol::attach(std::span<std::byte> shared) {
  shared_ = shared;
  said_.clear();
  too_much_said_ = false;
  const spry_console header = {0, begin() ? SPRY_CONSOLE_TERMINAL : 0};
  std::memcpy(shared_.data(), &header, sizeof header);
}

Result<std::string> Protocol::save() {
  if (too_much_said_) return fail(ErrorCode::kMonitor, "what was printed before ready takes more than 1 MiB");
  return said_;
}

Result<void> Protocol::restore(Guest& guest, std::span<std::byte> shared, std::string_view saved) {
  shared_ = shared;
  const std::uint32_t flags = begin() ? SPRY_CONSOLE_TERMINAL : 0;
  std::memcpy(shared_.data() + offsetof(spry_console, flags), &flags, sizeof flags);
  while (saved.size() >= sizeof(Piece)) {
    Piece piece;
    std::memcpy(&piece, saved.data(), sizeof piece);
    saved.remove_prefix(sizeof piece);
    const std::string_view text = saved.substr(0, piece.length);
    saved.remove_prefix(text.size());
    if (auto done = put(guest, piece.stream, std::as_bytes(std::span(text)), false); !done) return done;
  }
  return {};
}

// Whether `bytes` more bytes of a stream can be kept. The header of the first piece does not count.
bool Protocol::can_record(std::uint32_t stream, std::uint64_t bytes) const {
  const std::size_t header = said_.empty() || last_piece().stream == stream ? 0 : sizeof(Piece);
  const std::size_t kept = said_.empty() ? 0 : said_.size() - sizeof(Piece);
  return !too_much_said_ && bytes <= kMostSaid && kept + header + bytes <= kMostSaid;
}

Protocol::Piece Protocol::last_piece() const {
  Piece piece;
  std::memcpy(&piece, said_.data() + last_piece_, sizeof piece);
  return piece;
}

void Protocol::record(std::uint32_t stream, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (!can_record(stream, bytes.size())) {
    too_much_said_ = true;
    said_ = std::string();
    return;
  }
  if (said_.empty() || last_piece().stream != stream) {
    last_piece_ = said_.size();
    const Piece piece = {stream, 0};
    said_.append(reinterpret_cast<const char*>(&piece), sizeof piece);
  }
  Piece piece = last_piece();
  piece.length += static_cast<std::uint32_t>(bytes.size());
  std::memcpy(said_.data() + last_piece_, &piece, sizeof piece);
  said_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<void> Protocol::say(Guest& guest, std::uint32_t stream, std::span<const std::byte> bytes, bool patient) {
  if (guest.initialising()) record(stream, bytes);
  return put(guest, stream, bytes, patient);
}

Result<void> Protocol::on_exit(Guest& guest) {
  if (shared_.empty()) return {};
  std::uint32_t length;
  std::memcpy(&length, shared_.data() + offsetof(spry_console, length), sizeof length);
  if (length == 0) return {};
  const std::span<const std::byte> bytes = shared_.subspan(sizeof(spry_console));
  const std::uint32_t none = 0;
  std::memcpy(shared_.data() + offsetof(spry_console, length), &none, sizeof none);
  return say(guest, SPRY_STREAM_OUTPUT, bytes.first(std::min<std::size_t>(length, bytes.size())), false);
}

Result<std::int64_t> Protocol::call(Guest& guest, const DeviceCall& call) {
  if (call.operation != SPRY_CONSOLE_WRITE) return -SPRY_ENOSYS;
  if (call.a != SPRY_STREAM_OUTPUT && call.a != SPRY_STREAM_DIAGNOSTICS) return -SPRY_EINVAL;
  const std::optional<std::span<std::byte>> bytes = guest.resolve(GuestPointer{call.b}, call.c, Access::kRead);
  if (!bytes) return -SPRY_EFAULT;
  // The shared area has earlier output, which goes first; this matters if both streams are the same file.
  if (auto done = on_exit(guest); !done) return tl::unexpected(std::move(done.error()));
  const auto stream = static_cast<std::uint32_t>(call.a);
  std::vector<std::byte> copy;
  std::span<const std::byte> said = *bytes;
  const std::optional<std::size_t> room = keeps();
  const bool too_many = room && said.size() > *room;
  // Bytes that this process reads itself, not by a system call, are copied first (see `keeps`).
  if (room || (guest.initialising() && can_record(stream, said.size()))) {
    copy.resize(too_many ? *room : said.size());
    if (!guest.copy(copy, GuestPointer{call.b})) return -SPRY_EFAULT;
    said = copy;
  }
  if (auto done = say(guest, stream, said, true); !done) return tl::unexpected(std::move(done.error()));
  if (too_many) full(guest);
  return static_cast<std::int64_t>(call.c);
}

}  // namespace spry::console
