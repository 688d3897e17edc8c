/* The stub's file, as it is started: SPRY_STUB_FILE is built from stub.c. */
	.section .rodata.spry_stub, "a", @progbits
	.globl	spry_stub_image
	.globl	spry_stub_image_end
	.hidden	spry_stub_image, spry_stub_image_end
	.balign	64
spry_stub_image:
	.incbin	SPRY_STUB_FILE
spry_stub_image_end:

	.section .note.GNU-stack, "", @progbits
