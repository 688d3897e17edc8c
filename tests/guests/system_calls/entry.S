/* The entry of system calls: it stores what it finds in `found` (offsets as in system_calls.c), calls `serve` for the
 * result, and restores all registers of the program but RCX and R11. */
	.section .text.entry, "ax", @progbits
	.globl	entry
	.type	entry, @function
entry:
	movq	%rax, found+0(%rip)
	movq	%rbx, found+8(%rip)
	movq	%rcx, found+16(%rip)
	movq	%rdx, found+24(%rip)
	movq	%rsi, found+32(%rip)
	movq	%rdi, found+40(%rip)
	movq	%rbp, found+48(%rip)
	movq	%rsp, found+56(%rip)
	movq	%r8, found+64(%rip)
	movq	%r9, found+72(%rip)
	movq	%r10, found+80(%rip)
	movq	%r11, found+88(%rip)
	movq	%r12, found+96(%rip)
	movq	%r13, found+104(%rip)
	movq	%r14, found+112(%rip)
	movq	%r15, found+120(%rip)
	pushfq
	popq	found+128(%rip)
	movw	%cs, found+136(%rip)
	movw	%ss, found+138(%rip)
	pushq	%rcx
	pushq	%r11
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%r8
	pushq	%r9
	pushq	%r10
	call	serve
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%r11
	popq	%rcx
	movq	%r11, %rsp
	jmp	*%rcx
	.size	entry, . - entry

/* call_with(registers): makes a call with these registers, which are in the order of `found`, and stores there what
 * they are afterwards. It lies in the program's segment. */
	.section .program, "ax", @progbits
	.globl	call_with
	.type	call_with, @function
call_with:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movq	%rsp, saved(%rip)
	movq	0(%rdi), %rax
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	32(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	64(%rdi), %r8
	movq	72(%rdi), %r9
	movq	80(%rdi), %r10
	movq	88(%rdi), %r11
	movq	96(%rdi), %r12
	movq	104(%rdi), %r13
	movq	112(%rdi), %r14
	movq	120(%rdi), %r15
	pushq	128(%rdi)
	popfq
	movq	56(%rdi), %rsp
	movq	40(%rdi), %rdi
	.globl	the_call, behind_the_call
the_call:
	syscall
behind_the_call:
	movq	%rsp, stack(%rip)
	movq	saved(%rip), %rsp
	movq	%rdi, argument(%rip)
	pushq	$0x2
	popfq
	popq	%rdi
	movq	%rax, 0(%rdi)
	movq	%rbx, 8(%rdi)
	movq	%rcx, 16(%rdi)
	movq	%rdx, 24(%rdi)
	movq	%rsi, 32(%rdi)
	movq	%rbp, 48(%rdi)
	movq	%r8, 64(%rdi)
	movq	%r9, 72(%rdi)
	movq	%r10, 80(%rdi)
	movq	%r11, 88(%rdi)
	movq	%r12, 96(%rdi)
	movq	%r13, 104(%rdi)
	movq	%r14, 112(%rdi)
	movq	%r15, 120(%rdi)
	movq	stack(%rip), %rax
	movq	%rax, 56(%rdi)
	movq	argument(%rip), %rax
	movq	%rax, 40(%rdi)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	call_with, . - call_with

	.bss
	.balign	8
saved:	.quad	0
stack:	.quad	0
argument:	.quad	0

	.section .note.GNU-stack, "", @progbits
