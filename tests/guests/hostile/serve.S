/* Has a hostile guest serve system calls: `syscall` goes to an entry in a segment of its own (serve.ld), which ends the
 * action by an invalid instruction. */
	.section .note.spry, "a", @note
	.balign	4
	.long	5, 16, 4
	.ascii	"Spry"
	.long	0
	.quad	serve_entry - .
	.quad	serve_stack_end - .

	.section .serve, "ax", @progbits
serve_entry:
	ud2

	.bss
	.balign	16
	.skip	4096
serve_stack_end:

	.section .note.GNU-stack, "", @progbits
