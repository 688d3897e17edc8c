/* The contract between a unikernel and the monitor, ABI version 1.
 *
 * docs/abi.md specifies it; this header is the same contract for compilers. Plain C for C11 and C++20, freestanding,
 * no dependency but <stdint.h> and <stddef.h>. Both sides include it: nothing here may change without a new
 * SPRY_ABI_VERSION. */
#ifndef SPRY_ABI_H
#define SPRY_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SPRY_STATIC_ASSERT(condition, rule) static_assert(condition, rule)
#else
#define SPRY_STATIC_ASSERT(condition, rule) _Static_assert(condition, rule)
#endif

#define SPRY_ABI_VERSION 1u

/* Entry state (docs/abi.md, "Entry"): RAX holds this word, which spells "SPRY" in memory; RDI the boot page. */
#define SPRY_ENTRY_MAGIC 0x59525053u

/* Where the image lies (docs/abi.md, "Memory"): below SPRY_IMAGE_MIN everything belongs to the monitor. */
#define SPRY_PAGE_SIZE 4096u
#define SPRY_IMAGE_MIN 0x100000u

/* Hypercalls: EAX = number; RDI, RSI, RDX, R10, R8 = arguments; `out %eax, $SPRY_HYPERCALL_PORT`; RAX = result.
 * RCX and R11 are lost.
 * A result is a count, or a negated error number. POLL returns the number of ready devices; if ready_set is not 0, the
 * uint64_t there gets the bit 1 << handle for each of them. */
#define SPRY_HYPERCALL_PORT 0x7e

#define SPRY_CALL_EXIT 1u   /* (status): ends the action; no return */
#define SPRY_CALL_ABORT 2u  /* (message, length): ends the action as failed; no return */
#define SPRY_CALL_READY 3u  /* (): the snapshot point; returns when an input is there; see SPRY_BOOT_READY */
#define SPRY_CALL_POLL 4u   /* (deadline_ns, ready_set): waits for devices or until monotonic time deadline_ns */
#define SPRY_CALL_CLOCK 5u  /* (which): nanoseconds */
#define SPRY_CALL_DEVICE 6u /* (handle, operation, a, b, c): everything that a device does */
#define SPRY_CALL_COUNT 7u

/* Arguments of SPRY_CALL_CLOCK. */
#define SPRY_CLOCK_MONOTONIC 1u
#define SPRY_CLOCK_WALL 2u

/* Error numbers, as Linux numbers them on x86-64. */
#define SPRY_EIO 5         /* the device failed */
#define SPRY_EBADF 9       /* no such handle */
#define SPRY_EAGAIN 11     /* nothing there now */
#define SPRY_EFAULT 14     /* a pointer to memory that the guest may not read or write */
#define SPRY_EINVAL 22     /* an argument that the call does not allow */
#define SPRY_ENOSPC 28     /* the back end is full */
#define SPRY_EROFS 30      /* the medium is read-only */
#define SPRY_ENOSYS 38     /* no such hypercall or operation */
#define SPRY_EMSGSIZE 90   /* a frame too long or too short */
#define SPRY_EOPNOTSUPP 95 /* the back end cannot do this */
#define SPRY_ENETDOWN 100  /* the interface is down */

/* Handles. A device note either fixes its handle or takes the next one in the order of the notes, from 1; handles are
 * 0 to SPRY_DEVICES_MAX - 1. */
#define SPRY_DEVICES_MAX 64u
#define SPRY_HANDLE_CONSOLE 0u
#define SPRY_HANDLE_NEXT 0xffffffffu

/* Console operations (kind "console", handle 0). */
#define SPRY_CONSOLE_WRITE 1u /* (stream, bytes, length): returns length */
#define SPRY_STREAM_OUTPUT 1u
#define SPRY_STREAM_DIAGNOSTICS 2u

#define SPRY_CONSOLE_TERMINAL (1u << 0) /* stream 1 is a terminal: flush at each line */

/* The console's shared area: bytes of SPRY_STREAM_OUTPUT that the monitor writes out at the next hypercall and at the
 * end of the run, whatever ends it. */
struct spry_console {
  uint32_t length; /* valid bytes; the monitor sets 0 after it wrote them */
  uint32_t flags;  /* SPRY_CONSOLE_*, written by the monitor */
  /* the bytes follow */
};
SPRY_STATIC_ASSERT(sizeof(struct spry_console) == 8, "console layout");

/* Block operations (kind "block"). Offsets and lengths are in bytes, and multiples of the sector size. A range lies
 * within the capacity, and its length is not 0: else SPRY_EINVAL. READ and WRITE return the length; after an error any
 * part of it may have been transferred. The other operations return 0. */
#define SPRY_BLOCK_INFO 1u    /* (*spry_block_info) */
#define SPRY_BLOCK_READ 2u    /* (offset, bytes, length) */
#define SPRY_BLOCK_WRITE 3u   /* (offset, bytes, length) */
#define SPRY_BLOCK_FLUSH 4u   /* (): what was written before is durable when it returns; once failed, it always fails */
#define SPRY_BLOCK_DISCARD 5u /* (offset, length): these sectors hold anything until they are written */

