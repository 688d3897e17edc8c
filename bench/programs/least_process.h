/* Runs the least guest that is a process (least_guest.c), by notifications. It is the floor with which kept machines
 * and hypercalls of the process platform are compared. It does nothing that a monitor owes its guests, and uses no code
 * of Spry's. */
#ifndef SPRY_BENCH_LEAST_PROCESS_H
#define SPRY_BENCH_LEAST_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct least_guest_memory;

struct least_process {
  pid_t pid;
  int listener;
  struct least_guest_memory *memory;
  uint64_t waiting; /* the notification for whose answer the guest waits */
};

/* Starts the program `guest`, bench-least-guest, and waits for its first notification; 0, or -1 with errno. */
int least_process_create(struct least_process *process, const char *guest);

/* Answers the last notification and waits for the next: the bare way out of such a guest and back. */
int least_process_answer(struct least_process *process);

/* A kept action: puts back the page that the last one wrote, has the guest begin again, and waits for its end. */
int least_process_begin(struct least_process *process);

void least_process_destroy(struct least_process *process);

#ifdef __cplusplus
}
#endif

#endif
