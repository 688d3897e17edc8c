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
    """Machine.interrupt."""
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
    """That ran it; never "automatic"."""
    exits: int
    bytes_in: int
    bytes_out: int
    memory_reserved: int
    memory_touched: int
    create_ns: int
    reset_ns: int
    run_ns: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a guest was when it crashed, or where one of the callers goes on."""

    address: int
    function: str
    """With an offset, "handle(int)+0x1c"; empty if it is not known."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A guest's crash as data; Outcome.message and Outcome.crash say the same in words."""

    kind: FaultKind
    address: int | None
    """Of the access: for the kinds READ to STACK_OVERFLOW."""
    registers: dict[str, int]
    """By name, in lower case: rax to r15, rip and rflags."""
    frames: tuple[Frame, ...]
    """The instruction's first, then its callers'."""

    @property
    def rip(self) -> int:
        """Of the instruction that faulted, or behind the call of abort."""
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
    """The guest's words if it aborted, the fault in words if it faulted."""
    crash: str
    """Registers and backtrace after an abort or a fault."""
    crash_data: Crash | None
    """The crash as data."""
    receipt: Receipt

    @property
    def succeeded(self) -> bool:
        """Whether the guest called exit with 0."""
        return self.reason is Reason.EXIT and self.status == 0


def take_outcome(outcome: Any) -> Outcome:
    """The Outcome for a spry_outcome, which is freed."""
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
