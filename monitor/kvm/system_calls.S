/* Where `syscall` goes in a guest that serves system calls. The code goes on at the guest's entry for them, in ring 3
 * and on the guest's stack for them. RCX is the address behind the `syscall`; R11 gets RSP instead of the flags.
 * system_calls.cpp copies this into the trampoline's page and fills in the frame.
 *
 * The code must not write memory: it runs in ring 0, and RSP may be anything. It must not need ring 0 either, because
 * without hardware virtualization it runs in ring 3. IRETQ from a frame that never changes works in both. */

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
