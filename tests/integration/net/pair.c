/* netpair ECHOES: answers on 10.7.0.2 (left) and 10.8.0.2 (right) at once, and prints the counts of each after so many
 * pings in all. Looks only at the interfaces that poll calls ready. */
#include <spry/net.h>
#include <stdlib.h>
#include <string.h>

#include "responder.h"

SPRY_NET(left);
SPRY_NET(right);

enum { kBatch = 64 };

struct side {
  const struct spry_device *net;
  const char *address;
  struct responder responder;
  uint32_t frame_max;
  uint8_t *room;
  uint64_t received;
  uint64_t sent;
};

static void start(struct side *side) {
  struct spry_net_info info;
  if (spry_net_info(side->net, &info) != 0 || !parse_address(side->address, side->responder.address)) {
    spry_abort("cannot start");
  }
  memcpy(side->responder.mac, info.mac, sizeof(info.mac));
  side->frame_max = info.frame_max;
  side->room = malloc((size_t)kBatch * info.frame_max);
  if (side->room == NULL) {
    spry_abort("no memory");
  }
}

static void serve(struct side *side) {
  struct spry_net_frame frames[kBatch];
  for (size_t i = 0; i < kBatch; i++) {
    frames[i] = (struct spry_net_frame){(uintptr_t)(side->room + i * side->frame_max), side->frame_max, 0};
  }
  int count = spry_net_receive(side->net, frames, kBatch);
  size_t answers = 0;
  for (int i = 0; i < count; i++) {
    size_t length = respond(&side->responder, (uint8_t *)(uintptr_t)frames[i].address, frames[i].length);
    side->received++;
    if (length != 0) {
      frames[answers++] = (struct spry_net_frame){frames[i].address, (uint32_t)length, 0};
    }
  }
  for (size_t done = 0; done < answers;) {
    int sent = spry_net_send(side->net, frames + done, answers - done);
    if (sent < 0) {
      spry_abort("cannot send");
    }
    done += (size_t)sent;
    side->sent += (uint64_t)sent;
  }
}

int spry_main(int argc, char **argv) {
  struct side sides[2] = {{.net = &left, .address = "10.7.0.2"}, {.net = &right, .address = "10.8.0.2"}};
  uint64_t echoes = 0;
  for (const char *digit = argc == 2 ? argv[1] : ""; *digit != 0; digit++) {
    echoes = echoes * 10 + (uint64_t)(*digit - '0');
  }
  start(&sides[0]);
  start(&sides[1]);
  while (sides[0].responder.echo_replies + sides[1].responder.echo_replies < echoes) {
    uint64_t ready = 0;
    int count = spry_poll(UINT64_MAX, &ready);
    if (count != __builtin_popcountll(ready) ||
        (ready & ~(1ul << spry_handle(&left) | 1ul << spry_handle(&right))) != 0) {
      spry_abort("the ready set is wrong");
    }
    for (size_t i = 0; i < 2; i++) {
      if ((ready >> spry_handle(sides[i].net) & 1) != 0) {
        serve(&sides[i]);
      }
    }
  }
  for (size_t i = 0; i < 2; i++) {
    spry_printf(SPRY_STREAM_OUTPUT, "received %lu, sent %lu: %lu echo replies\n", sides[i].received, sides[i].sent,
                sides[i].responder.echo_replies);
  }
  return 0;
}
