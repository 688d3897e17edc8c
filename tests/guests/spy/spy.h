/* What the parts of the spy share: for C, C++ and, but for the declarations, for the assembler. */
#ifndef SPRY_TESTS_SPY_H
#define SPRY_TESTS_SPY_H

/* Classes of registers. General registers, flags, x87, MMX, MXCSR and XMM are in none: they are always filled and
 * looked at. */
#define SPY_CLASS_SELECTORS 0x1 /* DS, ES, GS = 0x2b */
#define SPY_CLASS_ODD 0x2       /* DS = 3, ES = 0x33, GS = 1: what docs/abi.md leaves unspecified */
#define SPY_CLASS_FS 0x4        /* FS = 0x2b */
#define SPY_CLASS_BASES 0x8
#define SPY_CLASS_AVX 0x10
#define SPY_CLASS_AVX512 0x20
#define SPY_CLASS_PKRU 0x40
#define SPY_CLASS_PENDING 0x80 /* an unmasked x87 exception that waits for the next x87 instruction */

/* An area (struct spy_area), by offsets for the assembler. */
#define SPY_AREA_BYTES 0x10000
#define SPY_CAPTURE_FLAGS 128
#define SPY_CAPTURE_SELECTORS 136
#define SPY_CAPTURE_FS_BASE 160
#define SPY_CAPTURE_GS_BASE 168
#define SPY_CAPTURE_PKRU 176
#define SPY_CAPTURE_FX 192
#define SPY_CAPTURE_MASKS 704
#define SPY_CAPTURE_VECTORS 768
#define SPY_DIRTY 2816
#define SPY_SUM 2824
#define SPY_CLASSES 2832
#define SPY_NUMBER 2840
#define SPY_BOOT 2848
#define SPY_KNOWN_FX 2880
#define SPY_BEFORE_FX 3392
#define SPY_KNOWN_MASKS 3904
#define SPY_KNOWN_VECTORS 3968

/* struct spy_fill. */
#define SPY_FILL_SECRET 0
#define SPY_FILL_CLASSES 8
#define SPY_FILL_WAY 16
#define SPY_FILL_STACK_START 24
#define SPY_FILL_STACK_END 32
#define SPY_FILL_COUNT 40
#define SPY_FILL_RANGES 48

/* Registers around the hypercall: each has a value of its own. */
#define SPY_KNOWN(n) (0x0101010101010101 * (0x20 + (n)))
#define SPY_KNOWN_RSP (SPY_KNOWN(7) >> 17) /* canonical, as a hypercall wants it */
#define SPY_KNOWN_FLAGS 0xa93              /* CF, AF, SF, IF, OF */
#define SPY_KNOWN_FS_BASE 0x0000525252525252
#define SPY_KNOWN_GS_BASE 0x0000535353535353
#define SPY_KNOWN_PKRU 0x54545454
#define SPY_USER_SELECTOR 0x2b
#define SPY_TABLE_WORDS 1024
#define SPY_MARK 0x5b7961726b000000

#ifndef __ASSEMBLER__
#include <stdbool.h>

#include "spry/guest.h"
#include "ways.h"

struct spy_capture {
  /* RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 to R15 */
  uint64_t general[16];
  uint64_t flags;
  uint16_t selectors[6]; /* CS, SS, DS, ES, FS, GS */
  uint16_t unused[6];
  uint64_t fs_base;
  uint64_t gs_base;
  uint64_t pkru;
  uint64_t unused_too;
  unsigned char fx[512]; /* as fxsave64 has it */
  uint64_t masks[8];
  uint64_t vectors[32][8];
};

/* Something that is not as it must be. */
struct spy_finding {
  const char *name;
  uint64_t index; /* of a register, or the address of memory */
  uint64_t value;
  uint64_t expected;
  uint64_t words; /* of memory: how many differ; else 0 */
};

#define SPY_FINDINGS_MAX 512u

struct spy_findings {
  uint64_t count; /* may be more than fit */
  struct spy_finding list[SPY_FINDINGS_MAX];
};

/* Before it looks, the spy writes to its areas only, so that everything else can be looked at. The first area serves
 * from the entry to the hypercall (`ready`, which may be where other actions begin, or another), the second one after
 * it. */
struct spy_area {
  struct spy_capture capture;
  uint64_t dirty; /* address of the first word of this area that was not zero before it was used, or 0 */
  uint64_t sum;   /* of the first area, at the hypercall */
  uint64_t classes;
  uint64_t number; /* of the hypercall */
  uint64_t boot;
  uint64_t selftest;
  uint64_t unused[2];
  unsigned char known_fx[512];
  unsigned char before_fx[512];
  uint64_t known_masks[8];
  uint64_t known_vectors[32][8];
  struct spy_findings findings;
  unsigned char stack[] __attribute__((aligned(64)));
};
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, flags) == SPY_CAPTURE_FLAGS, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, selectors) == SPY_CAPTURE_SELECTORS, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, fs_base) == SPY_CAPTURE_FS_BASE, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, gs_base) == SPY_CAPTURE_GS_BASE, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, pkru) == SPY_CAPTURE_PKRU, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, fx) == SPY_CAPTURE_FX, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, masks) == SPY_CAPTURE_MASKS, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_capture, vectors) == SPY_CAPTURE_VECTORS, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, dirty) == SPY_DIRTY, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, sum) == SPY_SUM, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, classes) == SPY_CLASSES, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, number) == SPY_NUMBER, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, boot) == SPY_BOOT, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, known_fx) == SPY_KNOWN_FX, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, before_fx) == SPY_BEFORE_FX, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, known_masks) == SPY_KNOWN_MASKS, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_area, known_vectors) == SPY_KNOWN_VECTORS, "registers.S");
SPRY_STATIC_ASSERT(sizeof(struct spy_area) + 0x4000 <= SPY_AREA_BYTES, "an area has 16 KiB of stack at least");

