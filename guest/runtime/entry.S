/* Where a unikernel begins (docs/abi.md, "Entry"): RAX = SPRY_ENTRY_MAGIC, RDI = boot page, RSP = the end of the
 * stack, aligned to 16 bytes, FS.base = boot page. Nothing here needs a relocation: Linux applies none. */

#include "entry.h"

/* Linux x86-64 system calls. A unikernel that is started as a Linux program prints one sentence with them, and exits.
 * */
#define LINUX_WRITE 1
#define LINUX_EXIT_GROUP 231
#define LINUX_STDERR 2
#define EXIT_CANNOT_RUN 126

	.section .text.spry_entry, "ax", @progbits
	.globl spry_entry
	.type spry_entry, @function
spry_entry:
	cmpq	$ENTRY_MAGIC, %rax
	jne	.Lnot_spry
	xorl	%ebp, %ebp	/* marks the outermost frame (x86-64 psABI, 3.4.1) */
	call	spry_start
	ud2

.Lnot_spry:
	movl	$LINUX_WRITE, %eax
	movl	$LINUX_STDERR, %edi
	leaq	.Lsentence(%rip), %rsi
	movl	$(.Lsentence_end - .Lsentence), %edx
	syscall
	movl	$LINUX_EXIT_GROUP, %eax
	movl	$EXIT_CANNOT_RUN, %edi
	syscall
	ud2
	.size spry_entry, . - spry_entry

	.section .rodata.spry_entry, "a", @progbits
.Lsentence:
	.ascii	"this is a Spry unikernel, not a Linux program; run it with: spry run FILE\n"
.Lsentence_end:

	.section .note.GNU-stack, "", @progbits
