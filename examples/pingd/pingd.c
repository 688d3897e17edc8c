/* pingd ADDRESS [ECHOES]: answers ARP requests and pings for an IPv4 address. After ECHOES pings it prints its counts
 * and ends. While the interface is down, it waits. */
#include <spry/net.h>
#include <stdlib.h>

#include "responder.h"

SPRY_NET(uplink);

enum { kBatch = 32 };
static const uint64_t kSecond = 1000000000;

static struct responder responder;
static struct spry_net_frame frames[kBatch];
static uint64_t received;
static uint64_t sent;
static uint64_t unsent;

static uint64_t parse_count(const char *text) {
  uint64_t value = 0;
  do {
    if (*text < '0' || *text > '9' || value > UINT32_MAX) {
      spry_abort("usage: pingd ADDRESS [ECHOES]");
    }
    value = value * 10 + (uint64_t)(*text - '0');
  } while (*++text != 0);
  return value;
}

/* Sends the first `count` of `frames`. What cannot be sent because the interface went down is counted. */
static void send_all(size_t count) {
  for (size_t done = 0; done < count;) {
    int result = spry_net_send(&uplink, frames + done, count - done);
    if (result == -SPRY_EAGAIN) {
      spry_sleep_until(spry_monotonic_ns() + kSecond / 1000);
    } else if (result < 0) {
      unsent += count - done;
      return;
    } else {
      done += (size_t)result;
      sent += (uint64_t)result;
    }
  }
}

/* Receives and answers one batch of frames. Each answer is made in the memory of its question. Returns what
 * spry_net_receive returned. */
static int serve(uint8_t *room, uint32_t frame_max) {
  for (size_t i = 0; i < kBatch; i++) {
    frames[i] = (struct spry_net_frame){(uintptr_t)(room + i * frame_max), frame_max, 0};
  }
  int count = spry_net_receive(&uplink, frames, kBatch);
  size_t answers = 0;
  for (int i = 0; i < count; i++) {
    struct spry_net_frame frame = frames[i];
    received++;
    size_t length = frame.status == 0 ? respond(&responder, (uint8_t *)(uintptr_t)frame.address, frame.length) : 0;
    if (length != 0) {
      frames[answers++] = (struct spry_net_frame){frame.address, (uint32_t)length, 0};
    }
  }
  send_all(answers);
  return count;
}

int spry_main(int argc, char **argv) {
  struct spry_net_info info;
  if (argc < 2 || argc > 3 || !parse_address(argv[1], responder.address)) {
    spry_abort("usage: pingd ADDRESS [ECHOES]");
  }
  uint64_t echoes = argc == 3 ? parse_count(argv[2]) : UINT64_MAX;
  if (spry_net_info(&uplink, &info) != 0) {
    spry_abort("no information about the interface");
  }
  for (size_t i = 0; i < sizeof(info.mac); i++) {
    responder.mac[i] = info.mac[i];
  }
  uint8_t *room = malloc((size_t)kBatch * info.frame_max);
  if (room == NULL) {
    spry_abort("no memory for frames");
  }
  spry_printf(SPRY_STREAM_OUTPUT, "pingd: %s, MTU %u\n", argv[1], info.mtu);
  spry_flush();
  bool up = true;
  while (responder.echo_replies < echoes) {
    spry_poll(spry_monotonic_ns() + kSecond / 4, NULL);
    int result = serve(room, info.frame_max);
    bool now_up = result != -SPRY_ENETDOWN;
    if (now_up != up) {
      spry_printf(SPRY_STREAM_DIAGNOSTICS, "pingd: uplink is %s\n", now_up ? "up" : "down");
    }
    up = now_up;
    if (!up) {
      spry_sleep_until(spry_monotonic_ns() + kSecond / 20);
    }
  }
  spry_printf(SPRY_STREAM_OUTPUT,
              "received %lu, sent %lu: %lu ARP replies, %lu echo replies; ignored %lu, unsent %lu\n", received, sent,
              responder.arp_replies, responder.echo_replies, responder.ignored, unsent);
  return 0;
}
