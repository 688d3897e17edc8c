/* The number of abi.h that entry.S needs, in a form that the assembler reads; start.c asserts that both are equal. */
#ifndef SPRY_RUNTIME_ENTRY_H
#define SPRY_RUNTIME_ENTRY_H

#define ENTRY_MAGIC 0x59525053

#endif
