/* The registers that the spy captured, and what must be in them. */
#include <string.h>

#include "spy.h"

#define OUTPUT ((int)SPRY_STREAM_OUTPUT)
#define RFLAGS_IOPL 0x3000u /* differs between hosts */
#define ENTRY_FLAGS 0x202u
#define ENTRY_X87_CONTROL 0x37fu
#define ENTRY_MXCSR 0x1f80u
#define KNOWN_X87_CONTROL 0x0a7fu /* 53 bits, rounded up */
#define KNOWN_X87_STATUS 0x3900u
#define KNOWN_X87_TAGS 0x81u
#define KNOWN_MXCSR 0x5fa1u
#define KNOWN_EXPONENT 0x4000u
#define CODE_SELECTOR 0x33u

/* The parts of fxsave64's image. */
#define FX_CONTROL 0u
#define FX_STATUS 2u
#define FX_TAGS 4u
#define FX_OPCODE 6u
#define FX_INSTRUCTION 8u
#define FX_OPERAND 16u
#define FX_MXCSR 24u
#define FX_ST 32u
#define FX_XMM 160u

static const char general_names[16][4] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char selector_names[6][3] = {"cs", "ss", "ds", "es", "fs", "gs"};
#define RAX 0u
#define RCX 2u
#define RDI 5u
#define RSP 7u
#define R11 11u

void spy_add(struct spy_findings *findings, struct spy_finding finding) {
  if (findings->count < SPY_FINDINGS_MAX) {
    findings->list[findings->count] = finding;
  }
  findings->count++;
}

void spy_expect(struct spy_findings *findings, const char *name, uint64_t index, uint64_t value, uint64_t expected) {
  if (value != expected) {
    spy_add(findings, (struct spy_finding){name, index, value, expected, 0});
  }
}

static uint64_t part(const unsigned char *fx, size_t offset, size_t bytes) {
  uint64_t value = 0;
  memcpy(&value, fx + offset, bytes);
  return value;
}

static void look_at_fx(struct spy_findings *findings, const unsigned char *fx, const unsigned char *expected) {
  static const struct {
    char name[16];
    unsigned char offset, bytes;
  } parts[] = {{"x87 control", FX_CONTROL, 2}, {"x87 status", FX_STATUS, 2},           {"x87 tags", FX_TAGS, 1},
               {"x87 opcode", FX_OPCODE, 2},   {"x87 instruction", FX_INSTRUCTION, 8}, {"x87 operand", FX_OPERAND, 8},
               {"mxcsr", FX_MXCSR, 4}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    spy_expect(findings, parts[i].name, 0, part(fx, parts[i].offset, parts[i].bytes),
               part(expected, parts[i].offset, parts[i].bytes));
  }
  for (size_t i = 0; i < 8; i++) {
    size_t at = FX_ST + 16 * i;
    spy_expect(findings, "st", 2 * i, part(fx, at, 8), part(expected, at, 8));
    spy_expect(findings, "st", 2 * i + 1, part(fx, at + 8, 2), part(expected, at + 8, 2));
  }
  for (size_t i = 0; i < 32; i++) {
    spy_expect(findings, "xmm", i, part(fx, FX_XMM + 8 * i, 8), part(expected, FX_XMM + 8 * i, 8));
  }
}

static const uint64_t no_vectors[32][8];
static const uint64_t no_masks[8];

/* Looks at the parts of these classes that neither the fxsave image nor the classes `seen` have; those were looked at
 * before. */
static void look_at_wide(struct spy_findings *findings, const struct spy_capture *capture, uint64_t classes,
                         uint64_t seen, const uint64_t (*vectors)[8], const uint64_t *masks) {
  bool wide = (classes & SPY_CLASS_AVX512) != 0;
  if (!wide && (classes & SPY_CLASS_AVX) == 0) {
    return;
  }
  /* An AVX-512 register contains the AVX register, and that contains the register of the fxsave image. */
  size_t seen_words = (seen & SPY_CLASS_AVX) != 0 ? 4 : 2;
  for (size_t i = 0; i < (wide ? 32u : 16u); i++) {
    for (size_t word = i < 16 ? seen_words : 0; word < (wide ? 8 : 4); word++) {
      const char *name = i < 16 && word < 4 ? "ymm" : "zmm";
      spy_expect(findings, name, 8 * i + word, capture->vectors[i][word], vectors[i][word]);
    }
  }
  for (size_t i = 0; wide && i < 8; i++) {
    spy_expect(findings, "k", i, capture->masks[i], masks[i]);
  }
}

