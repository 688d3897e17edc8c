#include "channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "packets.h"
#include "stream.h"
#include "tap.h"
#include "text/format.h"

namespace spry::net {
namespace {

// /dev/net/tun (Documentation/admin-guide/devices.txt).
constexpr unsigned kMiscMajor = 10;
constexpr unsigned kTunMinor = 200;

// A channel for an inherited descriptor. It owns a copy, because two interfaces may be given the same descriptor.
Result<std::unique_ptr<Channel>> adopt(std::string_view who, int inherited) {
  const auto refuse = [&](std::string_view why) { return fail(ErrorCode::kFile, fmt::format("{}: {}", who, why)); };
  struct stat status;
  const int descriptor = fcntl(inherited, F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    return fail(code_for(errno, ErrorCode::kFile), fmt::format("{}: {}", who, std::strerror(errno)));
  }
  if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(kMiscMajor, kTunMinor)) return Tap::adopt(who, descriptor);
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    close(descriptor);
    return refuse("it is neither a tap nor a socket");
  }
  int listens = 0;
  size = sizeof listens;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0) {
    close(descriptor);
    return refuse("it is a socket that waits for connections, not a connected one");
  }
  if (type == SOCK_STREAM) return std::make_unique<Stream>(descriptor);
  return std::make_unique<Packets>(descriptor, type == SOCK_SEQPACKET);
}

}  // namespace

Channel::~Channel() { close(descriptor_); }

Result<std::unique_ptr<Channel>> open_channel(std::string_view name, const Specification& specification) {
  switch (specification.back_end) {
    case BackEnd::kTap:
      return Tap::open(fmt::format("net {}: tap:{}", name, specification.target), specification.target);
    case BackEnd::kDescriptor:
      return adopt(fmt::format("net {}: fd:{}", name, specification.descriptor), specification.descriptor);
    case BackEnd::kUnix:
      return Stream::connect(fmt::format("net {}: unix:{}", name, specification.target), specification.target);
  }
  return fail(ErrorCode::kInvalidArgument, fmt::format("net {}: no such back end", name));
}

bool store(std::span<std::byte> to, std::span<const std::byte> from) {
  if (from.empty()) return true;
  const iovec local = {const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote = {to.data(), from.size()};
  return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(from.size());
}

}  // namespace spry::net
