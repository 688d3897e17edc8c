/* Networks. SPRY_NET(uplink); at file scope declares the interface that `spry run --net uplink=tap:NAME` attaches;
 * &uplink is then what the calls below take. Its name is made of a-z, 0-9 and _.
 *
 * An interface carries Ethernet frames without their checksum, many in one call, because a call is dear and a frame is
 * not. Calls return a count or a negated error number (abi.h, "Network operations"). The interface may go down and come
 * back while the program runs: -SPRY_ENETDOWN in between. */
#ifndef SPRY_NET_H
#define SPRY_NET_H

#include "spry/guest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPRY_NET(name) SPRY_DEVICE(name, "net", #name)

/* Fills *info. Returns 0. */
int spry_net_info(const struct spry_device *net, struct spry_net_info *info);

/* Receives up to `count` frames, SPRY_NET_BATCH_MAX at most, without waiting: spry_poll does that. Each of `frames`
 * says where there is room for info.frame_max bytes; those that were filled have the frame's length and a status.
 * Returns their number, or -SPRY_EAGAIN if none is there. */
int spry_net_receive(const struct spry_device *net, struct spry_net_frame *frames, size_t count);

/* Sends `frames` in their order, SPRY_NET_BATCH_MAX at most; waits until at least one is out. Returns how many were
 * sent, which may be fewer: call again with the others. */
int spry_net_send(const struct spry_device *net, const struct spry_net_frame *frames, size_t count);

#ifdef __cplusplus
}
#endif

#endif