struct spy_range {
  uint64_t start;
  uint64_t bytes; /* a multiple of 8 */
};

struct spy_fill {
  uint64_t secret;
  uint64_t classes;
  uint64_t way; /* address of the code that is jumped to at last */
  uint64_t stack_start;
  uint64_t stack_end;
  uint64_t count;
  struct spy_range ranges[8]; /* filled in this order; the last one may have this structure */
};
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, secret) == SPY_FILL_SECRET, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, classes) == SPY_FILL_CLASSES, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, way) == SPY_FILL_WAY, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, stack_start) == SPY_FILL_STACK_START, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, stack_end) == SPY_FILL_STACK_END, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, count) == SPY_FILL_COUNT, "registers.S");
SPRY_STATIC_ASSERT(offsetof(struct spy_fill, ranges) == SPY_FILL_RANGES, "registers.S");

/* A command, parsed (spy.c). */
struct spy_command {
  char name[16];
  char way[24];
  uint64_t pattern; /* fill: the secret; look: its complement, so that the looker has no copy of it */
  uint64_t classes;
  uint64_t heap; /* bytes at the start of the heap that are filled and looked at */
};

/* --- registers.S --- */

extern unsigned char spy_first_area[], spy_second_area[];
extern const uint64_t spy_table[SPY_TABLE_WORDS]; /* in .data: word i is SPY_MARK + i */

/* Stores the registers of these classes. */
void spy_capture_wide(struct spy_capture *capture, uint64_t classes);

/* Loads known values into all registers, makes the hypercall, stores all registers and calls spy_after_call. */
__attribute__((noreturn)) void spy_call(void);

/* Where spy_call's hypercall returns to. */
void spy_called(void);

/* Fills memory and registers, and then ends in the way that `fill` names. */
__attribute__((noreturn)) void spy_fill(const struct spy_fill *fill);

/* Called by registers.S, each on the stack of its area. */
__attribute__((noreturn)) void spy_at_entry(void);
__attribute__((noreturn)) void spy_after_call(void);

/* --- memory.c --- */

#define SPY_STATE_BYTES 0x10000u /* initialised before ready, in .bss, in the heap */
#define SPY_STACK_STATE_BYTES 0x4000u

static inline struct spy_area *spy_first(void) { return (struct spy_area *)(void *)spy_first_area; }
static inline struct spy_area *spy_second(void) { return (struct spy_area *)(void *)spy_second_area; }

/* The writable segment. */
struct spy_range spy_data(void);

/* What a program initialises before ready. */
void spy_initialize_memory(void);

/* Looks whether all writable memory but the areas is as at load, or as spy_initialize_memory left it. */
void spy_look_at_memory(struct spy_findings *findings, bool initialized, uint64_t heap);

/* Looks whether the first area is as it was at the hypercall. */
void spy_look_at_first_area(struct spy_findings *findings);

/* Looks for the secret, the complement of `veil`, at every address of [start, end). */
void spy_search(struct spy_findings *findings, const char *name, uint64_t start, uint64_t end, uint64_t veil);

/* Looks for the secret in the boot pages, the input and the areas, and for zeros behind the input. */
void spy_look_at_read_only(struct spy_findings *findings, uint64_t veil);

/* --- look.c --- */

void spy_add(struct spy_findings *findings, struct spy_finding finding);
void spy_expect(struct spy_findings *findings, const char *name, uint64_t index, uint64_t value, uint64_t expected);

/* Compares what was captured at the entry with docs/abi.md. */
void spy_look_at_entry(struct spy_findings *findings, const struct spy_area *first);

/* The values that spy_call loads. */
void spy_prepare_known(struct spy_area *first);

/* Compares what was captured after the hypercall with these values. Registers of `classes`, which spy_call did not
 * load, must be untouched. `pkru` is what a fill leaves in PKRU. */
void spy_look_at_call(struct spy_findings *findings, const struct spy_area *first, const struct spy_area *second,
                      uint64_t classes, uint64_t pkru);

/* Prints the findings, one a line. */
void spy_print(const struct spy_findings *findings, uint64_t veil);

/* Whether the findings of a filled machine name everything that was filled; says what they do not name. */
bool spy_found_everything(const struct spy_findings *findings, uint64_t classes);

static inline uint64_t spy_pkru(uint64_t secret) { return secret & 0xfffffffc; }
#endif

#endif
