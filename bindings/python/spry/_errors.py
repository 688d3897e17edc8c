"""Errors: what the monitor could not do. What a guest does is an Outcome instead."""

from collections.abc import Callable
from typing import Any

from spry._library import ffi, lib, string
from spry._outcome import Outcome


class Error(Exception):
    """One sentence that names the file, the value and the rule."""


class NotFoundError(Error):
    """There is no such file."""


class NotUnikernelError(Error):
    """The file is not a unikernel or snapshot that can run here."""


class NotReadyError(NotUnikernelError):
    """The guest ended before it called ready: there is no snapshot to take. `outcome` says how it ended."""

    def __init__(self, words: str, outcome: Outcome) -> None:
        super().__init__(words)
        self.outcome = outcome

    def __reduce__(self) -> "tuple[type[NotReadyError], tuple[str, Outcome]]":
        return type(self), (str(self), self.outcome)


class MonitorError(Error):
    """All other failures. The classes below are failures that a program may act on. MonitorError itself is raised if
    the monitor or the kernel failed in another way."""


class InvalidArgumentError(MonitorError, ValueError):
    """An option, a device or an argument breaks a rule: correct the program."""


class UnavailableError(MonitorError):
    """This host, or this library, has no such platform: take another platform or host."""


class ForbiddenError(MonitorError):
    """The system does not permit it: /dev/kvm, a file."""


class ResourcesError(MonitorError):
    """No memory, descriptors, processes, threads or room for files left: try again later."""


class ClosedError(MonitorError):
    """The pool, machine or shell is closed, or the machine has failed or run its one action: make a new one."""


class TooLargeError(MonitorError):
    """The input is longer than max_input."""


class FileError(MonitorError):
    """A file, disk or interface is there and cannot be used: locked, truncated, unreadable."""


class CancelledError(MonitorError):
    """The action was cancelled before it began. A future raises concurrent.futures.CancelledError instead."""


class BusyError(MonitorError):
    """The machine is in use by another thread, or a callback of a pool would wait for its own pool."""


_KINDS: dict[int, type[Error]] = {
    lib.SPRY_NOT_FOUND: NotFoundError,
    lib.SPRY_NOT_UNIKERNEL: NotUnikernelError,
    lib.SPRY_MONITOR: MonitorError,
    lib.SPRY_INVALID_ARGUMENT: InvalidArgumentError,
    lib.SPRY_UNAVAILABLE: UnavailableError,
    lib.SPRY_PERMISSION: ForbiddenError,
    lib.SPRY_RESOURCES: ResourcesError,
    lib.SPRY_CLOSED: ClosedError,
    lib.SPRY_TOO_LARGE: TooLargeError,
    lib.SPRY_FILE: FileError,
    lib.SPRY_CANCELLED: CancelledError,
    lib.SPRY_BUSY: BusyError,
}


def take_error(error: Any) -> Error:
    """The exception for a spry_error; frees the spry_error."""
    made = _KINDS.get(lib.spry_error_code(error), MonitorError)(string(lib.spry_error_message(error)))
    lib.spry_error_free(error)
    return made


def checked(call: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function whose last parameter is a spry_error **, and raises the error that it stores there."""
    error = ffi.new("spry_error **")
    result = call(*arguments, error)
    if error[0] != ffi.NULL:
        raise take_error(error[0])
    return result
