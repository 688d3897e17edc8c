/* netecho FRAMES: sends each of FRAMES frames back, one for each call, and waits for the next for ever. Status 3 if the
 * peer is gone, else how many frames had a wrong length. */
#include <spry/net.h>
#include <stdlib.h>

SPRY_NET(uplink);

int spry_main(int argc, char **argv) {
  struct spry_net_info info;
  if (spry_net_info(&uplink, &info) != 0) {
    spry_abort("cannot start");
  }
  uint8_t *room = malloc(info.frame_max);
  int left = argc == 2 ? argv[1][0] - '0' : 0;
  int wrong = 0;
  while (left > 0) {
    uint64_t ready = 0;
    if (spry_poll(UINT64_MAX, &ready) != 1 || ready != 1ul << spry_handle(&uplink)) {
      spry_abort("the ready set is wrong");
    }
    struct spry_net_frame frame = {(uintptr_t)room, info.frame_max, 0};
    int result = spry_net_receive(&uplink, &frame, 1);
    if (result == -SPRY_ENETDOWN) {
      return 3;
    }
    if (result == -SPRY_EAGAIN) {
      continue;
    }
    left--;
    if (result != 1 || frame.status != 0) {
      wrong++;
    } else if (spry_net_send(&uplink, &frame, 1) != 1) {
      spry_abort("cannot send");
    }
  }
  return wrong;
}