void spy_look_at_entry(struct spy_findings *findings, const struct spy_area *first) {
  const struct spry_boot *boot = spry_boot_page();
  const struct spy_capture *capture = &first->capture;
  for (size_t i = 0; i < 16; i++) {
    uint64_t expected = i == RAX ? SPRY_ENTRY_MAGIC : i == RDI ? boot->self : i == RSP ? boot->stack_end : 0;
    spy_expect(findings, general_names[i], 0, capture->general[i], expected);
  }
  spy_expect(findings, "rflags", 0, capture->flags & ~(uint64_t)RFLAGS_IOPL, ENTRY_FLAGS);
  for (size_t i = 0; i < 6; i++) {
    uint64_t expected = i == 0 ? CODE_SELECTOR : i == 1 ? SPY_USER_SELECTOR : 0;
    spy_expect(findings, selector_names[i], 0, capture->selectors[i], expected);
  }
  unsigned char fx[512] = {ENTRY_X87_CONTROL & 0xff, ENTRY_X87_CONTROL >> 8};
  uint32_t mxcsr = ENTRY_MXCSR;
  memcpy(fx + FX_MXCSR, &mxcsr, sizeof mxcsr);
  look_at_fx(findings, capture->fx, fx);
  look_at_wide(findings, capture, first->classes, 0, no_vectors, no_masks);
  if ((first->classes & SPY_CLASS_BASES) != 0) {
    spy_expect(findings, "fs base", 0, capture->fs_base, boot->self);
    spy_expect(findings, "gs base", 0, capture->gs_base, 0);
  }
}

void spy_prepare_known(struct spy_area *first) {
  unsigned char *fx = first->known_fx;
  fx[FX_CONTROL] = KNOWN_X87_CONTROL & 0xff, fx[FX_CONTROL + 1] = KNOWN_X87_CONTROL >> 8;
  fx[FX_STATUS] = KNOWN_X87_STATUS & 0xff, fx[FX_STATUS + 1] = KNOWN_X87_STATUS >> 8;
  fx[FX_TAGS] = KNOWN_X87_TAGS;
  uint32_t mxcsr = KNOWN_MXCSR;
  memcpy(fx + FX_MXCSR, &mxcsr, sizeof mxcsr);
  for (size_t i = 0; i < 8; i++) {
    uint64_t mantissa = 0x8000000000000000 + 0x0000010101010101 * (i + 1);
    uint16_t exponent = (uint16_t)(KNOWN_EXPONENT + i);
    memcpy(fx + FX_ST + 16 * i, &mantissa, sizeof mantissa);
    memcpy(fx + FX_ST + 16 * i + 8, &exponent, sizeof exponent);
    first->known_masks[i] = 0x0001000100010001 * (0x6b00 + i);
  }
  for (size_t i = 0; i < 32; i++) {
    for (size_t word = 0; word < 8; word++) {
      first->known_vectors[i][word] = 0x0001000100010001 * (0x7600 + 8 * i + word);
    }
    if (i < 16) memcpy(fx + FX_XMM + 16 * i, first->known_vectors[i], 16);
  }
}

void spy_look_at_call(struct spy_findings *findings, const struct spy_area *first, const struct spy_area *second,
                      uint64_t classes, uint64_t pkru) {
  const struct spy_capture *capture = &second->capture;
  /* `ready` gives 0. Where the input was there from the start, hypercall 0 was made instead, which does not exist. */
  spy_expect(findings, general_names[RAX], 0, capture->general[RAX],
             first->number == SPRY_CALL_READY ? 0 : (uint64_t)-SPRY_ENOSYS);
  for (size_t i = 1; i < 16; i++) {
    if (i == RCX || i == R11) continue; /* a hypercall does not keep these */
    spy_expect(findings, general_names[i], 0, capture->general[i], i == RSP ? SPY_KNOWN_RSP : SPY_KNOWN(i));
  }
  spy_expect(findings, "rflags", 0, capture->flags & ~(uint64_t)RFLAGS_IOPL, SPY_KNOWN_FLAGS);
  uint64_t data = (first->classes & SPY_CLASS_SELECTORS) != 0 ? SPY_USER_SELECTOR : 0;
  uint64_t selectors[6] = {CODE_SELECTOR, SPY_USER_SELECTOR, data, data, 0, data};
  for (size_t i = 0; i < 6; i++) {
    spy_expect(findings, selector_names[i], 0, capture->selectors[i], selectors[i]);
  }
  look_at_fx(findings, capture->fx, first->before_fx);

  look_at_wide(findings, capture, first->classes, 0, (const uint64_t(*)[8])first->known_vectors, first->known_masks);
  if ((first->classes & SPY_CLASS_BASES) != 0) {
    spy_expect(findings, "fs base", 0, capture->fs_base, SPY_KNOWN_FS_BASE);
    spy_expect(findings, "gs base", 0, capture->gs_base, SPY_KNOWN_GS_BASE);
  }
  if ((first->classes & SPY_CLASS_PKRU) != 0) {
    spy_expect(findings, "pkru", 0, capture->pkru, SPY_KNOWN_PKRU);
  }

  uint64_t untouched = classes & ~first->classes;
  look_at_wide(findings, capture, untouched, first->classes, no_vectors, no_masks);
  if ((untouched & SPY_CLASS_BASES) != 0) {
    spy_expect(findings, "fs base", 0, capture->fs_base, first->boot);
    spy_expect(findings, "gs base", 0, capture->gs_base, 0);
  }
  if ((untouched & SPY_CLASS_PKRU) != 0 && capture->pkru == pkru) {
    spy_add(findings, (struct spy_finding){"pkru", 0, pkru, 0, 0});
  }
}

