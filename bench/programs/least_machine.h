/* The least virtual machine that can print through KVM: one memory slot, one vCPU, and ring 3 from its first
 * instruction. It has no exception gates, no checks, and nothing else that a monitor owes its guests. It is the floor
 * with which Spry's figures are compared, and uses no code of Spry's. */
#ifndef SPRY_BENCH_LEAST_MACHINE_H
#define SPRY_BENCH_LEAST_MACHINE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kvm_run;

struct least_machine {
  int kvm;
  int vm;
  int vcpu;
  char *memory;
  size_t memory_size;
  struct kvm_run *run;
  size_t run_size;
};

#define LEAST_MEMORY ((size_t)1 << 20) /* of the least program */

/* Builds a machine of `memory_size` bytes, LEAST_MEMORY or more, whose guest executes `out` for ever; 0, or -1 with
 * errno. */
int least_machine_create(struct least_machine *machine, size_t memory_size);

/* Enters the guest until its next exit, and returns the text that it left in its memory, or a null pointer with errno.
 */
const char *least_machine_enter(struct least_machine *machine);

void least_machine_destroy(struct least_machine *machine);

#ifdef __cplusplus
}
#endif

#endif
