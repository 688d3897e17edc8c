/* A unikernel that was written from docs/abi.md alone: each number is named here with its section there, and no header
 * is included. It checks what it was given, prints by both ways of the console, and exits with 42, or with the number of
 * the check that failed. */

	.equ	ENTRY_MAGIC, 0x59525053		/* Entry */
	.equ	ENTRY_MXCSR, 0x1f80		/* Entry */
	.equ	ENTRY_X87_CONTROL, 0x37f	/* Entry */
	.equ	ENTRY_RFLAGS, 0x202		/* Entry */
	.equ	RFLAGS_SPECIFIED, ~0x13000	/* Entry: all but IOPL; RF, which pushf always stores as 0 */
	.equ	ENTRY_CS, 0x33			/* Entry */
	.equ	ENTRY_SS, 0x2b			/* Entry */

	.equ	BOOT_SELF, 0x00			/* Boot page */
	.equ	BOOT_ABI_VERSION, 0x08
	.equ	BOOT_SIZE, 0x0c
	.equ	BOOT_FEATURES, 0x10
	.equ	BOOT_GENERATION, 0x18
	.equ	BOOT_FLAGS, 0x20
	.equ	BOOT_CANARY, 0x28
	.equ	BOOT_SEED, 0x30
	.equ	BOOT_SLIDE, 0x50
	.equ	BOOT_IMAGE_START, 0x58
	.equ	BOOT_IMAGE_END, 0x60
	.equ	BOOT_HEAP_START, 0x68
	.equ	BOOT_HEAP_END, 0x70
	.equ	BOOT_STACK_END, 0x80
	.equ	BOOT_ARGC, 0x88
	.equ	BOOT_ARGV, 0x90
	.equ	BOOT_INPUT, 0x98
	.equ	BOOT_INPUT_LENGTH, 0xa0
	.equ	BOOT_CLOCK_TSC, 0xa8
	.equ	BOOT_CLOCK_NS, 0xb0
	.equ	BOOT_CLOCK_MULT, 0xb8
	.equ	BOOT_CLOCK_SHIFT, 0xbc
	.equ	BOOT_CLOCK_WALL, 0xc0
	.equ	BOOT_DEVICE_COUNT, 0xc8
	.equ	BOOT_DEVICES, 0xd0
	.equ	DEVICE_SHARED, 0x00		/* Boot page, devices */
	.equ	DEVICE_SHARED_SIZE, 0x08
	.equ	THIS_VERSION, 1			/* Boot page */
	.equ	THIS_SIZE, 0x4d8
	.equ	BOOT_READY, 1
	.equ	FEATURE_CLOCK, 1		/* Features */

	.equ	PORT, 0x7e			/* Hypercalls */
	.equ	CALL_EXIT, 1
	.equ	CALL_READY, 3
	.equ	CALL_CLOCK, 5
	.equ	CALL_DEVICE, 6
	.equ	CLOCK_MONOTONIC, 1
	.equ	EINVAL, 22

	.equ	CONSOLE, 0			/* Notes: the console's handle */
	.equ	CONSOLE_WRITE, 1		/* Console */
	.equ	STREAM_OUTPUT, 1
	.equ	AREA_LENGTH, 0x00
	.equ	AREA_BYTES, 0x08

	.equ	SECONDS, 1000000000
	.equ	PASSED, 42
	.equ	LINUX_EXIT_GROUP, 231
	.equ	LINUX_CANNOT_RUN, 126

/* Ends the action with `number` unless `condition` (of a conditional jump) holds. */
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

/* Notes */
	.section .note.spry, "a", @note
	.balign	4
	.long	5, 4, 1			/* owner's size, descriptor's size, the ABI note */
	.asciz	"Spry"
	.balign	4
	.long	1			/* version */

	.long	5, 24, 2		/* the needs note */
	.asciz	"Spry"
	.balign	4
	.quad	0, 0, FEATURE_CLOCK	/* memory, stack, features */

	.long	5, 64, 3		/* the device note */
	.asciz	"Spry"
	.balign	4
	.long	CONSOLE			/* handle */
1:	.asciz	"console"		/* kind */
	.zero	20 - (. - 1b)
1:	.asciz	"console"		/* name */
	.zero	40 - (. - 1b)

	.section .rodata, "a", @progbits
first_line:
	.ascii	"assembly\n"
	.equ	first_line_length, . - first_line
second_line:
	.ascii	"by hypercall\n"
	.equ	second_line_length, . - second_line
	.equ	line_feed, . - 1

	.data
	.balign	8
relocated:
	.quad	first_line		/* ELF file, "Relocations": it holds an address wherever the image lies */

	.bss
	.balign	16
