/* udpclient ADDRESS GATEWAY PORT ROUNDS: asks the gateway's address by ARP, then sends ROUNDS numbered UDP datagrams to
 * its port, and waits for each to come back, in upper case and unchanged otherwise. */
#include <spry/net.h>
#include <stdlib.h>
#include <string.h>

#include "responder.h"

SPRY_NET(uplink);

enum { kPort = 5000, kHeaders = 14 + 20 + 8, kArpLength = 42, kText = 1000, kTries = 20 };

static struct spry_net_info info;
static uint8_t address[4];
static uint8_t gateway[4];
static uint8_t gateway_mac[6];
static uint8_t *room;

static void put16(uint8_t *bytes, size_t value) {
  bytes[0] = (uint8_t)(value >> 8);
  bytes[1] = (uint8_t)value;
}

static size_t get16(const uint8_t *bytes) { return (size_t)bytes[0] << 8 | bytes[1]; }

static void send_frame(uint8_t *frame, size_t length) {
  struct spry_net_frame descriptor = {(uintptr_t)frame, (uint32_t)length, 0};
  if (spry_net_send(&uplink, &descriptor, 1) != 1) {
    spry_abort("cannot send");
  }
}

/* The next frame into `room`, or 0 at the deadline. */
static size_t receive_frame(uint64_t deadline) {
  for (;;) {
    /* Receives one frame for each call: frames that the monitor still holds must make the device ready. */
    struct spry_net_frame descriptor = {(uintptr_t)room, info.frame_max, 0};
    int result = spry_net_receive(&uplink, &descriptor, 1);
    if (result == 1) {
      return descriptor.length;
    }
    if (result != -SPRY_EAGAIN) {
      spry_abort("cannot receive");
    }
    if (spry_poll(deadline, NULL) == 0) {
      return 0;
    }
  }
}

static int find_gateway(void) {
  for (int i = 0; i < kTries; i++) {
    uint8_t request[kArpLength] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    memcpy(request + 6, info.mac, 6);
    memcpy(request + 22, info.mac, 6);
    memcpy(request + 28, address, 4);
    memcpy(request + 38, gateway, 4);
    send_frame(request, sizeof(request));
    uint64_t deadline = spry_monotonic_ns() + 200000000;
    while (receive_frame(deadline) != 0) {
      if (get16(room + 12) == 0x0806 && get16(room + 20) == 2 && memcmp(room + 28, gateway, 4) == 0) {
        memcpy(gateway_mac, room + 22, 6);
        return 1;
      }
    }
  }
  return 0;
}

static size_t checksum_of_header(const uint8_t *header) {
  size_t sum = 0;
  for (size_t i = 0; i < 20; i += 2) {
    sum += get16(header + i);
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return ~sum & 0xffff;
}

static int exchange(uint8_t number, size_t port) {
  uint8_t frame[kHeaders + kText] = {0};
  memcpy(frame, gateway_mac, 6);
  memcpy(frame + 6, info.mac, 6);
  put16(frame + 12, 0x0800);
  frame[14] = 0x45;
  put16(frame + 16, sizeof(frame) - 14);
  frame[22] = 64;
  frame[23] = 17;
  memcpy(frame + 26, address, 4);
  memcpy(frame + 30, gateway, 4);
  put16(frame + 24, checksum_of_header(frame + 14));
  put16(frame + 34, kPort);
  put16(frame + 36, port);
  put16(frame + 38, 8 + kText); /* its checksum stays 0: none (RFC 768) */
  memset(frame + kHeaders, 'a' + number % 26, kText);
  frame[kHeaders] = (uint8_t)('0' + number % 10);
  send_frame(frame, sizeof(frame));
  uint64_t deadline = spry_monotonic_ns() + 2000000000;
  while (receive_frame(deadline) != 0) {
    if (get16(room + 12) == 0x0800 && room[23] == 17 && get16(room + 34) == port && get16(room + 36) == kPort) {
      memset(frame + kHeaders + 1, 'A' + number % 26, kText - 1);
      return get16(room + 38) == 8 + kText && memcmp(room + kHeaders, frame + kHeaders, kText) == 0;
    }
  }
  return 0;
}

int spry_main(int argc, char **argv) {
  if (argc != 5 || !parse_address(argv[1], address) || !parse_address(argv[2], gateway)) {
    spry_abort("usage: udpclient ADDRESS GATEWAY PORT ROUNDS");
  }
  size_t numbers[2] = {0, 0};
  for (size_t i = 0; i < 2; i++) {
    for (const char *digit = argv[3 + i]; *digit != 0; digit++) {
      numbers[i] = numbers[i] * 10 + (size_t)(*digit - '0');
    }
  }
  if (spry_net_info(&uplink, &info) != 0 || (room = malloc(info.frame_max)) == NULL) {
    spry_abort("cannot start");
  }
  if (!find_gateway()) {
    spry_abort("no answer to ARP");
  }
  for (size_t i = 0; i < numbers[1]; i++) {
    if (!exchange((uint8_t)i, numbers[0])) {
      spry_abort("no right answer by UDP");
    }
  }
  spry_printf(SPRY_STREAM_OUTPUT, "%zu datagrams there and back\n", numbers[1]);
  return 0;
}
