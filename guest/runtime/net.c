/* Networks: each call is a hypercall. */
#include "spry/net.h"

static int64_t call(const struct spry_device *net, uint64_t operation, uint64_t a, uint64_t b) {
  return spry_hypercall(SPRY_CALL_DEVICE, spry_handle(net), operation, a, b, 0);
}

static size_t batch(size_t count) { return count < SPRY_NET_BATCH_MAX ? count : SPRY_NET_BATCH_MAX; }

int spry_net_info(const struct spry_device *net, struct spry_net_info *info) {
  return (int)call(net, SPRY_NET_INFO, (uintptr_t)info, 0);
}

int spry_net_receive(const struct spry_device *net, struct spry_net_frame *frames, size_t count) {
  return (int)call(net, SPRY_NET_READ, (uintptr_t)frames, batch(count));
}

int spry_net_send(const struct spry_device *net, const struct spry_net_frame *frames, size_t count) {
  return (int)call(net, SPRY_NET_WRITE, (uintptr_t)frames, batch(count));
}
