/* Where the actions of a reusable machine begin. The code sets the vector registers without a system call of the
 * monitor's, and goes on at the base's instruction. It is position-independent. trampoline.cpp copies it into a page
 * that the guest may read and execute, and fills in the words and the XSAVE area. All general registers but RAX, RDX
 * and RSP are set already. RSP is set last: with an RSP that is not canonical, a host without hardware virtualization
 * would enter through its emulator, which has no XRSTOR. */

	.section .rodata.spry_trampoline, "a", @progbits
	.globl	spry_trampoline, spry_trampoline_probe, spry_trampoline_rax, spry_trampoline_rdx
	.globl	spry_trampoline_rsp, spry_trampoline_target, spry_trampoline_area
	.hidden	spry_trampoline, spry_trampoline_probe, spry_trampoline_rax, spry_trampoline_rdx
	.hidden	spry_trampoline_rsp, spry_trampoline_target, spry_trampoline_area

	.balign	64
spry_trampoline:
	movl	$-1, %eax
	movl	$-1, %edx
	xrstor64 spry_trampoline_area(%rip)
	movq	spry_trampoline_rax(%rip), %rax
	movq	spry_trampoline_rdx(%rip), %rdx
	movq	spry_trampoline_rsp(%rip), %rsp
	jmp	*spry_trampoline_target(%rip)

	/* Whether XRSTOR runs here: a hypercall with XCR0 in RBX, or an exception. */
spry_trampoline_probe:
	xorl	%ecx, %ecx
	xgetbv
	movl	%eax, %ebx
	out	%eax, $0x7e

	.balign	8
spry_trampoline_rax:	.quad	0
spry_trampoline_rdx:	.quad	0
spry_trampoline_rsp:	.quad	0
spry_trampoline_target:	.quad	0
	.balign	64
spry_trampoline_area:

	.section .note.GNU-stack, "", @progbits
