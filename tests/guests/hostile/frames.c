/* rt_sigreturn with forged frames: a mask of signals, an alternate stack, registers, flags, selectors and vector state
 * that no kernel ever saved. */
#include "frame.h"
#include "hostile_case.h"
#include "places.h"

static struct frame forged;
#define F forged

static const unsigned char constants[FPSTATE_BYTES] = {1};
static unsigned char data[64];

static void alternate(uint64_t start, uint32_t flags, uint64_t size) {
  F.alternate_start = start;
  F.alternate_flags = flags;
  F.alternate_size = size;
}

static void vectors(size_t offset, uint64_t value, size_t bytes) {
  unsigned char *state = fpstate_prepare();
  memcpy(state + offset, &value, bytes);
  F.fpstate = address_of(state);
}

static uint64_t heap_end(void) { return spry_boot_page()->heap_end; }
static uint64_t gate_stack(void) { return hostile_number(0, PLACE_GATE_STACK); }
static uint64_t gate_stack_bytes(void) { return hostile_number(1, PLACE_GATE_STACK_BYTES); }

/* X(name, what is forged, where it leads) */
#define FRAMES(X)                                                                                       \
  /* Nothing, then masks of signals. */                                                                 \
  X(plain_fault, (void)0, end_by_fault)                                                                 \
  X(plain_exit, (void)0, end_by_exit)                                                                   \
  X(plain_calls, (void)0, end_by_calls)                                                                 \
  X(plain_spin, (void)0, end_by_spin)                                                                   \
  X(blocked_fault, F.mask = SIGNALS_ALL, end_by_fault)                                                  \
  X(blocked_exit, F.mask = SIGNALS_ALL, end_by_exit)                                                    \
  X(blocked_calls, F.mask = SIGNALS_ALL, end_by_calls)                                                  \
  X(blocked_spin, F.mask = SIGNALS_ALL, end_by_spin)                                                    \
  X(blocked_usr1_exit, F.mask = SIGNAL_BIT(SIGNAL_USR1), end_by_exit)                                   \
  X(blocked_usr1_fault, F.mask = SIGNAL_BIT(SIGNAL_USR1), end_by_fault)                                 \
  X(blocked_usr2_spin, F.mask = SIGNAL_BIT(SIGNAL_USR2), end_by_spin)                                   \
  X(blocked_usr2_exit, F.mask = SIGNAL_BIT(SIGNAL_USR2), end_by_exit)                                   \
  X(blocked_segv_fault, F.mask = SIGNAL_BIT(SIGNAL_SEGV), read_null)                                    \
  X(blocked_segv_exit, F.mask = SIGNAL_BIT(SIGNAL_SEGV), end_by_exit)                                   \
  /* The alternate stack. */                                                                            \
  X(alternate_nowhere_fault, alternate(PLACE_NOWHERE, 0, 65536), end_by_fault)                          \
  X(alternate_nowhere_spin, alternate(PLACE_NOWHERE, 0, 65536), end_by_spin)                            \
  X(alternate_nowhere_exit, alternate(PLACE_NOWHERE, 0, 65536), end_by_exit)                            \
  X(alternate_nowhere_calls, alternate(PLACE_NOWHERE, 0, 65536), end_by_calls)                          \
  X(alternate_null_fault, alternate(0, 0, 65536), end_by_fault)                                         \
  X(alternate_code_fault, alternate(address_of(end_by_fault), 0, 65536), end_by_fault)                  \
  X(alternate_code_exit, alternate(address_of(end_by_fault), 0, 65536), end_by_exit)                    \
  X(alternate_constants_fault, alternate(address_of(constants), 0, sizeof constants), end_by_fault)     \
  X(alternate_heap_fault, alternate(heap_end() - 131072, 0, 65536), end_by_fault)                       \
  X(alternate_heap_exit, alternate(heap_end() - 131072, 0, 65536), end_by_exit)                         \
  X(alternate_heap_spin, alternate(heap_end() - 131072, 0, 65536), end_by_spin)                         \
  X(alternate_heap_end_fault, alternate(heap_end() - 4096, 0, 65536), end_by_fault)                     \
  X(alternate_boot_fault, alternate(spry_boot_page()->self - 65536 + 4096, 0, 65536), end_by_fault)     \
  X(alternate_stub_fault, alternate(PLACE_STUB, 0, 4096), end_by_fault)                                 \
  X(alternate_odd_fault, alternate(heap_end() - 131072 + 3, 0, 65531), end_by_fault)                    \
  X(alternate_all_fault, alternate(0, 0, UINT64_MAX), end_by_fault)                                     \
  X(alternate_all_spin, alternate(0, 0, UINT64_MAX), end_by_spin)                                       \
  X(alternate_kernel_fault, alternate(PLACE_KERNEL, 0, 65536), end_by_fault)                            \
  X(alternate_not_canonical_fault, alternate(PLACE_NOT_CANONICAL, 0, 65536), end_by_fault)              \
  X(alternate_disabled_fault, alternate(0, ALTERNATE_DISABLED, 0), end_by_fault)                        \
  X(alternate_disabled_exit, alternate(0, ALTERNATE_DISABLED, 0), end_by_exit)                          \
  X(alternate_disabled_spin, alternate(0, ALTERNATE_DISABLED, 0), end_by_spin)                          \
  X(alternate_once_exit, alternate(gate_stack(), ALTERNATE_ONCE, gate_stack_bytes()), end_by_exit)      \
  X(alternate_once_spin, alternate(gate_stack(), ALTERNATE_ONCE, gate_stack_bytes()), end_by_spin)      \
  X(alternate_higher_fault, alternate(gate_stack() + 64, 0, gate_stack_bytes()), end_by_fault)          \
  X(alternate_lower_fault, alternate(gate_stack() - 64, 0, gate_stack_bytes()), end_by_fault)           \
  X(alternate_small_fault, alternate(gate_stack(), 0, 2048), end_by_fault)                              \
  X(alternate_small_exit, alternate(gate_stack(), 0, 3000), end_by_exit)                                \
  X(alternate_small_spin, alternate(gate_stack(), 0, 3000), end_by_spin)                                \
  /* Selectors. */                                                                                      \
  X(cs_32_bits, F.cs = 0x23, end_by_fault)                                                              \
  X(cs_kernel, F.cs = 0x10, end_by_fault)                                                               \
  X(cs_null, F.cs = 0, end_by_fault)                                                                    \
  X(cs_data, F.cs = 0x2b, end_by_fault)                                                                 \
  X(cs_task, F.cs = 0x40, end_by_fault)                                                                 \
  X(cs_local, F.cs = 7, end_by_fault)                                                                   \
  X(cs_beyond, F.cs = 0xffff, end_by_fault)                                                             \
  X(cs_beyond_blocked, (F.cs = 0xffff, F.mask = SIGNALS_ALL), end_by_fault)                             \
  X(ss_kernel, F.ss = 0x18, end_by_fault)                                                               \
  X(ss_null, F.ss = 0, end_by_fault)                                                                    \
  X(ss_code, F.ss = 0x33, end_by_fault)                                                                 \
  X(ss_read_only, F.ss = 0x7b, end_by_fault)                                                            \
  X(ss_beyond, F.ss = 0xffff, end_by_exit)                                                              \
  X(ss_lenient, (F.ss = 0x18, F.flags_of_frame = 2), end_by_calls)                                      \
  X(fs_and_gs, (F.fs = 0x2b, F.gs = 0x2b), end_by_calls)                                                \
  /* Where it goes on. */                                                                               \
  X(rip_null, F.rip = 0, end_by_fault)                                                                  \
  X(rip_not_canonical, F.rip = PLACE_NOT_CANONICAL, end_by_fault)                                       \
  X(rip_not_canonical_blocked, (F.rip = PLACE_NOT_CANONICAL, F.mask = SIGNALS_ALL), end_by_fault)       \
  X(rip_canonical_end, F.rip = PLACE_CANONICAL_END, end_by_fault)                                       \
  X(rip_user_end, F.rip = PLACE_CANONICAL_END - 1, end_by_fault)                                        \
  X(rip_kernel, F.rip = PLACE_KERNEL, end_by_fault)                                                     \
  X(rip_last, F.rip = UINT64_MAX, end_by_fault)                                                         \
  X(rip_data, F.rip = address_of(data), end_by_fault)                                                   \
  X(rip_stub, F.rip = PLACE_STUB, end_by_fault)                                                         \
  X(rip_vsyscall, F.rip = PLACE_VSYSCALL, end_by_fault)                                                 \
  X(rip_vsyscall_blocked, (F.rip = PLACE_VSYSCALL + 0x400, F.mask = SIGNALS_ALL), end_by_fault)         \
  X(rsp_null_exit, F.rsp = 0, end_by_exit)                                                              \
  X(rsp_not_canonical_exit, F.rsp = PLACE_NOT_CANONICAL, end_by_exit)                                   \
  X(rsp_gate_bottom_fault, F.rsp = gate_stack() + 16, end_by_fault)                                     \
  X(rsp_gate_bottom_spin, F.rsp = gate_stack() + 16, end_by_spin)                                       \
  X(rsp_gate_middle_exit, F.rsp = gate_stack() + gate_stack_bytes() / 2, end_by_exit)                   \
  /* Flags. */                                                                                          \
  X(flags_trap, F.flags = 0x302, end_by_fault)                                                          \
  X(flags_trap_spin, F.flags = 0x302, end_by_spin)                                                      \
  X(flags_trap_blocked_spin, (F.flags = 0x302, F.mask = SIGNALS_ALL), end_by_spin)                      \
  X(flags_alignment_exit, F.flags = 0x40202, end_by_exit)                                               \
  X(flags_alignment_spin, F.flags = 0x40202, end_by_spin)                                               \
  X(flags_nested_task, F.flags = 0x4202, end_by_exit)                                                   \
  X(flags_io_privilege, F.flags = 0x3202, disable_interrupts)                                           \
  X(flags_direction, F.flags = 0x602, end_by_calls)                                                     \
  X(flags_virtual_8086, F.flags = 0x20202, end_by_fault)                                                \
  X(flags_none_spin, F.flags = 0, end_by_spin)                                                          \
  X(flags_all, F.flags = UINT64_MAX, end_by_fault)                                                      \
  /* Vector state. */                                                                                   \
  X(vectors_good, vectors(0, 0x37f, 2), end_by_calls)                                                   \
  X(vectors_null, F.fpstate = 0, end_by_calls)                                                          \
  X(vectors_nowhere, F.fpstate = PLACE_NOWHERE, end_by_fault)                                           \
  X(vectors_nowhere_blocked, (F.fpstate = PLACE_NOWHERE, F.mask = SIGNALS_ALL), end_by_exit)            \
  X(vectors_kernel, F.fpstate = PLACE_KERNEL, end_by_fault)                                             \
  X(vectors_not_canonical, F.fpstate = PLACE_NOT_CANONICAL, end_by_fault)                               \
  X(vectors_one, F.fpstate = 1, end_by_fault)                                                           \
  X(vectors_constants, F.fpstate = address_of(constants), end_by_fault)                                 \
  X(vectors_code, F.fpstate = address_of(end_by_fault) & ~(uint64_t)63, end_by_fault)                   \
  X(vectors_at_end, F.fpstate = heap_end() - 64, end_by_fault)                                          \
  X(vectors_misaligned, (vectors(0, 0x37f, 2), F.fpstate += 8), end_by_fault)                           \
  X(vectors_size_huge, vectors(FPSTATE_SIZE, 0x7ffffff0, 4), end_by_fault)                              \
  X(vectors_sizes_huge, (vectors(FPSTATE_SIZE, UINT32_MAX, 4), set_extended(UINT32_MAX)), end_by_fault) \
  X(vectors_size_zero, vectors(FPSTATE_SIZE, 0, 4), end_by_fault)                                       \
  X(vectors_no_magic, vectors(FPSTATE_MAGIC, 0, 4), end_by_calls)                                       \
  X(vectors_all_features, vectors(FPSTATE_FEATURES, UINT64_MAX, 8), end_by_fault)                       \
  X(vectors_header_all_features, vectors(FPSTATE_HEADER, UINT64_MAX, 8), end_by_fault)                  \
  X(vectors_header_compacted, vectors(FPSTATE_HEADER + 8, (uint64_t)1 << 63 | 3, 8), end_by_fault)      \
  X(vectors_header_reserved, vectors(FPSTATE_HEADER + 24, UINT64_MAX, 8), end_by_fault)                 \
  X(vectors_mxcsr_reserved, vectors(FPSTATE_MXCSR, UINT32_MAX, 4), end_by_fault)                        \
  X(vectors_mxcsr_reserved_spin, vectors(FPSTATE_MXCSR, UINT32_MAX, 4), end_by_spin)                    \
  X(vectors_unmasked_spin, vectors(FPSTATE_MXCSR, 0x3f, 4), end_by_spin)                                \
  X(vectors_x87_pending_spin, vectors(0, 0x003f0000, 4), end_by_spin)                                   \
  X(vectors_x87_pending_exit, vectors(0, 0x003f0000, 4), end_by_exit)

