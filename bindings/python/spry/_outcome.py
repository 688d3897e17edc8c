"""How an action ended."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from spry._library import ffi, lib
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


def _bytes(data: Any, size: Any) -> bytes:
    return bytes(ffi.buffer(data, size[0]))


def _text(data: Any) -> str:
    return bytes(ffi.string(data)).decode("utf-8", "replace")
