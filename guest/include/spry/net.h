/* Networks. SPRY_NET(uplink); at file scope declares the interface that `spry run --net uplink=tap:NAME` attaches.
 * &uplink is then what the calls below take. The interface's name is made of a-z, 0-9 and _.
 *
 * An interface carries Ethernet frames without their checksum. One call takes many frames, because a call costs much
 * more than a frame. Calls return a count or a negated error number (abi.h, "Network operations"). The interface may go
 * down and come back while the program runs; in between calls return -SPRY_ENETDOWN. */
#ifndef SPRY_NET_H
#define SPRY_NET_H

#include "spry/guest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPRY_NET(name) SPRY_DEVICE(name, "net", #name)

/* Fills *info. Returns 0. */
int spry_net_info(const struct spry_device *net, struct spry_net_info *info);

/* Receives up to `count` frames, SPRY_NET_BATCH_MAX at most, without waiting (spry_poll waits). Each of `frames` names
 * the address and length of a place with room for info.frame_max bytes or more. Those that are filled get the frame's
 * length and a status. Returns how many were filled, or -SPRY_EAGAIN if no frame is there. */
int spry_net_receive(const struct spry_device *net, struct spry_net_frame *frames, size_t count);

/* Sends `frames` in their order, SPRY_NET_BATCH_MAX at most, and waits until at least one is sent. Returns how many
 * were sent, which may be fewer than `count`: call again with the others. */
int spry_net_send(const struct spry_device *net, const struct spry_net_frame *frames, size_t count);

#ifdef __cplusplus
}
#endif

#endif