vectors:
	.zero	16
scratch:
	.zero	8

	.text
	.globl	spry_entry
	.type	spry_entry, @function
spry_entry:
	cmpq	$ENTRY_MAGIC, %rax
	jne	started_by_linux

	/* What no later instruction may disturb comes first: flags, then the other registers (Entry). */
	pushfq
	orq	%rbx, %rcx
	orq	%rdx, %rcx
	orq	%rsi, %rcx
	orq	%rbp, %rcx
	orq	%r8, %rcx
	orq	%r9, %rcx
	orq	%r10, %rcx
	orq	%r11, %rcx
	orq	%r12, %rcx
	orq	%r13, %rcx
	orq	%r14, %rcx
	orq	%r15, %rcx
	movq	%rdi, %rbx		/* the boot page from here on */
	expect	z, 1
	popq	%rax
	andq	$RFLAGS_SPECIFIED, %rax
	/* The comparison with the magic, equal, left ZF and PF. */
	andq	$~0x44, %rax
	cmpq	$ENTRY_RFLAGS, %rax
	expect	e, 2
	cmpq	%fs:BOOT_SELF, %rbx
	expect	e, 3
	cmpq	BOOT_SELF(%rbx), %rbx
	expect	e, 4
	cmpq	BOOT_STACK_END(%rbx), %rsp
	expect	e, 5
	testq	$15, %rsp
	expect	z, 6

	movw	%ds, %ax
	movw	%es, %cx
	orl	%ecx, %eax
	movw	%fs, %cx
	orl	%ecx, %eax
	movw	%gs, %cx
	orl	%ecx, %eax
	testw	%ax, %ax
	expect	z, 7
	movw	%cs, %ax
	cmpw	$ENTRY_CS, %ax
	expect	e, 8
	movw	%ss, %ax
	cmpw	$ENTRY_SS, %ax
	expect	e, 9

	stmxcsr	scratch(%rip)
	cmpl	$ENTRY_MXCSR, scratch(%rip)
	expect	e, 10
	fnstcw	scratch(%rip)
	cmpw	$ENTRY_X87_CONTROL, scratch(%rip)
	expect	e, 11
	.irp	register, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	orps	%xmm\register, %xmm0
	.endr
	movaps	%xmm0, vectors(%rip)
	movq	vectors(%rip), %rax
	orq	8+vectors(%rip), %rax
	expect	z, 12

/* Boot page */
	cmpl	$THIS_VERSION, BOOT_ABI_VERSION(%rbx)
	expect	e, 13
	cmpl	$THIS_SIZE, BOOT_SIZE(%rbx)
	expect	e, 14
	cmpq	$FEATURE_CLOCK, BOOT_FEATURES(%rbx)
	expect	e, 15
	cmpq	$1, BOOT_GENERATION(%rbx)
	expect	e, 16
	cmpb	$0, BOOT_CANARY(%rbx)
	expect	e, 17
	movq	BOOT_CANARY(%rbx), %rax
	testq	%rax, %rax
	expect	nz, 18
	cmpq	%fs:BOOT_CANARY, %rax
	expect	e, 19
	movq	BOOT_SEED(%rbx), %rax
	cmpq	BOOT_SEED+8(%rbx), %rax
	expect	ne, 20
	cmpq	$1, BOOT_DEVICE_COUNT(%rbx)
	expect	e, 21
	cmpq	$0, BOOT_DEVICES+16(%rbx)
	expect	e, 22

	/* The slide, and the image around this code. */
	testq	$0x1fffff, BOOT_SLIDE(%rbx)
	expect	z, 23
	leaq	spry_entry(%rip), %rax
	cmpq	BOOT_IMAGE_START(%rbx), %rax
	expect	ae, 24
	cmpq	BOOT_IMAGE_END(%rbx), %rax
	expect	b, 25
	movq	BOOT_IMAGE_END(%rbx), %rax
	cmpq	BOOT_HEAP_START(%rbx), %rax
	expect	e, 26
	leaq	first_line(%rip), %rax
	cmpq	relocated(%rip), %rax
	expect	e, 27

/* Memory: the heap's last word is there, and zero, though nobody asked for it before. */
	movq	BOOT_HEAP_END(%rbx), %rax
	cmpq	$0, -8(%rax)
	expect	e, 45
	movq	%rax, -8(%rax)

/* Hypercalls: the input may be looked at after the first "ready", which is a hypercall only if it is not there yet. */
	testq	$BOOT_READY, BOOT_FLAGS(%rbx)
	jnz	2f
	hypercall CALL_READY
	testq	%rax, %rax
	expect	z, 28
2:

