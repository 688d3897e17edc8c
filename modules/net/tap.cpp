#include "tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "text/format.h"

namespace spry::net {
namespace {

std::string_view why_not_attached(int error, bool exists) {
  switch (error) {
    case EPERM:
    case EACCES:
      return exists ? "this user may not use it (ip tuntap add mode tap user USER name NAME)"
                    : "there is no such interface, and this user may not make one (CAP_NET_ADMIN)";
    case EBUSY:
      return "another process uses it";
    case EINVAL:
      return "it is not a tap interface with one queue";
    default:
      return std::strerror(error);
  }
}

bool set_up(int control, const ifreq& name) {
  ifreq request = name;
  if (ioctl(control, SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

}  // namespace

Tap::Tap(int descriptor, bool blocking)
    : Channel(descriptor), control_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), blocking_(blocking) {}

Tap::~Tap() {
  if (control_ >= 0) close(control_);
}

Result<std::unique_ptr<Channel>> Tap::open(std::string_view who, const std::string& interface) {
  const auto refuse = [&](std::string_view why) {
    return fail(code_for(errno, ErrorCode::kFile), fmt::format("{}: {}", who, why));
  };
  const int descriptor = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return refuse(fmt::format("cannot open /dev/net/tun: {}", std::strerror(errno)));
  std::unique_ptr<Tap> tap(new Tap(descriptor, false));
  if (tap->control_ < 0) return refuse(fmt::format("cannot open a socket: {}", std::strerror(errno)));
  ifreq request = {};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  ifreq existing = request;
  const bool exists = ioctl(tap->control_, SIOCGIFINDEX, &existing) == 0;
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(descriptor, TUNSETIFF, &request) != 0) return refuse(why_not_attached(errno, exists));
  tap->ours_ = true;
  if (!exists && !set_up(tap->control_, request)) {
    return refuse(fmt::format("cannot set the new interface up: {}", std::strerror(errno)));
  }
  return tap;
}

Result<std::unique_ptr<Channel>> Tap::adopt(std::string_view who, int descriptor) {
  const auto refuse = [&](std::string_view why) { return fail(ErrorCode::kFile, fmt::format("{}: {}", who, why)); };
  const int flags = fcntl(descriptor, F_GETFL);
  std::unique_ptr<Tap> tap(new Tap(descriptor, (flags & O_NONBLOCK) == 0));
  if (tap->control_ < 0) {
    return fail(code_for(errno, ErrorCode::kFile),
                fmt::format("{}: cannot open a socket: {}", who, std::strerror(errno)));
  }
  ifreq request = {};
  if (ioctl(descriptor, TUNGETIFF, &request) != 0) return refuse("the descriptor is attached to no interface");
  if ((request.ifr_flags & IFF_TAP) == 0 || (request.ifr_flags & IFF_NO_PI) == 0 ||
      (request.ifr_flags & IFF_VNET_HDR) != 0) {
    return refuse("the descriptor's interface was not opened with IFF_TAP and IFF_NO_PI alone");
  }
  // The interface may be in another network namespace, and another interface may have its name here. The descriptor
  // itself tells the interface's hardware address: it is ours if the interface of that name here has the same address.
  ifreq own = request;
  ifreq seen = request;
  tap->ours_ = ioctl(descriptor, SIOCGIFHWADDR, &own) == 0 && ioctl(tap->control_, SIOCGIFHWADDR, &seen) == 0 &&
               std::memcmp(own.ifr_hwaddr.sa_data, seen.ifr_hwaddr.sa_data, MacAddress().size()) == 0;
  return tap;
}

bool Tap::ask(unsigned long request, void* answer) const {
  ifreq current = {};
  if (!ours_ || ioctl(descriptor(), TUNGETIFF, &current) != 0 || ioctl(control_, request, &current) != 0) return false;
  std::memcpy(answer, &current, sizeof current);
  return true;
}

bool Tap::up() const {
  ifreq flags = {};
  // TUNGETIFF fails when the interface was deleted.
  if (!ours_) return ioctl(descriptor(), TUNGETIFF, &flags) == 0;
  return ask(SIOCGIFFLAGS, &flags) && (flags.ifr_flags & IFF_UP) != 0;
}

std::optional<std::uint32_t> Tap::mtu() const {
  ifreq answer = {};
  if (!ask(SIOCGIFMTU, &answer)) return std::nullopt;
  return static_cast<std::uint32_t>(answer.ifr_mtu);
}

bool Tap::readable() const {
  pollfd request = {descriptor(), POLLIN, 0};
  return poll(&request, 1, 0) == 1;
}

int Tap::explain(int error) const {
  // A tap that is down answers a write with EIO, one that was deleted with EBADFD.
  if (error == EBADFD || ((error == EIO || error == EAGAIN) && !up())) return -ENETDOWN;
  return -error;
}

int Tap::receive(std::span<Frame> frames) {
  int count = 0;
  for (Frame& frame : frames) {
    if (blocking_ && !readable()) return count > 0 ? count : explain(EAGAIN);
    // A read with too little room cuts the frame silently: room for one more byte shows that.
    std::byte beyond;
    const iovec parts[] = {{frame.memory.data(), frame.memory.size()}, {&beyond, 1}};
    const ssize_t length = readv(descriptor(), parts, 2);
    if (length < 0 && errno == EINTR) return count > 0 ? count : -EAGAIN;
    if (length < 0) return count > 0 ? count : explain(errno);
    frame.cut = static_cast<std::size_t>(length) > frame.memory.size();
    frame.length = frame.cut ? frame.memory.size() : static_cast<std::size_t>(length);
    ++count;
  }
  return count;
}

int Tap::send(Guest&, std::span<const Frame> frames) {
  int count = 0;
  for (const Frame& frame : frames) {
    // A frame is sent as a whole or not at all. EINTR counts as EAGAIN: the caller waits, which tells whether the run
    // is to end, and tries again.
    if (write(descriptor(), frame.memory.data(), frame.memory.size()) < 0) {
      return count > 0 ? count : explain(errno == EINTR ? EAGAIN : errno);
    }
    ++count;
  }
  return count;
}

}  // namespace spry::net
