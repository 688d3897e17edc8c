/* Where `syscall` goes in a guest that serves it: to the guest's entry in ring 3, with the guest's stack for it. RCX has
 * what is behind the instruction; R11 gets RSP, instead of the flags. system_calls.cpp copies this into a page of the
 * monitor's and fills in the frame.
 *
 * It writes no memory, because RSP may be anything and this is ring 0; nor does it need ring 0, because without hardware
 * virtualization it runs in ring 3. So it is IRETQ, which works in both, from a frame that is always the same. */

	.section .rodata.spry_system_calls, "a", @progbits
	.globl	spry_system_calls, spry_system_calls_frame, spry_system_calls_end
	.hidden	spry_system_calls, spry_system_calls_frame, spry_system_calls_end

	.balign	64
spry_system_calls:
	movq	%rsp, %r11
	leaq	spry_system_calls_frame(%rip), %rsp
	iretq
	.balign	8
spry_system_calls_frame:
	.quad	0, 0, 0, 0, 0	/* RIP, CS, RFLAGS, RSP, SS (SDM 3A 6.14.2) */
spry_system_calls_end:

	.section .note.GNU-stack, "", @progbits
