/* Answers to ARP requests (RFC 826) and ICMP echo requests (RFC 792) for one IPv4 address. */
#ifndef RESPONDER_H
#define RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct responder {
  uint8_t mac[6];
  uint8_t address[4];
  uint64_t arp_replies;
  uint64_t echo_replies;
  uint64_t ignored;
};

/* Parses a dotted IPv4 address. */
bool parse_address(const char *text, uint8_t address[4]);

/* Turns a frame into the answer to it, in place. Returns the answer's length, or 0 if there is none. */
size_t respond(struct responder *responder, uint8_t *frame, size_t length);

#endif
