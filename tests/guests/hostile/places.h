/* The addresses where a guest's process has what is not the guest's. On other platforms nothing is there. The numbers
 * are defaults: tests/embed/hostile_test.cpp looks for the places and gives the cases what it found. */
#ifndef SPRY_TESTS_HOSTILE_PLACES_H
#define SPRY_TESTS_HOSTILE_PLACES_H

#define PLACE_STUB 0x700000000000
#define PLACE_GATE_STACK 0x700000110000
#define PLACE_GATE_STACK_BYTES 0x4000

#define PLACE_NOWHERE 0x7f0000000000 /* a user's address, nothing is mapped there */
#define PLACE_USER_END 0x7ffffffff000
#define PLACE_CANONICAL_END 0x800000000000     /* where a user's address has 48 bits */
#define PLACE_NOT_CANONICAL 0x8000000000000000 /* however many it has */
#define PLACE_KERNEL 0xffffffff81000000
#define PLACE_VSYSCALL 0xffffffffff600000

#endif