#define SPRY_BLOCK_READ_ONLY (1u << 0) /* WRITE and DISCARD answer SPRY_EROFS */
#define SPRY_BLOCK_DISCARDS (1u << 1)  /* without it, DISCARD answers SPRY_EOPNOTSUPP */

struct spry_block_info {
  uint64_t capacity;    /* bytes, a multiple of sector_size */
  uint32_t sector_size; /* 512 or 4096 */
  uint32_t flags;       /* SPRY_BLOCK_READ_ONLY, SPRY_BLOCK_DISCARDS */
};
SPRY_STATIC_ASSERT(offsetof(struct spry_block_info, capacity) == 0x0, "block layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_block_info, sector_size) == 0x8, "block layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_block_info, flags) == 0xc, "block layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_block_info) == 16, "block layout");

/* Network operations (kind "net"). A frame is an Ethernet frame without its checksum: SPRY_NET_FRAME_MIN to
 * spry_net_info.frame_max bytes. READ and WRITE take an array of up to SPRY_NET_BATCH_MAX descriptors, serve them in
 * their order, and return how many they served. They return an error only if they could not serve the first one:
 * SPRY_EINVAL for a count beyond SPRY_NET_BATCH_MAX, SPRY_EFAULT for memory that the guest may not read or write,
 * SPRY_EMSGSIZE for a length that no frame has, SPRY_ENETDOWN if the interface is down or the peer is gone.
 *
 * READ never waits: SPRY_EAGAIN if no frame is there. Each descriptor has room for frame_max bytes or more (else
 * SPRY_EMSGSIZE); the monitor sets `length` and `status`. WRITE waits until the first frame is sent; SPRY_EAGAIN if the
 * host has no memory for it now. */
#define SPRY_NET_INFO 1u  /* (*spry_net_info): returns 0 */
#define SPRY_NET_READ 2u  /* (*spry_net_frame, count) */
#define SPRY_NET_WRITE 3u /* (*spry_net_frame, count) */
#define SPRY_NET_BATCH_MAX 256u
#define SPRY_NET_FRAME_MIN 14u /* two addresses and a type */

#define SPRY_NET_UP (1u << 0) /* the interface is up now */

struct spry_net_info {
  uint8_t mac[6]; /* the guest's address */
  uint16_t flags; /* SPRY_NET_UP */
  uint32_t mtu;
  uint32_t frame_max; /* mtu + 18: an Ethernet header with one 802.1Q tag */
};
SPRY_STATIC_ASSERT(offsetof(struct spry_net_info, mac) == 0x0, "net layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_net_info, flags) == 0x6, "net layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_net_info, mtu) == 0x8, "net layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_net_info, frame_max) == 0xc, "net layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_net_info) == 16, "net layout");

struct spry_net_frame {
  uint64_t address; /* of the frame's bytes */
  uint32_t length;  /* WRITE: of the frame; READ: of the room, and then of the frame */
  uint32_t status;  /* set by READ: 0, or SPRY_EMSGSIZE for a frame that came too short, or too long and was cut */
};
SPRY_STATIC_ASSERT(offsetof(struct spry_net_frame, address) == 0x0, "net layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_net_frame, length) == 0x8, "net layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_net_frame, status) == 0xc, "net layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_net_frame) == 16, "net layout");

/* Needs and features: bits of spry_note_needs.features (asked for) and spry_boot.features (there). */
#define SPRY_FEATURE_CLOCK (1u << 0)    /* the boot page's clock fields are valid */
#define SPRY_FEATURE_FSGSBASE (1u << 1) /* rdfsbase, wrfsbase, rdgsbase, wrgsbase */
#define SPRY_FEATURE_XSAVE (1u << 2)    /* xsave family, XCR0 set */
#define SPRY_FEATURE_AVX (1u << 3)      /* AVX state enabled in XCR0; brings XSAVE */
#define SPRY_FEATURE_AVX512 (1u << 4)   /* AVX-512 F, CD, BW, DQ and VL; brings AVX */
#define SPRY_FEATURE_FSBASE (1u << 5)   /* the boot page's set_fs_base, on any CPU */
#define SPRY_FEATURES_ALL 0x3fu

/* Bits of spry_boot.flags. */
#define SPRY_BOOT_READY (1u << 0) /* the input is there already: the first `ready` must not be a hypercall */

/* What a device shows in the boot page: its shared area, or {0, 0}. */
struct spry_boot_device {
  uint64_t shared; /* address of the area, writable by the guest */
  uint64_t shared_size;
};

/* The boot page: read-only for the guest, written by the monitor before the first instruction and again before each
 * return from SPRY_CALL_READY. FS.base points at it, so %fs:0 is its own address and %fs:0x28 the stack canary, as
 * the x86-64 psABI has them. Addresses are guest virtual. */
