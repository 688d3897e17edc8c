/* Hypercalls whose two bytes lie in awkward places. Each is a function that takes the number in EDI and the argument in
 * ESI and returns the call's result, unless its comment says otherwise. */
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

	/* By DX: the instruction has one byte, the last of a page. */
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

	/* Jumps to the second byte of a hypercall. It is `jle` at first; after edge_whole has run, it may be something
	 * else. */
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

	/* A hypercall inside another instruction's constant: edge_constant executes that instruction, edge_part the
	 * hypercall. */
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

	/* 1000 hypercall instructions, each executed once. */
	.globl	edge_many
	.type	edge_many, @function
edge_many:
	.rept	1000
	xorl	%eax, %eax
	.byte	0xe7, PORT
	.endr
	ret

	/* The last page of the code, which is full. With EDGE_END its last byte is the first half of a hypercall; else
	 * its last two bytes are a whole one. */
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
