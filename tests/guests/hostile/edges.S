/* Hypercalls where their two bytes lie badly, each a function that takes the number in EDI and the argument in ESI and
 * returns what the call does, but for those that say otherwise. */
#define PORT 0x7e

	.macro	function name
	.globl	\name
	.type	\name, @function
\name:
	movl	%edi, %eax
	movl	%esi, %edi
	.endm

	/* The first byte ends a page, the second begins the next one. */
	.section .text.edges, "ax", @progbits
	.balign	4096
	.skip	4096 - 5, 0x90
	function edge_across
	.byte	0xe7, PORT
	ret

	/* By DX, the one byte at the end of a page. */
	.balign	4096
	.skip	4096 - 10, 0x90
	.globl	edge_by_dx
	.type	edge_by_dx, @function
edge_by_dx:
	movl	%edi, %eax
	movl	%esi, %edi
	movl	$PORT, %edx
	.byte	0xef
	ret

	/* Into the second byte: first `jle`, and when the instruction was executed once, whatever it is by then. */
	function edge_middle
	cmpl	$0, %eax	/* above: not taken */
	jmp	.Linto + 1
	.globl	edge_whole
	.type	edge_whole, @function
edge_whole:
	movl	%edi, %eax
	movl	%esi, %edi
.Linto:
	.byte	0xe7, PORT, 0x90, 0x90, 0x90, 0x90
	ret

	/* A hypercall that is a part of another instruction's constant: all of it, and then the part. */
	.globl	edge_constant
	.type	edge_constant, @function
edge_constant:
	movl	%edi, %eax
	movl	%esi, %edi
	.byte	0xb9		/* mov $0x9090PPe7, %ecx */
	.globl	edge_part
edge_part:
	.byte	0xe7, PORT, 0x90, 0x90
	ret

	/* Many, each executed once. */
	.globl	edge_many
	.type	edge_many, @function
edge_many:
	.rept	1000
	xorl	%eax, %eax
	.byte	0xe7, PORT
	.endr
	ret

	/* The last page of the code, full. EDGE_END: the last byte is half of a hypercall; else it is all of one, `exit`. */
	.section .edge_end, "ax", @progbits
	.balign	4096
	.skip	4096 - 7, 0x90
	.globl	edge_end
	.type	edge_end, @function
edge_end:
#ifdef EDGE_END
	movl	%edi, %eax
	movl	%esi, %edi
	nop
	nop
	.byte	0xe7
#else
	movl	%edi, %eax
	nop
	movl	%esi, %edi
	.byte	0xe7, PORT
#endif

	.section .note.GNU-stack, "", @progbits
