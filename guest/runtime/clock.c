/* Time without an exit: the TSC, scaled as the boot page says (abi.h, spry_boot.clock_tsc). */
#include "spry/guest.h"

SPRY_NOTE(clock_note, SPRY_NOTE_NEEDS, struct spry_note_needs, .features = SPRY_FEATURE_CLOCK);

__extension__ typedef unsigned __int128 uint128;

/* LFENCE waits for all earlier instructions: without it RDTSC may run ahead of them (SDM volume 2, RDTSC). */
static uint64_t read_tsc(void) {
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

static uint64_t clock_by_hypercall(uint32_t which) {
  int64_t now = spry_hypercall(SPRY_CALL_CLOCK, which, 0, 0, 0, 0);
  if (now < 0) {
    spry_abort("the monitor has no clock");
  }
  return (uint64_t)now;
}

static uint64_t clock_by_tsc(const struct spry_boot *boot) {
  /* This CPU's TSC may lag a little behind the one that the monitor read: then no time has passed. */
  int64_t ticks = (int64_t)(read_tsc() - boot->clock_tsc);
  uint64_t elapsed = ticks > 0 ? (uint64_t)ticks : 0;
  return boot->clock_ns + (uint64_t)((uint128)elapsed * boot->clock_mult >> boot->clock_shift);
}

uint64_t spry_monotonic_ns(void) {
  static uint64_t latest;
  const struct spry_boot *boot = spry_boot_page();
  uint64_t now =
      (boot->features & SPRY_FEATURE_CLOCK) != 0 ? clock_by_tsc(boot) : clock_by_hypercall(SPRY_CLOCK_MONOTONIC);
  if (now > latest) {
    latest = now;
  }
  return latest;
}

uint64_t spry_wall_ns(void) {
  const struct spry_boot *boot = spry_boot_page();
  return (boot->features & SPRY_FEATURE_CLOCK) != 0 ? clock_by_tsc(boot) + boot->clock_wall
                                                    : clock_by_hypercall(SPRY_CLOCK_WALL);
}

void spry_sleep_until(uint64_t deadline_ns) {
  while (spry_monotonic_ns() < deadline_ns) {
    if (spry_hypercall(SPRY_CALL_POLL, deadline_ns, 0, 0, 0, 0) < 0) {
      spry_abort("spry_sleep_until: the monitor refuses to wait");
    }
  }
}
