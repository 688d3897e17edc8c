/* The spy's entry, its hypercall and its fill: what must see or set every register, and so cannot be C. */
#include "spy.h"

#define PORT 0x7e
#define FILL_FLAGS 0x244ed5	/* CF, PF, AF, ZF, SF, IF, DF, OF, NT, AC, ID */
#define PLAIN_FLAGS 0x202
#define FILL_X87_CONTROL 0x0f7f
#define FILL_X87_STATUS 0x7f7f	/* every flag but ES and B */
#define PENDING_X87_CONTROL 0x0f40
#define PENDING_X87_STATUS 0xffff
#define FILL_MXCSR 0xffff
#define PLAIN_MXCSR 0x1f80

/* Stores the registers in an area, before anything changes them, and makes the end of the area the stack. */
	.macro	capture area
	movq	%rax, \area+0(%rip)
	movq	%rbx, \area+8(%rip)
	movq	%rcx, \area+16(%rip)
	movq	%rdx, \area+24(%rip)
	movq	%rsi, \area+32(%rip)
	movq	%rdi, \area+40(%rip)
	movq	%rbp, \area+48(%rip)
	movq	%rsp, \area+56(%rip)
	movq	%r8, \area+64(%rip)
	movq	%r9, \area+72(%rip)
	movq	%r10, \area+80(%rip)
	movq	%r11, \area+88(%rip)
	movq	%r12, \area+96(%rip)
	movq	%r13, \area+104(%rip)
	movq	%r14, \area+112(%rip)
	movq	%r15, \area+120(%rip)
	leaq	\area+SPY_CAPTURE_FLAGS+8(%rip), %rsp
	pushfq
	leaq	\area+SPY_AREA_BYTES(%rip), %rsp
	movw	%cs, \area+SPY_CAPTURE_SELECTORS(%rip)
	movw	%ss, \area+SPY_CAPTURE_SELECTORS+2(%rip)
	movw	%ds, \area+SPY_CAPTURE_SELECTORS+4(%rip)
	movw	%es, \area+SPY_CAPTURE_SELECTORS+6(%rip)
	movw	%fs, \area+SPY_CAPTURE_SELECTORS+8(%rip)
	movw	%gs, \area+SPY_CAPTURE_SELECTORS+10(%rip)
	fxsave64 \area+SPY_CAPTURE_FX(%rip)
	/* Was the rest of the area zero? */
	cld
	leaq	\area+SPY_CAPTURE_MASKS(%rip), %rdi
	movl	$(SPY_AREA_BYTES - SPY_CAPTURE_MASKS) / 8, %ecx
	xorl	%eax, %eax
	repe scasq
	je	1f
	subq	$8, %rdi
	movq	%rdi, \area+SPY_DIRTY(%rip)
1:
	.endm

/* Sets the state that C code needs. */
	.macro	plain_state
	fninit
	ldmxcsr	plain_mxcsr(%rip)
	pushq	$PLAIN_FLAGS
	popfq
	xorl	%ebp, %ebp
	.endm

	.section .text.spry_entry, "ax", @progbits
	.globl	spry_entry
	.type	spry_entry, @function
spry_entry:
	capture	spy_first_area
	plain_state
	call	spy_at_entry
	ud2
	.size	spry_entry, . - spry_entry

	.text
	.globl	spy_call
	.type	spy_call, @function
spy_call:
	movl	spy_first_area+SPY_CLASSES(%rip), %r9d
	fxrstor64 spy_first_area+SPY_KNOWN_FX(%rip)
	fxsave64 spy_first_area+SPY_BEFORE_FX(%rip)
	testl	$SPY_CLASS_AVX, %r9d
	jz	1f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups	spy_first_area+SPY_KNOWN_VECTORS+64*\n(%rip), %ymm\n
	.endr
1:	testl	$SPY_CLASS_AVX512, %r9d
	jz	1f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups	spy_first_area+SPY_KNOWN_VECTORS+64*\n(%rip), %zmm\n
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	spy_first_area+SPY_KNOWN_MASKS+8*\n(%rip), %k\n
	.endr
1:	testl	$SPY_CLASS_PKRU, %r9d
	jz	1f
	movl	$SPY_KNOWN_PKRU, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	wrpkru
1:	testl	$SPY_CLASS_SELECTORS, %r9d
	jz	1f
	movl	$SPY_USER_SELECTOR, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %gs
