/* Code that tells, from inside a guest, what its registers hold, because KVM's getters do not tell all. It is
 * position-independent. probe.cpp copies it into the probe's first page and runs it step by step. Each step ends with
 * an `out` that hands over what the comment before the step says. From the second step on, RDI is the probe's second
 * page. A step whose instruction this CPU or this guest does not have faults instead, and the monitor begins the next
 * one. */

	.section .rodata.spry_probe, "a", @progbits
	.globl	spry_probe
	.globl	spry_probe_end
	.globl	spry_probe_vectors
	.globl	spry_probe_bases
	.hidden	spry_probe, spry_probe_end, spry_probe_vectors, spry_probe_bases

spry_probe:
	/* The general registers, as an action would find them. */
	out	%eax, $0x7e
	/* RAX, RBX, RCX, RDX: DS, ES, FS, GS. */
	mov	%ds, %eax
	mov	%es, %ebx
	mov	%fs, %ecx
	mov	%gs, %edx
	out	%eax, $0x7e
	/* In the page: the FXSAVE area. */
	fxsave64 (%rdi)
	out	%eax, $0x7e
spry_probe_vectors:
	/* In the page: the XSAVE area with every part that XCR0 has. */
	movl	$-1, %eax
	movl	$-1, %edx
	xsave64	(%rdi)
	out	%eax, $0x7e
spry_probe_bases:
	/* RAX, RBX: the bases of FS and GS. */
	rdfsbase %rax
	rdgsbase %rbx
	out	%eax, $0x7e
spry_probe_end:

	.section .note.GNU-stack, "", @progbits
