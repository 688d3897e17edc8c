/* The clocks: monotonic time advances and never goes back, the boot page and the hypercall agree, waiting waits. A host
 * may be paused for any time between two instructions, an emulated one above all: so no reading has to be close to the
 * next. */
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
  CHECK(last > first);
}

/* How far the boot page's clock may be from the hypercall's after `elapsed`. The monitor sets the one by the other
 * within microseconds, and then they drift apart. A host's kernel may later find the TSC's frequency to differ by 1 %
 * from what it told KVM. */
static uint64_t tolerance(uint64_t elapsed) { return 5 * MILLISECOND + elapsed / 64; }

/* How far it may be off even on an emulated host, whose kernel knows the TSC's frequency only roughly. A clock with a
 * wrong factor or shift is off by more. */
static uint64_t rough_tolerance(uint64_t elapsed) { return SECOND + elapsed / 4; }

/* The hypercall's clock before and after the boot page's: however long the guest is paused between two readings, the
 * middle one is between the others. */
static void agree(uint64_t which, uint64_t (*read)(void), uint64_t (*allowed)(uint64_t elapsed)) {
  uint64_t before = call(which), between = read(), after = call(which);
  uint64_t off = allowed(call(SPRY_CLOCK_MONOTONIC));
  CHECK(before <= after);
  CHECK(between + off >= before);
  CHECK(between <= after + off);
}

static void both_agree(uint64_t (*allowed)(uint64_t elapsed)) {
  for (unsigned i = 0; i < 3; i++) {
    agree(SPRY_CLOCK_MONOTONIC, spry_monotonic_ns, allowed);
    agree(SPRY_CLOCK_WALL, spry_wall_ns, allowed);
    spry_sleep_until(spry_monotonic_ns() + 50 * MILLISECOND);
  }
}

static void agrees(void) { both_agree(tolerance); }
static void agrees_roughly(void) { both_agree(rough_tolerance); }

static void wall(void) {
  CHECK(spry_wall_ns() / SECOND > SECONDS_2024);
  CHECK(spry_wall_ns() - spry_monotonic_ns() == spry_boot_page()->clock_wall ||
        spry_wall_ns() - spry_monotonic_ns() < UINT64_MAX / 2);
}

static uint64_t smaller(uint64_t one, uint64_t other) { return one < other ? one : other; }

/* No wait may be too short. A single wait may be too long, because something paused the guest, but not every one. */
static void sleeps(void) {
  uint64_t wait = UINT64_MAX, none = UINT64_MAX;
  for (unsigned i = 0; i < 3; i++) {
    uint64_t start = spry_monotonic_ns();
    spry_sleep_until(start + 50 * MILLISECOND);
    uint64_t end = spry_monotonic_ns();
    CHECK(end - start >= 50 * MILLISECOND);
    spry_sleep_until(0);
    spry_sleep_until(end);
    wait = smaller(wait, end - start);
    none = smaller(none, spry_monotonic_ns() - end);
  }
  CHECK(wait < 20u * (uint64_t)SECOND && none < 20u * (uint64_t)SECOND);
}

/* Nothing is ever ready on a console: a poll is a wait. */
static void polls(void) {
  uint64_t set = 0xff, until = spry_monotonic_ns() + 30 * MILLISECOND;
  CHECK(spry_hypercall(SPRY_CALL_POLL, until, address_of(&set), 0, 0, 0) == 0);
  CHECK(*(volatile uint64_t *)&set == 0 && call(SPRY_CLOCK_MONOTONIC) >= until);
  CHECK(spry_hypercall(SPRY_CALL_POLL, 0, 0, 0, 0, 0) == 0);
}

static const struct guest_case cases[] = {
    CASE(advances), CASE(agrees), CASE(agrees_roughly), CASE(wall), CASE(sleeps), CASE(polls),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