1:	testl	$SPY_CLASS_BASES, %r9d
	jz	1f
	movabsq	$SPY_KNOWN_FS_BASE, %rax
	wrfsbase %rax
	movabsq	$SPY_KNOWN_GS_BASE, %rax
	wrgsbase %rax

	/* Nothing writes to the first area from here on: its sum is taken. */
1:	leaq	spy_first_area(%rip), %rsi
	movl	$SPY_AREA_BYTES / 8, %ecx
	xorl	%eax, %eax
1:	addq	(%rsi), %rax
	rolq	$7, %rax
	addq	$8, %rsi
	decl	%ecx
	jnz	1b
	movq	%rax, spy_first_area+SPY_SUM(%rip)

	leaq	spy_second_area+SPY_AREA_BYTES(%rip), %rsp
	pushq	$SPY_KNOWN_FLAGS
	popfq
	movq	$0, -8(%rsp)
	movabsq	$SPY_KNOWN(1), %rbx
	movabsq	$SPY_KNOWN(2), %rcx
	movabsq	$SPY_KNOWN(3), %rdx
	movabsq	$SPY_KNOWN(4), %rsi
	movabsq	$SPY_KNOWN(5), %rdi
	movabsq	$SPY_KNOWN(6), %rbp
	movabsq	$SPY_KNOWN_RSP, %rsp
	movabsq	$SPY_KNOWN(8), %r8
	movabsq	$SPY_KNOWN(9), %r9
	movabsq	$SPY_KNOWN(10), %r10
	movabsq	$SPY_KNOWN(11), %r11
	movabsq	$SPY_KNOWN(12), %r12
	movabsq	$SPY_KNOWN(13), %r13
	movabsq	$SPY_KNOWN(14), %r14
	movabsq	$SPY_KNOWN(15), %r15
	movl	spy_first_area+SPY_NUMBER(%rip), %eax
	outl	%eax, $PORT

	.globl	spy_called
	.type	spy_called, @function
spy_called:
	capture	spy_second_area
	movl	spy_first_area+SPY_CLASSES(%rip), %esi
	leaq	spy_second_area(%rip), %rdi
	call	spy_capture_wide
	/* Sets the bases back: C code cannot run with known values in them. */
	testl	$SPY_CLASS_BASES, spy_first_area+SPY_CLASSES(%rip)
	jz	1f
	movq	spy_first_area+SPY_BOOT(%rip), %rax
	wrfsbase %rax
1:	plain_state
	call	spy_after_call
	ud2
	.size	spy_call, . - spy_call

/* (RDI: struct spy_capture, ESI: classes) */
	.globl	spy_capture_wide
	.type	spy_capture_wide, @function
spy_capture_wide:
	testl	$SPY_CLASS_AVX, %esi
	jz	1f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups	%ymm\n, SPY_CAPTURE_VECTORS+64*\n(%rdi)
	.endr
1:	testl	$SPY_CLASS_AVX512, %esi
	jz	1f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups	%zmm\n, SPY_CAPTURE_VECTORS+64*\n(%rdi)
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	%k\n, SPY_CAPTURE_MASKS+8*\n(%rdi)
	.endr
1:	testl	$SPY_CLASS_BASES, %esi
	jz	1f
	rdfsbase %rax
	movq	%rax, SPY_CAPTURE_FS_BASE(%rdi)
	rdgsbase %rax
	movq	%rax, SPY_CAPTURE_GS_BASE(%rdi)
1:	testl	$SPY_CLASS_PKRU, %esi
	jz	1f
	xorl	%ecx, %ecx
	rdpkru
	movq	%rax, SPY_CAPTURE_PKRU(%rdi)
1:	ret
	.size	spy_capture_wide, . - spy_capture_wide

/* (RDI: struct spy_fill) Uses no stack, because it fills the stack too. */
	.globl	spy_fill
	.type	spy_fill, @function
spy_fill:
	movq	%rdi, %rsi
	movq	SPY_FILL_SECRET(%rsi), %rax
	movq	SPY_FILL_CLASSES(%rsi), %r9
	movq	SPY_FILL_WAY(%rsi), %r10
	movq	SPY_FILL_STACK_START(%rsi), %r11
	movq	SPY_FILL_STACK_END(%rsi), %r12
	movq	SPY_FILL_COUNT(%rsi), %rbx
	addq	$SPY_FILL_RANGES, %rsi
	cld
