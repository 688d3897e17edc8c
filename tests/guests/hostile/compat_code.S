/* Code for a 32-bit segment. It lies below 4 GiB, since this unikernel is linked at a fixed address. */
#define PORT 0x7e

	.section .text.compat, "ax", @progbits
	.code32

	.macro	compat name
	.globl	compat_\name
	.type	compat_\name, @function
compat_\name:
	.endm

	/* A 32-bit call that returns has reached something. The guest then exits, and the status tells it, if that exit
	 * gets through. */
	.macro	back
	movl	$99, %edi
	movl	$1, %eax
	outl	%eax, $PORT
	ud2
	.endm

	.macro	by_interrupt number
	movl	$\number, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	int	$0x80
	back
	.endm

	compat	fault
	ud2

	compat	spin
	jmp	compat_spin

	compat	null
	movl	%eax, 0
	back

	compat	exit
	movl	$3, %edi
	movl	$1, %eax
	outl	%eax, $PORT
	ud2

	/* The same instruction three times: after the first it may have been rewritten for 64-bit code. */
	compat	call
	movl	$3, %esi
1:
	movl	$999, %eax
	outl	%eax, $PORT
	decl	%esi
	jnz	1b
	ud2

	compat	int80_exit
	by_interrupt 1
	compat	int80_fork
	by_interrupt 2
	compat	int80_execve
	by_interrupt 11
	compat	int80_15
	by_interrupt 15
	compat	int80_39
	by_interrupt 39
	compat	int80_sigreturn
	by_interrupt 119
	compat	int80_rt_sigreturn
	by_interrupt 173
	compat	int80_exit_group
	by_interrupt 252

	compat	sysenter
	movl	$1, %eax
	movl	%esp, %ebp
	xorl	%ebx, %ebx
	sysenter
	back

	compat	syscall
	movl	$1, %eax
	xorl	%ebx, %ebx
	.byte	0x0f, 0x05
	back

	/* For 32-bit code, 15 is another call. A filter that does not look at the architecture would let it through. */
	compat	syscall_15
	movl	$15, %eax
	xorl	%ebx, %ebx
	.byte	0x0f, 0x05
	back

	compat	stack_wild
	movl	$-1, %esp
	ud2

	compat	trap
	pushfl
	orl	$0x100, (%esp)
	popfl
	nop
	nop
	back

	.section .note.GNU-stack, "", @progbits
