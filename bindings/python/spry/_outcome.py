"""How an action ended."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from spry._library import ffi, lib, string
from spry._platform import Platform, platform_name


class Reason(Enum):
    """Why an action ended."""

    EXIT = "exit"
    """The guest called exit, or ready a second time."""
    ABORT = "abort"
    """The guest called abort."""
    FAULT = "fault"
    """The guest did what it may not."""
    DEADLINE = "deadline"
    """The deadline passed."""
    INTERRUPTED = "interrupted"
    """Machine.interrupt was called."""
    TOO_MUCH_OUTPUT = "output"
    """The guest printed more than max_output: the outcome has the beginning."""
    CPU_LIMIT = "cpu"
    """The guest's process used up its processor time (RLIMIT_CPU); Platform "process" only."""


class FaultKind(Enum):
    """What a guest did when it crashed."""

    NONE = "none"
    """No fault: the guest called abort."""
    READ = "read"
    """A read of memory that the guest may not read."""
    WRITE = "write"
    """A write to memory that the guest may not write."""
    EXECUTE = "execute"
    """A jump to memory that is not code."""
    STACK_OVERFLOW = "stack overflow"
    """An access below the stack."""
    INSTRUCTION = "instruction"
    """An instruction that is privileged, does not exist, or is for I/O."""
    ARITHMETIC = "arithmetic"
    """A division or a floating-point operation without a result."""
    OTHER = "other"
    """Another fault, which Outcome.message describes."""


# In the order of enum spry_reason.
REASONS = tuple(Reason)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an action cost. Times are in nanoseconds."""

    platform: Platform
    """The platform that ran the action; never "automatic"."""
    exits: int
    """How often the guest left to the monitor."""
    bytes_in: int
    """Bytes of input and device input."""
    bytes_out: int
    """Bytes of output, diagnostics and device output."""
    memory_reserved: int
    """Bytes of guest memory."""
    memory_touched: int
    """Bytes of guest memory and input that are resident at the end, with Options.measure_memory; else 0."""
    create_ns: int
    """To create the machine."""
    reset_ns: int
    """The reset before this action, or 0."""
    run_ns: int
    """To run the action, without the reset."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a guest was when it crashed, or where one of the callers would go on."""

    address: int
    """Guest virtual."""
    function: str
    """The function with an offset, "handle(int)+0x1c"; empty if it is not known."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A guest's crash as data; Outcome.message and Outcome.crash say the same in words."""

    kind: FaultKind
    address: int | None
    """The address of the access, for the kinds READ to STACK_OVERFLOW; else None."""
    registers: dict[str, int]
    """By name, in lower case: rax to r15, rip and rflags."""
    frames: tuple[Frame, ...]
    """The frame of the instruction, then those of its callers."""

    @property
    def rip(self) -> int:
        """The address of the instruction that faulted, or of the one behind the call of abort."""
        return self.registers["rip"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended, and what it left."""

    reason: Reason
    status: int
    """The guest's exit status, if the reason is EXIT; else 0."""
    output: bytes
    diagnostics: bytes
    message: str
    """The guest's message if it aborted; a sentence if it faulted, printed too much or used up its processor time; else
    empty."""
    crash: str
    """Registers and backtrace, several lines, after an abort or a fault; else empty."""
    crash_data: Crash | None
    """The crash as data, after an abort or a fault."""
    receipt: Receipt

    @property
    def succeeded(self) -> bool:
        """Whether the guest called exit with 0."""
        return self.reason is Reason.EXIT and self.status == 0


def take_outcome(outcome: Any) -> Outcome:
    """The Outcome for a spry_outcome; frees the spry_outcome."""
    try:
        size = ffi.new("size_t *")
        receipt = ffi.new("struct spry_receipt *", {"size": ffi.sizeof("struct spry_receipt")})
        lib.spry_outcome_receipt(outcome, receipt)
        return Outcome(
            reason=REASONS[lib.spry_outcome_reason(outcome)],
            status=lib.spry_outcome_status(outcome),
            output=_bytes(lib.spry_outcome_output(outcome, size), size),
            diagnostics=_bytes(lib.spry_outcome_diagnostics(outcome, size), size),
            message=_text(lib.spry_outcome_message(outcome)),
            crash=_text(lib.spry_outcome_crash(outcome)),
            crash_data=_crash(outcome),
            receipt=Receipt(
                platform=platform_name(receipt.platform),
                exits=receipt.exits,
                bytes_in=receipt.bytes_in,
                bytes_out=receipt.bytes_out,
                memory_reserved=receipt.memory_reserved,
                memory_touched=receipt.memory_touched,
                create_ns=receipt.create_ns,
                reset_ns=receipt.reset_ns,
                run_ns=receipt.run_ns,
            ),
        )
    finally:
        lib.spry_outcome_free(outcome)


_REGISTERS = ("rax rbx rcx rdx rsi rdi rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags").split()


def _crash(outcome: Any) -> Crash | None:
    native = ffi.new("struct spry_crash *", {"size": ffi.sizeof("struct spry_crash")})
    if not lib.spry_outcome_crash_data(outcome, native):
        return None
    address = ffi.new("uint64_t *")
    frames = []
    for index in range(native.frames):
        function = _text(lib.spry_outcome_frame(outcome, index, address))
        frames.append(Frame(address[0], function))
    return Crash(
        kind=FaultKind(string(lib.spry_fault_name(native.kind))),
        address=native.address if native.has_address else None,
        registers={name: getattr(native, name) for name in _REGISTERS},
        frames=tuple(frames),
    )


def _bytes(data: Any, size: Any) -> bytes:
    return bytes(ffi.buffer(data, size[0]))


def _text(data: Any) -> str:
    return bytes(ffi.string(data)).decode("utf-8", "replace")