struct spry_boot {
  uint64_t self;
  uint32_t abi_version;
  uint32_t size;       /* bytes of this structure */
  uint64_t features;   /* SPRY_FEATURE_* */
  uint64_t generation; /* 1 when this page is first written on a machine, and one more each time */
  uint64_t flags;      /* SPRY_BOOT_* */
  uint64_t canary;     /* random; constant for the life of a machine and of its snapshots */
  uint8_t seed[32];    /* random, fresh for every generation */
  uint64_t slide;      /* guest virtual minus guest physical */
  uint64_t image_start;
  uint64_t image_end;
  uint64_t heap_start;
  uint64_t heap_end;
  uint64_t stack_start;
  uint64_t stack_end; /* RSP at entry */
  uint64_t argc;
  uint64_t argv;  /* argc + 1 pointers, the last one null */
  uint64_t input; /* read-only; 0 if there is none */
  uint64_t input_length;
  /* With SPRY_FEATURE_CLOCK: monotonic ns = clock_ns + (((rdtsc - clock_tsc) * clock_mult) >> clock_shift), the
   * product 128 bits wide; wall ns since 1970 (UTC) = monotonic ns + clock_wall. */
  uint64_t clock_tsc;
  uint64_t clock_ns;
  uint32_t clock_mult;
  uint32_t clock_shift;
  uint64_t clock_wall;
  uint64_t device_count; /* entries of `devices` in use: 1 + the highest handle */
  struct spry_boot_device devices[SPRY_DEVICES_MAX];
  uint64_t set_fs_base; /* with SPRY_FEATURE_FSBASE, code that sets the base of FS */
};
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, self) == 0x00, "the psABI's %fs:0");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, abi_version) == 0x08, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, size) == 0x0c, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, features) == 0x10, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, generation) == 0x18, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, flags) == 0x20, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, canary) == 0x28, "the psABI's %fs:0x28");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, seed) == 0x30, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, slide) == 0x50, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, image_start) == 0x58, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, image_end) == 0x60, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, heap_start) == 0x68, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, heap_end) == 0x70, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, stack_start) == 0x78, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, stack_end) == 0x80, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, argc) == 0x88, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, argv) == 0x90, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, input) == 0x98, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, input_length) == 0xa0, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, clock_tsc) == 0xa8, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, clock_ns) == 0xb0, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, clock_mult) == 0xb8, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, clock_shift) == 0xbc, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, clock_wall) == 0xc0, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, device_count) == 0xc8, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, devices) == 0xd0, "boot page layout");
SPRY_STATIC_ASSERT(offsetof(struct spry_boot, set_fs_base) == 0xd0 + 16 * SPRY_DEVICES_MAX, "boot page layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_boot) == 0x4d8, "boot page layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_boot) <= SPRY_PAGE_SIZE, "the boot page is one page");

/* ELF notes: owner "Spry", in a PT_NOTE segment. There is exactly one SPRY_NOTE_ABI, at most one
 * SPRY_NOTE_SYSTEM_CALLS, and any number of the others. If there are several SPRY_NOTE_NEEDS, the largest numbers and
 * all their features count. */
#define SPRY_NOTE_OWNER "Spry"
#define SPRY_NOTE_ABI 1u
#define SPRY_NOTE_NEEDS 2u
#define SPRY_NOTE_DEVICE 3u
#define SPRY_NOTE_SYSTEM_CALLS 4u

struct spry_note_abi {
  uint32_t version; /* SPRY_ABI_VERSION */
};
struct spry_note_needs {
  uint64_t memory;   /* bytes that the machine has at least, or 0 */
  uint64_t stack;    /* bytes of stack, or 0 for the monitor's default */
  uint64_t features; /* SPRY_FEATURE_* */
};
struct spry_note_device {
  uint32_t handle; /* fixed, or SPRY_HANDLE_NEXT */
  char kind[20];   /* the module's name, [a-z0-9-]+, zero-padded, at least one zero */
  char name[40];   /* the device's name, [a-z0-9_-]+, zero-padded, at least one zero */
};
/* Where `syscall` goes. Each number is the distance of an address from the number itself, so that it needs no
 * relocation. */
struct spry_note_system_calls {
  int64_t entry; /* in a segment of code */
  int64_t stack; /* what RSP is there: a multiple of 16 */
};
SPRY_STATIC_ASSERT(sizeof(struct spry_note_abi) == 4, "note layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_note_needs) == 24, "note layout");
SPRY_STATIC_ASSERT(sizeof(struct spry_note_device) == 64, "note layout");

/* The ELF note header and owner that precede each descriptor. Notes lie on 4-byte boundaries. */
struct spry_note_header {
  uint32_t owner_size;      /* 5: "Spry" and its zero */
  uint32_t descriptor_size; /* of the structure that follows */
  uint32_t type;            /* SPRY_NOTE_* */
  char owner[8];            /* "Spry", zero-padded to 8 */
};
SPRY_STATIC_ASSERT(sizeof(struct spry_note_header) == 20, "note layout");

#endif
