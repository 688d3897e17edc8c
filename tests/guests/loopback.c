/* Two interfaces whose wires are joined: what one sends, in batches, the other receives, in order and whole. */
#include <spry/net.h>

#include "guest_case.h"

SPRY_NET(near);
SPRY_NET(far);

enum { kBatch = 8, kRounds = 20, kRoom = 1518, kShortest = 60 };

static unsigned char sent[kBatch][kRoom];
static unsigned char received[kBatch][kRoom];

/* Frame i of a round: every length from the shortest to the longest turns up, filled with bytes of its own. */
static uint32_t make(unsigned round, unsigned i) {
  uint32_t length = kShortest + (round * kBatch + i) * (kRoom - kShortest) / (kRounds * kBatch - 1);
  for (uint32_t k = 0; k < length; k++) {
    sent[i][k] = (unsigned char)(k * 7 + round * 31 + i);
  }
  return length;
}

static void receive_all(const struct spry_net_frame *expected) {
  unsigned count = 0;
  while (count < kBatch) {
    uint64_t ready = 0;
    CHECK(spry_poll(UINT64_MAX, &ready) == 1);
    CHECK(ready == (uint64_t)1 << spry_handle(&far));
    struct spry_net_frame room[kBatch];
    for (unsigned i = count; i < kBatch; i++) {
      room[i - count] = (struct spry_net_frame){address_of(received[i]), kRoom, 1};
    }
    int got = spry_net_receive(&far, room, kBatch - count);
    CHECK(got > 0);
    for (int i = 0; i < got; i++, count++) {
      CHECK(room[i].status == 0);
      CHECK(room[i].length == expected[count].length);
      CHECK(memcmp(received[count], sent[count], room[i].length) == 0);
    }
  }
}

static void frames(void) {
  struct spry_net_info info;
  CHECK(spry_net_info(&near, &info) == 0);
  CHECK(info.frame_max == kRoom && (info.flags & SPRY_NET_UP) != 0);
  struct spry_net_frame none = {address_of(received[0]), kRoom, 0};
  CHECK(spry_net_receive(&far, &none, 1) == -SPRY_EAGAIN);
  for (unsigned round = 0; round < kRounds; round++) {
    struct spry_net_frame out[kBatch];
    for (unsigned i = 0; i < kBatch; i++) {
      out[i] = (struct spry_net_frame){address_of(sent[i]), make(round, i), 0};
    }
    for (int done = 0; done < kBatch;) {
      int count = spry_net_send(&near, out + done, (size_t)(kBatch - done));
      CHECK(count > 0);
      done += count;
    }
    receive_all(out);
  }
}

/* What no frame is. */
static void refused(void) {
  struct spry_net_frame short_frame = {address_of(sent[0]), SPRY_NET_FRAME_MIN - 1, 0};
  CHECK(spry_net_send(&near, &short_frame, 1) == -SPRY_EMSGSIZE);
  struct spry_net_frame long_frame = {address_of(sent[0]), kRoom + 1, 0};
  CHECK(spry_net_send(&near, &long_frame, 1) == -SPRY_EMSGSIZE);
  struct spry_net_frame nowhere = {8, 100, 0};
  CHECK(spry_net_send(&near, &nowhere, 1) == -SPRY_EFAULT);
  struct spry_net_frame read_only = {address_of(spry_boot_page()), kRoom, 0};
  CHECK(spry_net_receive(&near, &read_only, 1) == -SPRY_EFAULT);
  CHECK(spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&near), SPRY_NET_READ, address_of(&nowhere),
                       SPRY_NET_BATCH_MAX + 1, 0) == -SPRY_EINVAL);
  CHECK(spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&near), 99, 0, 0, 0) == -SPRY_ENOSYS);
}

int spry_main(int argc, char **argv) {
  static const struct guest_case cases[] = {CASE(frames), CASE(refused)};
  return RUN_CASE(cases, argc, argv);
}
