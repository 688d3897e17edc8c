/* An unusual unikernel, and a legal one (docs/abi.md): an ET_EXEC whose segments lie far from each other
 * (scattered.ld), one of them without file bytes; a stack of 1 MiB; a machine of 24 MiB; no console, so that its status
 * is all it says: 7, or the number of the check that failed. Numbers are named with their section of the document. */

	.equ	ENTRY_MAGIC, 0x59525053		/* Entry */
	.equ	BOOT_SLIDE, 0x50		/* Boot page */
	.equ	BOOT_IMAGE_START, 0x58
	.equ	BOOT_IMAGE_END, 0x60
	.equ	BOOT_HEAP_START, 0x68
	.equ	BOOT_HEAP_END, 0x70
	.equ	BOOT_STACK_START, 0x78
	.equ	BOOT_STACK_END, 0x80
	.equ	BOOT_CLOCK_MULT, 0xb8
	.equ	BOOT_DEVICE_COUNT, 0xc8
	.equ	PORT, 0x7e			/* Hypercalls */
	.equ	CALL_NONE, 0
	.equ	CALL_EXIT, 1
	.equ	CALL_POLL, 4
	.equ	CALL_DEVICE, 6
	.equ	CALL_COUNT, 7
	.equ	EBADF, 9
	.equ	EFAULT, 14
	.equ	ENOSYS, 38
	.equ	STACK, 1 << 20
	.equ	MEMORY, 24 << 20
	.equ	LEAST_HEAP, 12 << 20
	.equ	PASSED, 7
	.equ	LINUX_EXIT_GROUP, 231
	.equ	LINUX_CANNOT_RUN, 126

	.macro	expect condition, number
	j\condition	1f
	movl	$\number, %edi
	jmp	finish
1:
	.endm

	.macro	hypercall number
	movl	$\number, %eax
	outl	%eax, $PORT
	.endm

/* Notes: two of needs, of which the larger numbers count, and one of another owner, which does not. */
	.section .note.spry, "", @note
	.balign	4
	.long	5, 24, 2
	.asciz	"Spry"
	.balign	4
	.quad	MEMORY, 4096, 0
	.long	4, 5, 1
	.asciz	"GNU"
	.balign	4
	.ascii	"other"
	.balign	4
	.long	5, 4, 1
	.asciz	"Spry"
	.balign	4
	.long	1
	.long	5, 24, 2
	.asciz	"Spry"
	.balign	4
	.quad	0, STACK, 0

	.section .constants, "a", @progbits
	.quad	0x0123456789abcdef
constant:
	.quad	0x5ca77e2ed

	.section .variables, "aw", @progbits
variable:
	.quad	variable

	.section .zeros, "aw", @nobits
	.globl	zeros_start
zeros_start:
	.zero	3 * 4096
zeros_end:
	.zero	8

	.section .code, "ax", @progbits
	.globl	scattered_entry
	.type	scattered_entry, @function
scattered_entry:
	cmpq	$ENTRY_MAGIC, %rax
	jne	started_by_linux
	movq	%rdi, %rbx
	cmpq	$0, BOOT_SLIDE(%rbx)
	expect	e, 10
	movq	constant, %rax
	movabsq	$0x5ca77e2ed, %rcx
	cmpq	%rcx, %rax
	expect	e, 11
	cmpq	$variable, variable
	expect	e, 12
	movq	$1, variable
	cmpq	$1, variable
	expect	e, 13

/* Memory: a segment without file bytes is zero, and writable. */
	movq	$zeros_start, %rdi
	movl	$(3 * 4096 + 8) / 8, %ecx
	xorl	%eax, %eax
	repe scasq
	expect	e, 14
	movq	$1, zeros_end

/* Memory: the heap begins behind the image, is large, zero at both ends, and comes when it is touched. */
	cmpq	$0x180000, BOOT_IMAGE_START(%rbx)
	expect	e, 15
	movq	BOOT_IMAGE_END(%rbx), %r12
	cmpq	BOOT_HEAP_START(%rbx), %r12
	expect	e, 16
	movq	BOOT_HEAP_END(%rbx), %r13
	movq	%r13, %rax
	subq	%r12, %rax
	cmpq	$LEAST_HEAP, %rax
	expect	ae, 17
	cmpq	$0, (%r12)
	expect	e, 18
	cmpq	$0, -8(%r13)
	expect	e, 19
	movq	$1, (%r12)
	movq	$1, -8(%r13)

/* Memory: the stack, all of it. */
	movq	BOOT_STACK_END(%rbx), %rax
	cmpq	%rsp, %rax
	expect	e, 20
	movq	BOOT_STACK_START(%rbx), %rdi
	subq	%rdi, %rax
	cmpq	$STACK, %rax
	expect	ae, 21
	testq	$0xfff, %rdi
	expect	z, 22
	movq	%rsp, %rcx
	subq	%rdi, %rcx
	shrq	$3, %rcx
	xorl	%eax, %eax
	repe scasq
	expect	e, 23
	movq	BOOT_STACK_START(%rbx), %rdi
	movq	%rdi, (%rdi)
	movq	$0x5afe, -128(%rsp)	/* the red zone */

/* Nothing was asked for, so nothing is there. */
	cmpq	$0, BOOT_DEVICE_COUNT(%rbx)
	expect	e, 24
	cmpq	$0, BOOT_CLOCK_MULT(%rbx)
	expect	e, 25

/* Hypercalls: what is not there, and poll with a deadline that has passed. */
	hypercall CALL_NONE
	cmpq	$-ENOSYS, %rax
	expect	e, 26
	hypercall CALL_COUNT
	cmpq	$-ENOSYS, %rax
	expect	e, 27
	xorl	%edi, %edi
	hypercall CALL_DEVICE
	cmpq	$-EBADF, %rax
	expect	e, 28
	movabsq	$0x100000000, %rdi	/* all bits of a handle count */
	hypercall CALL_DEVICE
	cmpq	$-EBADF, %rax
	expect	e, 29
	xorl	%edi, %edi
	xorl	%esi, %esi
	hypercall CALL_POLL
	testq	%rax, %rax
	expect	z, 30
	movq	$zeros_start + 1, %rsi	/* not aligned */
	movq	$-1, (%rsi)
	hypercall CALL_POLL
	testq	%rax, %rax
	expect	z, 31
	cmpq	$0, (%rsi)
	expect	e, 32
	movq	%rbx, %rsi		/* the boot page is read-only */
	hypercall CALL_POLL
	cmpq	$-EFAULT, %rax
	expect	e, 33
	movq	%r13, %rsi		/* the last byte of the word lies outside of the heap, on no page */
	subq	$7, %rsi
	hypercall CALL_POLL
	cmpq	$-EFAULT, %rax
	expect	e, 34
	movq	$-1, %rsi		/* the range overflows */
	hypercall CALL_POLL
	cmpq	$-EFAULT, %rax
	expect	e, 35

	/* The bits of RAX above the number are ignored, and port 0x7e may be in DX. */
	cmpq	$0x5afe, -128(%rsp)
	expect	e, 36
	movl	$PASSED, %edi
finish:
	movabsq	$0xffffffff00000000 | CALL_EXIT, %rax
	movl	$PORT, %edx
	outl	%eax, %dx
	ud2
	.size	scattered_entry, . - scattered_entry

started_by_linux:
	movl	$LINUX_EXIT_GROUP, %eax
	movl	$LINUX_CANNOT_RUN, %edi
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
