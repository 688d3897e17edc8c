/* The clocks: monotonic time advances and never goes back, the boot page and the hypercall agree, waiting waits. */
#include "guest_case.h"

#define MILLISECOND 1000000u
#define SECOND 1000000000u
#define SECONDS_2024 1704067200u /* 2024-01-01 00:00 UTC */

static uint64_t call(uint64_t which) { return (uint64_t)spry_hypercall(SPRY_CALL_CLOCK, which, 0, 0, 0, 0); }

static void advances(void) {
  uint64_t first = spry_monotonic_ns(), last = first;
  for (unsigned i = 0; i < 20000; i++) {
    uint64_t now = spry_monotonic_ns();
    CHECK(now >= last);
    last = now;
  }
  CHECK(last > first && last - first < 60u * (uint64_t)SECOND);
}

/* Generous: an emulated host may be interrupted between any two readings. */
static void close_to(uint64_t one, uint64_t other) { CHECK(one - other + SECOND / 4 < SECOND / 2); }

static void agrees(void) {
  for (unsigned i = 0; i < 3; i++) {
    close_to(spry_monotonic_ns(), call(SPRY_CLOCK_MONOTONIC));
    close_to(spry_wall_ns(), call(SPRY_CLOCK_WALL));
    spry_sleep_until(spry_monotonic_ns() + 50 * MILLISECOND);
  }
}

static void wall(void) {
  CHECK(spry_wall_ns() / SECOND > SECONDS_2024);
  CHECK(spry_wall_ns() - spry_monotonic_ns() == spry_boot_page()->clock_wall ||
        spry_wall_ns() - spry_monotonic_ns() < UINT64_MAX / 2);
}

static void sleeps(void) {
  uint64_t start = spry_monotonic_ns();
  spry_sleep_until(start + 50 * MILLISECOND);
  uint64_t end = spry_monotonic_ns();
  CHECK(end - start >= 50 * MILLISECOND && end - start < 20u * (uint64_t)SECOND);
  spry_sleep_until(0);
  spry_sleep_until(end);
  CHECK(spry_monotonic_ns() - end < 20u * (uint64_t)SECOND);
}

/* Nothing is ever ready on a console: a poll is a wait. */
static void polls(void) {
  uint64_t set = 0xff, until = spry_monotonic_ns() + 30 * MILLISECOND;
  CHECK(spry_hypercall(SPRY_CALL_POLL, until, address_of(&set), 0, 0, 0) == 0);
  CHECK(*(volatile uint64_t *)&set == 0 && call(SPRY_CLOCK_MONOTONIC) >= until);
  CHECK(spry_hypercall(SPRY_CALL_POLL, 0, 0, 0, 0, 0) == 0);
}

static const struct guest_case cases[] = {
    CASE(advances), CASE(agrees), CASE(wall), CASE(sleeps), CASE(polls),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
