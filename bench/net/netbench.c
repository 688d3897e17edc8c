/* netbench FRAMES BATCH: sends FRAMES frames on `left` and receives them on `right`, which a bridge connects to `left`,
 * with BATCH frames in a call. Prints the frames per second of both calls. No frame may be lost. */
#include <spry/net.h>
#include <stdlib.h>
#include <string.h>

SPRY_NET(left);
SPRY_NET(right);

static size_t parse(const char *text) {
  size_t value = 0;
  for (; *text != 0; text++) {
    value = value * 10 + (size_t)(*text - '0');
  }
  return value;
}

int spry_main(int argc, char **argv) {
  static struct spry_net_frame frames[SPRY_NET_BATCH_MAX];
  struct spry_net_info info;
  if (argc != 3) {
    spry_abort("usage: netbench FRAMES BATCH");
  }
  size_t total = parse(argv[1]);
  size_t batch = parse(argv[2]);
  if (batch == 0 || batch > SPRY_NET_BATCH_MAX || spry_net_info(&right, &info) != 0) {
    spry_abort("cannot start");
  }
  uint8_t *room = calloc(batch, info.frame_max);
  if (room == NULL) {
    spry_abort("no memory");
  }
  uint64_t sending = 0;
  uint64_t receiving = 0;
  for (size_t done = 0; done < total; done += batch) {
    for (size_t i = 0; i < batch; i++) {
      uint8_t *frame = room + i * info.frame_max;
      memset(frame, 0xff, 6);
      memcpy(frame + 6, "\2\0\0\0\0\7\x88\xb5", 8); /* a type for local experiments (IEEE 802) */
      frames[i] = (struct spry_net_frame){(uintptr_t)frame, 60, 0};
    }
    uint64_t start = spry_monotonic_ns();
    for (size_t sent = 0; sent < batch;) {
      int result = spry_net_send(&left, frames + sent, batch - sent);
      if (result < 0) {
        spry_abort("cannot send");
      }
      sent += (size_t)result;
    }
    uint64_t between = spry_monotonic_ns();
    for (size_t i = 0; i < batch; i++) {
      frames[i].length = info.frame_max;
    }
    for (size_t received = 0; received < batch;) {
      int result = spry_net_receive(&right, frames + received, batch - received);
      if (result == -SPRY_EAGAIN) {
        if (spry_poll(spry_monotonic_ns() + 2000000000, NULL) == 0) {
          spry_abort("a frame was lost");
        }
      } else if (result < 0) {
        spry_abort("cannot receive");
      } else {
        received += (size_t)result;
      }
    }
    sending += between - start;
    receiving += spry_monotonic_ns() - between;
  }
  spry_printf(SPRY_STREAM_OUTPUT, "%zu %lu %lu\n", batch, total * 1000000000 / sending, total * 1000000000 / receiving);
  return 0;
}