/* Console: the first line waits in the shared area. */
	movq	BOOT_DEVICES+DEVICE_SHARED(%rbx), %r12
	testq	%r12, %r12
	expect	nz, 29
	cmpq	$AREA_BYTES + first_line_length, BOOT_DEVICES+DEVICE_SHARED_SIZE(%rbx)
	expect	ae, 30
	movl	AREA_LENGTH(%r12), %eax
	testl	%eax, %eax
	expect	z, 31
	leaq	AREA_BYTES(%r12,%rax), %rdi
	movq	relocated(%rip), %rsi
	movl	$first_line_length, %ecx
	rep movsb
	addl	$first_line_length, AREA_LENGTH(%r12)

	/* The second brings it out. */
	leaq	second_line(%rip), %r10
	movl	$second_line_length, %r8d
	call	write
	cmpl	$0, AREA_LENGTH(%r12)
	expect	e, 32

	/* The second argument, if there is one, and a line feed. */
	cmpq	$2, BOOT_ARGC(%rbx)
	jb	4f
	movq	BOOT_ARGV(%rbx), %rax
	movq	8(%rax), %r10
	xorl	%r8d, %r8d
3:	cmpb	$0, (%r10,%r8)
	je	3f
	incq	%r8
	jmp	3b
3:	call	write
	leaq	line_feed(%rip), %r10
	movl	$1, %r8d
	call	write

	/* argv ends with 0. */
4:	movq	BOOT_ARGV(%rbx), %rax
	movq	BOOT_ARGC(%rbx), %rcx
	cmpq	$0, (%rax,%rcx,8)
	expect	e, 33

	/* The input, from where it is. */
	movq	BOOT_INPUT(%rbx), %r10
	movq	BOOT_INPUT_LENGTH(%rbx), %r8
	call	write

/* Hypercalls: errors, and what is preserved. */
	movl	$CONSOLE, %edi
	movl	$CONSOLE_WRITE, %esi
	movl	$3, %edx		/* no such stream */
	movq	$-1, %r10		/* nor is this good, but it is looked at later */
	movl	$2, %r8d
	movl	$0x1234, %r9d
	movl	$0x5678, %r12d
	stc
	hypercall CALL_DEVICE
	expect	c, 34
	cmpq	$-EINVAL, %rax
	expect	e, 35
	cmpq	$0x1234, %r9
	expect	e, 36
	cmpq	$0x5678, %r12
	expect	e, 37
	cmpq	$3, %rdx
	expect	e, 38

/* Clocks: the formula, the hypercall, and the formula again. */
	call	monotonic
	movq	%rax, %r13
	movl	$CLOCK_MONOTONIC, %edi
	hypercall CALL_CLOCK
	movq	%rax, %r14
	call	monotonic
	cmpq	%r13, %rax
	expect	ae, 39
	/* Emulated hosts are slow: ten seconds. */
	movabsq	$10 * SECONDS, %rdx
	movq	%rax, %rcx
	addq	%rdx, %rcx
	cmpq	%rcx, %r14
	expect	b, 40
	addq	%rdx, %r14
	cmpq	%r13, %r14
	expect	a, 41
	/* The wall clock is past the year 2001. */
	addq	BOOT_CLOCK_WALL(%rbx), %rax
	movabsq	$1000000000 * SECONDS, %rcx
	cmpq	%rcx, %rax
	expect	a, 43

	movl	$PASSED, %edi
finish:
	hypercall CALL_EXIT
	ud2
	.size	spry_entry, . - spry_entry

/* SPRY_CONSOLE_WRITE of R8 bytes at R10 to stream 1; returns if all of them were taken. */
	.type	write, @function
write:
	movl	$CONSOLE, %edi
	movl	$CONSOLE_WRITE, %esi
	movl	$STREAM_OUTPUT, %edx
	hypercall CALL_DEVICE
	cmpq	%r8, %rax
	expect	e, 44
	ret
	.size	write, . - write

/* Clocks: monotonic nanoseconds in RAX. */
	.type	monotonic, @function
monotonic:
	lfence
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	subq	BOOT_CLOCK_TSC(%rbx), %rax
	jns	1f
	xorl	%eax, %eax
1:	movl	BOOT_CLOCK_MULT(%rbx), %edx
	mulq	%rdx
	movl	BOOT_CLOCK_SHIFT(%rbx), %ecx
	shrdq	%cl, %rdx, %rax
	addq	BOOT_CLOCK_NS(%rbx), %rax
	ret
	.size	monotonic, . - monotonic

/* ELF file, "As a Linux program" */
started_by_linux:
	movl	$LINUX_EXIT_GROUP, %eax
	movl	$LINUX_CANNOT_RUN, %edi
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
