/* How an action of the spy ends (ways.h). At each way every register holds the secret, RSP too, and so does every word
 * of memory but spy_stack. DF and AC are set. */
#include "spy.h"

#define PORT 0x7e
#define OTHER_PORT 0x60
#define CALL_EXIT 1
#define CALL_ABORT 2
#define CALL_READY 3
#define CALL_POLL 4
#define CALL_DEVICE 6
#define TRAP_FLAG 0x100

	.macro	way name
	.globl	spy_way_\name
	.type	spy_way_\name, @function
spy_way_\name:
	.endm

/* Ends a way whose instruction returned although it must not. */
	.macro	not_here
	movl	$250, %edi
	movl	$CALL_EXIT, %eax
	outl	%eax, $PORT
	.endm

	.section .text.spy_ways, "ax", @progbits

	way	exit
	movl	$0, %edi
	movl	$CALL_EXIT, %eax
	outl	%eax, $PORT

	way	exit_7
	movl	$7, %edi
	movl	$CALL_EXIT, %eax
	outl	%eax, $PORT

	way	ready
	movl	$CALL_READY, %eax
	outl	%eax, $PORT
	not_here

	way	bad_call
	movl	$CALL_DEVICE, %eax
	outl	%eax, $PORT
	cmpq	$-9, %rax	/* SPRY_EBADF */
	je	spy_way_exit
	not_here

	way	abort
	movl	$CALL_ABORT, %eax
	outl	%eax, $PORT
	not_here

	way	null_write
	movq	%rax, 8
	not_here

	way	debug_register
	movq	%rax, %dr0
	not_here

	way	hlt
	hlt
	not_here

	way	divide
	movl	$0, %ecx
	divl	%ecx
	not_here

	way	invalid
	ud2

	way	breakpoint
	int3
	not_here

	way	trap
	movq	spy_stack(%rip), %rsp
	addq	$64, %rsp
	pushfq
	orq	$TRAP_FLAG, (%rsp)
	popfq
	nop
	nop
	not_here

	way	system_call
	syscall
	not_here

	way	stack_overflow
	movq	spy_stack(%rip), %rsp
	pushq	%rax
	not_here

	way	execute_data
	leaq	spy_table(%rip), %rax
	jmp	*%rax

	way	in
	inl	$PORT, %eax
	not_here

	way	in_other
	inb	$OTHER_PORT, %al
	not_here

	/* Downwards: DF is set. */
	way	ins
	movl	$PORT, %edx
	movl	$64, %ecx
	leaq	256+spy_table(%rip), %rdi
	rep insb
	not_here

	way	ins_other
	movl	$OTHER_PORT, %edx
	movl	$16, %ecx
	leaq	256+spy_table(%rip), %rdi
	rep insl
	not_here

	way	outs
	movl	$PORT, %edx
	movl	$64, %ecx
	leaq	256+spy_table(%rip), %rsi
	rep outsb
	not_here

	way	out_byte
	outb	%al, $PORT
	not_here

	way	out_word
	outw	%ax, $PORT
	not_here

	way	spin
	jmp	spy_way_spin

	way	poll
	movq	$-1, %rdi
	movl	$0, %esi
	movl	$CALL_POLL, %eax
	outl	%eax, $PORT
	jmp	spy_way_poll

	.section .note.GNU-stack, "", @progbits
