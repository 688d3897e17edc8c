/* In place of the guest library's entry: stores the machine's first state in `entry`, then goes on as the library does.
 * The offsets are those of entry_state.c. */
	.section .text.spry_entry, "ax", @progbits
	.globl spry_entry
	.type spry_entry, @function
spry_entry:
	movq	%rax, entry+0(%rip)
	movq	%rbx, entry+8(%rip)
	movq	%rcx, entry+16(%rip)
	movq	%rdx, entry+24(%rip)
	movq	%rsi, entry+32(%rip)
	movq	%rdi, entry+40(%rip)
	movq	%rbp, entry+48(%rip)
	movq	%rsp, entry+56(%rip)
	movq	%r8, entry+64(%rip)
	movq	%r9, entry+72(%rip)
	movq	%r10, entry+80(%rip)
	movq	%r11, entry+88(%rip)
	movq	%r12, entry+96(%rip)
	movq	%r13, entry+104(%rip)
	movq	%r14, entry+112(%rip)
	movq	%r15, entry+120(%rip)
	pushfq
	popq	entry+128(%rip)
	movw	%cs, entry+136(%rip)
	movw	%ss, entry+138(%rip)
	movw	%ds, entry+140(%rip)
	movw	%es, entry+142(%rip)
	movw	%fs, entry+144(%rip)
	movw	%gs, entry+146(%rip)
	stmxcsr	entry+148(%rip)
	fnstcw	entry+152(%rip)
	fnstsw	entry+154(%rip)
	movq	%fs:0, %rcx
	movq	%rcx, entry+160(%rip)
	movq	%fs:0x28, %rcx
	movq	%rcx, entry+168(%rip)
	movups	%xmm0, entry+176(%rip)
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	por	%xmm\n, %xmm0
	.endr
	movups	%xmm0, entry+192(%rip)
	leaq	entry+208(%rip), %rcx
	fnstenv	(%rcx)
	fldenv	(%rcx)
	xorl	%ebp, %ebp
	call	spry_start
	ud2
	.size spry_entry, . - spry_entry

	.section .note.GNU-stack, "", @progbits