void spy_print(const struct spy_findings *findings, uint64_t veil) {
  for (uint64_t i = 0; i < findings->count && i < SPY_FINDINGS_MAX; i++) {
    const struct spy_finding *finding = &findings->list[i];
    const char *secret = ~finding->value == veil ? ", the secret" : "";
    if (finding->words != 0) {
      spry_printf(OUTPUT, "%s at 0x%lx: 0x%lx, not 0x%lx%s; %lu words\n", finding->name, finding->index, finding->value,
                  finding->expected, secret, finding->words);
    } else {
      spry_printf(OUTPUT, "%s %lu: 0x%lx, not 0x%lx%s\n", finding->name, finding->index, finding->value,
                  finding->expected, secret);
    }
  }
  if (findings->count > SPY_FINDINGS_MAX) {
    spry_printf(OUTPUT, "%lu more\n", findings->count - SPY_FINDINGS_MAX);
  }
}

static bool found(const struct spy_findings *findings, const char *name, uint64_t times) {
  uint64_t count = 0;
  for (uint64_t i = 0; i < findings->count && i < SPY_FINDINGS_MAX; i++) {
    count += strcmp(findings->list[i].name, name) == 0;
  }
  if (count < times) {
    spry_printf(OUTPUT, "%s: %lu findings, not %lu\n", name, count, times);
  }
  return count >= times;
}

bool spy_found_everything(const struct spy_findings *findings, uint64_t classes) {
  static const struct {
    char name[24];
    uint64_t classes; /* any of them; 0: always */
    uint64_t times;
  } all[] = {
      {"rflags", 0, 1},
      {"x87 control", 0, 1},
      {"x87 status", 0, 1},
      {"x87 tags", 0, 1},
      {"mxcsr", 0, 1},
      {"st", 0, 16},
      {"xmm", 0, 32},
      {"ds", SPY_CLASS_SELECTORS | SPY_CLASS_ODD, 1},
      {"es", SPY_CLASS_SELECTORS | SPY_CLASS_ODD, 1},
      {"gs", SPY_CLASS_SELECTORS | SPY_CLASS_ODD, 1},
      {"fs", SPY_CLASS_FS, 1},
      {"fs base", SPY_CLASS_BASES, 1},
      {"gs base", SPY_CLASS_BASES, 1},
      {"ymm", SPY_CLASS_AVX | SPY_CLASS_AVX512, 32},
      {"zmm", SPY_CLASS_AVX512, 192},
      {"k", SPY_CLASS_AVX512, 8},
      {"pkru", SPY_CLASS_PKRU, 1},
      {"table", 0, 1},
      {"state", 0, 1},
      {"data", 0, 1},
      {"stack", 0, 1},
      {"top of the stack", 0, 1},
      {"start of the heap", 0, 1},
      {"heap", 0, 1},
      {"end of the heap", 0, 1},
      {"shared area", 0, 1},
      {"sum of the first area", 0, 1},
      {"rest of the second area", 0, 1},
      {"boot pages", 0, 1},
      {"input", 0, 1},
      {"every alignment", 0, 8},
  };
  bool everything = true;
  for (size_t i = 0; i < 16; i++) {
    everything &= found(findings, general_names[i], i == RCX || i == R11 ? 0 : 1);
  }
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (all[i].classes == 0 || (all[i].classes & classes) != 0) {
      everything &= found(findings, all[i].name, all[i].times);
    }
  }
  return everything;
}