1:	movq	0(%rsi), %rdi
	movq	8(%rsi), %rcx
	shrq	$3, %rcx
	addq	$16, %rsi
	rep stosq
	decq	%rbx
	jnz	1b
	movq	%r10, spy_way(%rip)
	movq	%r11, spy_stack(%rip)
	movq	%rax, %rbp

	/* x87, MMX and SSE: an image of secrets on the stack, with control words that are good, and pointers of x87 that
	 * are canonical addresses. */
	leaq	-512(%r12), %rsi
	movw	$FILL_X87_CONTROL, 0(%rsi)
	movw	$FILL_X87_STATUS, 2(%rsi)
	testl	$SPY_CLASS_PENDING, %r9d
	jz	1f
	movw	$PENDING_X87_CONTROL, 0(%rsi)
	movw	$PENDING_X87_STATUS, 2(%rsi)
1:	movb	$0xff, 4(%rsi)
	shrq	$17, %rax
	movq	%rax, 8(%rsi)
	movq	%rax, 16(%rsi)
	movl	$FILL_MXCSR, 24(%rsi)
	fxrstor64 (%rsi)
	movq	%rbp, 0(%rsi)
	movq	%rbp, 8(%rsi)
	movq	%rbp, 16(%rsi)
	movq	%rbp, 24(%rsi)

	testl	$SPY_CLASS_AVX, %r9d
	jz	1f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups	(%rsi), %ymm\n
	.endr
1:	testl	$SPY_CLASS_AVX512, %r9d
	jz	1f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups	(%rsi), %zmm\n
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	(%rsi), %k\n
	.endr
1:	testl	$SPY_CLASS_PKRU, %r9d
	jz	1f
	movl	%ebp, %eax
	andl	$-4, %eax	/* this memory has key 0 */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	wrpkru
1:	testl	$SPY_CLASS_SELECTORS, %r9d
	jz	1f
	movl	$SPY_USER_SELECTOR, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %gs
1:	testl	$SPY_CLASS_ODD, %r9d
	jz	1f
	movl	$0x3, %eax
	movl	%eax, %ds
	movl	$0x33, %eax
	movl	%eax, %es
	movl	$0x1, %eax
	movl	%eax, %gs
1:	testl	$SPY_CLASS_FS, %r9d
	jz	1f
	movl	$SPY_USER_SELECTOR, %eax
	movl	%eax, %fs
1:	testl	$SPY_CLASS_BASES, %r9d
	jz	1f
	movq	%rbp, %rax
	shrq	$17, %rax
	wrfsbase %rax
	wrgsbase %rax

	/* RSP stays canonical: a kernel that is itself a guest may fault when it returns to another. */
1:	movq	%rbp, %rax
	shrq	$17, %rax
	movq	%rax, spy_filled_rsp(%rip)
	movq	%r12, %rsp
	pushq	$FILL_FLAGS
	popfq
	movq	%rbp, -8(%rsp)
	movq	%rbp, %rax
	movq	%rbp, %rbx
	movq	%rbp, %rcx
	movq	%rbp, %rdx
	movq	%rbp, %rsi
	movq	%rbp, %rdi
	movq	spy_filled_rsp(%rip), %rsp
	movq	%rbp, %r8
	movq	%rbp, %r9
	movq	%rbp, %r10
	movq	%rbp, %r11
	movq	%rbp, %r12
	movq	%rbp, %r13
	movq	%rbp, %r14
	movq	%rbp, %r15
	jmp	*spy_way(%rip)
	.size	spy_fill, . - spy_fill

	.section .rodata.spy, "a", @progbits
	.balign	4
plain_mxcsr:
	.long	PLAIN_MXCSR

	.data
	.balign	4096
	.globl	spy_table
spy_table:
	.set	word, 0
	.rept	SPY_TABLE_WORDS
	.quad	SPY_MARK + word
	.set	word, word + 1
	.endr

	.bss
	.balign	4096
	.globl	spy_first_area, spy_second_area
spy_first_area:
	.zero	SPY_AREA_BYTES
spy_second_area:
	.zero	SPY_AREA_BYTES
/* Values that a way needs and that no register holds. */
spy_way:
	.zero	8
	.globl	spy_stack
spy_stack:
	.zero	8
spy_filled_rsp:
	.zero	8

	.section .note.GNU-stack, "", @progbits
