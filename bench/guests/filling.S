// FILLING bytes of read-only data that the linker can neither drop nor compress.
  .section .rodata.filling, "a"
  .balign 4096
  .globl filling, filling_end
  .hidden filling, filling_end
filling:
  .fill FILLING, 1, 0x5a
filling_end:
  .section .note.GNU-stack, "", @progbits
