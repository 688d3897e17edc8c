#define _GNU_SOURCE
#include "least_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  kRunSize = 12288, /* what KVM_GET_VCPU_MMAP_SIZE answers on x86 */
  kTables = 0x1000, /* three pages */
  kCode = 0x4000,
  kText = 0x4100,
  kStackEnd = 0x80000,
};

/* Long mode with paging and nothing else, at CPL 3. */
static void set_segments(struct kvm_sregs *sregs) {
  struct kvm_segment segment = {
      .limit = 0xffffffff, .selector = 0x1b, .type = 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1};
  sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = segment;
  segment.selector = 0x23;
  segment.type = 11;
  segment.db = 0;
  segment.l = 1;
  sregs->cs = segment;
  /* A task state segment of zeros at address 0, whose bitmap opens every port. Some hosts look at the bitmap, others at
   * IOPL. */
  sregs->tr = (struct kvm_segment){.limit = 0xffff, .type = 11, .present = 1};
  sregs->ldt = (struct kvm_segment){.unusable = 1};
  sregs->cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
  sregs->cr3 = kTables;
  sregs->cr4 = 0x620;  /* PAE OSFXSR OSXMMEXCPT */
  sregs->efer = 0xd00; /* NXE LMA LME */
}

static void fill_memory(char *memory) {
  const uint64_t table = 7; /* present, writable, user */
  uint64_t *tables = (uint64_t *)(void *)(memory + kTables);
  tables[0] = (kTables + 0x1000) | table;
  tables[512] = (kTables + 0x2000) | table;
  tables[1024] = 0xe7; /* the first 2 MiB: accessed, dirty, large */
  /* out %eax, $0x7e; jmp back. At port 0x7e every host reports RIP past the `out`. */
  static const unsigned char code[] = {0xe7, 0x7e, 0xeb, 0xfc};
  memcpy(memory + kCode, code, sizeof code);
  strcpy(memory + kText, "Hello\n");
}

/* Gives the machine a local APIC in KVM, and HLT without an exit. Without an APIC KVM patches its own code for the
 * first such vCPU of the host, and back after the last. If KVM cannot do this, the machine has no APIC. */
static void give_local_apic(int vm) {
  struct kvm_enable_cap exits = {.cap = KVM_CAP_X86_DISABLE_EXITS, .args = {KVM_X86_DISABLE_EXITS_HLT}};
  struct kvm_enable_cap irqchip = {.cap = KVM_CAP_SPLIT_IRQCHIP};
  if (ioctl(vm, KVM_ENABLE_CAP, &exits) == 0) (void)ioctl(vm, KVM_ENABLE_CAP, &irqchip);
}

int least_machine_create(struct least_machine *machine, size_t memory_size) {
  memset(machine, 0, sizeof *machine);
  machine->memory_size = memory_size;
  machine->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (machine->kvm < 0) return -1;
  machine->vm = ioctl(machine->kvm, KVM_CREATE_VM, 0);
  if (machine->vm < 0) return -1;
  give_local_apic(machine->vm);
  machine->memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (machine->memory == MAP_FAILED) return -1;
  fill_memory(machine->memory);
  struct kvm_userspace_memory_region region = {.memory_size = memory_size,
                                               .userspace_addr = (uintptr_t)machine->memory};
  if (ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) return -1;
  machine->vcpu = ioctl(machine->vm, KVM_CREATE_VCPU, 0);
  if (machine->vcpu < 0) return -1;
  machine->run_size = kRunSize;
  machine->run = mmap(NULL, kRunSize, PROT_READ | PROT_WRITE, MAP_SHARED, machine->vcpu, 0);
  if (machine->run == MAP_FAILED) return -1;
  /* Registers travel through the shared page: no ioctl sets or reads them. The APIC base is the one after reset. */
  memset(&machine->run->s.regs, 0, sizeof machine->run->s.regs);
  machine->run->s.regs.regs.rip = kCode;
  machine->run->s.regs.regs.rsp = kStackEnd;
  machine->run->s.regs.regs.rflags = 2 | 3 << 12;
  set_segments(&machine->run->s.regs.sregs);
  machine->run->s.regs.sregs.apic_base = 0xfee00900;
  machine->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  return 0;
}

const char *least_machine_enter(struct least_machine *machine) {
  if (ioctl(machine->vcpu, KVM_RUN, 0) != 0) return NULL;
  if (machine->run->exit_reason != KVM_EXIT_IO) {
    errno = EIO;
    return NULL;
  }
  return machine->memory + kText;
}

void least_machine_destroy(struct least_machine *machine) {
  munmap(machine->run, machine->run_size);
  close(machine->vcpu);
  close(machine->vm);
  munmap(machine->memory, machine->memory_size);
  close(machine->kvm);
}