static void read_null(void) {
  read_at(0);
  reached("memory at null");
}

static void disable_interrupts(void) {
  __asm__ volatile("cli");
  reached("cli by a forged IOPL");
}

static void set_extended(uint32_t size) {
  memcpy((void *)(uintptr_t)(F.fpstate + FPSTATE_EXTENDED_SIZE), &size, sizeof size);
}

#define FUNCTION(name, change, to)     \
  static void name(void) {             \
    frame_prepare(&F, to);             \
    change;                            \
    frame_return(address_of(&forged)); \
  }
#define ENTRY(name, change, to) CASE(name),

FRAMES(FUNCTION)

/* The frame itself lies where it must not. */
#define FRAMES_AT(X)                                      \
  X(at_null, 0)                                           \
  X(at_nowhere, PLACE_NOWHERE)                            \
  X(at_kernel, PLACE_KERNEL)                              \
  X(at_not_canonical, PLACE_NOT_CANONICAL)                \
  X(at_last, UINT64_MAX - 7)                              \
  X(at_heap_end, heap_end() - 64)                         \
  X(at_code, address_of(end_by_fault))                    \
  X(at_stub, PLACE_STUB)                                  \
  X(at_gate_stack, gate_stack())                          \
  X(at_gate_stack_end, gate_stack() + gate_stack_bytes()) \
  X(at_input, spry_boot_page()->input)

#define FUNCTION_AT(name, address) \
  static void name(void) { frame_return(address); }
#define ENTRY_AT(name, address) CASE(name),

FRAMES_AT(FUNCTION_AT)

/* A frame that leads back to the system call that takes it. */
extern void frame_circle(void);
__asm__(".text\nframe_circle:\n\tsyscall\n\tud2");

static void circle(void) {
  frame_prepare(&F, frame_circle);
  F.rax = 15;
  F.rsp = address_of(&forged);
  frame_return(address_of(&forged));
}

static void circle_blocked(void) {
  frame_prepare(&F, frame_circle);
  F.rax = 15;
  F.rsp = address_of(&forged);
  F.mask = SIGNALS_ALL;
  frame_return(address_of(&forged));
}

static void odd_address(void) {
  unsigned char *odd = (unsigned char *)(uintptr_t)(heap_end() - 65536 + 1);
  frame_prepare(&F, end_by_calls);
  memcpy(odd, &forged, sizeof forged);
  frame_return(address_of(odd));
}

static const struct guest_case cases[] = {
    FRAMES(ENTRY) FRAMES_AT(ENTRY_AT) CASE(circle),
    CASE(circle_blocked),
    CASE(odd_address),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
