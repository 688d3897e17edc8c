#include "responder.h"

#include <string.h>

/* Offsets in a frame: Ethernet, then ARP or IPv4 without options, then ICMP. */
enum {
  kDestination = 0,
  kSource = 6,
  kType = 12,
  kPayload = 14,

  kArpOperation = kPayload + 6,
  kArpSenderMac = kPayload + 8,
  kArpSenderAddress = kPayload + 14,
  kArpTargetMac = kPayload + 18,
  kArpTargetAddress = kPayload + 24,
  kArpEnd = kPayload + 28,

  kIpTotalLength = kPayload + 2,
  kIpFragment = kPayload + 6,
  kIpTimeToLive = kPayload + 8,
  kIpProtocol = kPayload + 9,
  kIpChecksum = kPayload + 10,
  kIpSource = kPayload + 12,
  kIpDestination = kPayload + 16,
  kIpEnd = kPayload + 20,

  kIcmpType = kIpEnd,
  kIcmpCode = kIpEnd + 1,
  kIcmpChecksum = kIpEnd + 2,
  kIcmpEnd = kIpEnd + 8,
};

enum { kTypeIpv4 = 0x0800, kTypeArp = 0x0806 };
enum { kArpRequest = 1, kArpReply = 2 };
enum { kProtocolIcmp = 1, kEchoReply = 0, kEchoRequest = 8, kTimeToLive = 64 };
enum { kMoreFragmentsAndOffset = 0x3fff };

static unsigned get16(const uint8_t *bytes) { return (unsigned)bytes[0] << 8 | bytes[1]; }

static void put16(uint8_t *bytes, unsigned value) {
  bytes[0] = (uint8_t)(value >> 8);
  bytes[1] = (uint8_t)value;
}

/* The Internet checksum (RFC 1071). It is 0 for bytes that include their own correct checksum. */
static unsigned checksum(const uint8_t *bytes, size_t length) {
  uint64_t sum = 0;
  for (; length > 1; bytes += 2, length -= 2) {
    sum += get16(bytes);
  }
  sum += length == 1 ? (uint64_t)bytes[0] << 8 : 0;
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return (unsigned)~sum & 0xffff;
}

bool parse_address(const char *text, uint8_t address[4]) {
  for (size_t i = 0; i < 4; i++) {
    unsigned value = 0;
    size_t digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++) {
      value = value * 10 + (unsigned)(*text - '0');
    }
    if (digits == 0 || value > 255 || *text++ != (i < 3 ? '.' : 0)) {
      return false;
    }
    address[i] = (uint8_t)value;
  }
  return true;
}

static size_t respond_to_arp(struct responder *responder, uint8_t *frame, size_t length) {
  static const uint8_t ethernet_and_ipv4[] = {0, 1, 8, 0, 6, 4, 0, kArpRequest};
  if (length < kArpEnd || memcmp(frame + kPayload, ethernet_and_ipv4, sizeof(ethernet_and_ipv4)) != 0 ||
      memcmp(frame + kArpTargetAddress, responder->address, 4) != 0) {
    return 0;
  }
  put16(frame + kArpOperation, kArpReply);
  memcpy(frame + kArpTargetMac, frame + kArpSenderMac, 6);
  memcpy(frame + kArpTargetAddress, frame + kArpSenderAddress, 4);
  memcpy(frame + kArpSenderMac, responder->mac, 6);
  memcpy(frame + kArpSenderAddress, responder->address, 4);
  responder->arp_replies++;
  return kArpEnd;
}

static size_t respond_to_echo(struct responder *responder, uint8_t *frame, size_t length) {
  if (length < kIcmpEnd || frame[kPayload] != 0x45 || memcmp(frame + kDestination, responder->mac, 6) != 0 ||
      memcmp(frame + kIpDestination, responder->address, 4) != 0 || frame[kIpProtocol] != kProtocolIcmp) {
    return 0;
  }
  size_t end = kPayload + get16(frame + kIpTotalLength);
  if (end < kIcmpEnd || end > length || (get16(frame + kIpFragment) & kMoreFragmentsAndOffset) != 0 ||
      frame[kIcmpType] != kEchoRequest || frame[kIcmpCode] != 0 || checksum(frame + kPayload, kIpEnd - kPayload) != 0 ||
      checksum(frame + kIpEnd, end - kIpEnd) != 0) {
    return 0;
  }
  frame[kIcmpType] = kEchoReply;
  put16(frame + kIcmpChecksum, 0);
  put16(frame + kIcmpChecksum, checksum(frame + kIpEnd, end - kIpEnd));
  memcpy(frame + kIpDestination, frame + kIpSource, 4);
  memcpy(frame + kIpSource, responder->address, 4);
  frame[kIpTimeToLive] = kTimeToLive;
  put16(frame + kIpChecksum, 0);
  put16(frame + kIpChecksum, checksum(frame + kPayload, kIpEnd - kPayload));
  responder->echo_replies++;
  return end;
}

size_t respond(struct responder *responder, uint8_t *frame, size_t length) {
  size_t answer = 0;
  if (length >= kPayload && get16(frame + kType) == kTypeArp) {
    answer = respond_to_arp(responder, frame, length);
  } else if (length >= kPayload && get16(frame + kType) == kTypeIpv4) {
    answer = respond_to_echo(responder, frame, length);
  }
  if (answer == 0) {
    responder->ignored++;
    return 0;
  }
  memcpy(frame + kDestination, frame + kSource, 6);
  memcpy(frame + kSource, responder->mac, 6);
  return answer;
}
