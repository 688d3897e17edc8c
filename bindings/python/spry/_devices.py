"""Devices of a program's own: functions that serve what a guest asks."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from spry._errors import ClosedError
from spry._library import c_string, ffi, lib


class GuestMemoryError(Exception):
    """The guest gave an address of memory that it may not itself read or write. A device's function need not catch
    this exception: the guest then gets -EFAULT."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a guest asks of a device. Valid until the device's function returns."""

    operation: int
    a: int
    b: int
    c: int
    _guest: Any

    def read(self, address: int, size: int) -> bytes:
        """Returns `size` bytes of the guest's memory. GuestMemoryError if the guest itself may not read all of
        them."""
        buffer = ffi.new("char[]", size)
        if lib.spry_guest_read(self._running(), address, buffer, size) != 0:
            raise GuestMemoryError(f"{size} bytes at {address:#x} are not the guest's to read")
        return bytes(ffi.buffer(buffer, size))

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Stores `data` in the guest's memory. GuestMemoryError if the guest itself may not write all of those
        bytes."""
        with ffi.from_buffer(data) as buffer:
            if lib.spry_guest_write(self._running(), address, buffer, len(buffer)) != 0:
                raise GuestMemoryError(f"{len(buffer)} bytes at {address:#x} are not the guest's to write")

    def _running(self) -> Any:
        if self._guest[0] == ffi.NULL:
            raise ClosedError("the call has been answered: its guest's memory is not to be used any more")
        return self._guest[0]


# Serves a call: returns the answer for the guest, a count (None: 0) or a negated errno. An exception makes the run fail
# with an error that names the exception. If several machines run, several threads call the function at once.
DeviceFunction: TypeAlias = Callable[[Call], int | None]


def _count(answer: int) -> int:
    """The answer. TypeError if it does not fit into the guest's register."""
    if not isinstance(answer, int) or not -(1 << 63) <= answer < 1 << 63:
        raise TypeError(f"a device's function answered {answer!r}, which is no integer of 64 bits")
    return answer


class NativeDevice:
    """A struct spry_attachment for the function `serve`, and what it points to. Must live as long as the machines.
    `raised` is called with each exception that `serve` raises, but for GuestMemoryError."""

    def __init__(self, kind: str, name: str, serve: DeviceFunction, raised: Callable[[BaseException], None]) -> None:
        self._serve = serve
        self._raised = raised
        self._kept = [ffi.new("char[]", c_string(text)) for text in (kind, name)]
        self._call = ffi.callback(
            "int64_t(void *, spry_guest *, const struct spry_device_call *, spry_error **)", self._answer, error=0
        )
        self.pointer: Any = ffi.new("struct spry_attachment *")
        self.pointer.size = ffi.sizeof("struct spry_attachment")
        self.pointer.kind, self.pointer.name = self._kept
        self.pointer.call = self._call

    def _answer(self, _: Any, guest: Any, asked: Any, error: Any) -> int:
        valid = [guest]
        try:
            answer = self._serve(Call(asked.operation, asked.a, asked.b, asked.c, valid))
            return _count(0 if answer is None else answer)
        except GuestMemoryError:
            return -errno.EFAULT
        except BaseException as failure:  # noqa: BLE001
            self._raised(failure)
            words = _words(failure).encode("utf-8", "replace")
            error[0] = lib.spry_error_create(lib.SPRY_MONITOR, words.replace(b"\0", b"?"))
            return 0
        finally:
            valid[0] = ffi.NULL


def _words(failure: BaseException) -> str:
    try:
        return f"{type(failure).__name__}: {failure}"
    except Exception:
        return type(failure).__name__
