/* What entry.S needs of abi.h, in numbers that the assembler reads; start.c asserts that they agree. */
#ifndef SPRY_RUNTIME_ENTRY_H
#define SPRY_RUNTIME_ENTRY_H

#define ENTRY_MAGIC 0x59525053

#endif
