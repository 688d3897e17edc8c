"""Errors: what the monitor could not do. What a guest does is an Outcome instead."""

from collections.abc import Callable
from typing import Any

from spry._library import ffi, lib, string


class Error(Exception):
    """One sentence that names the file, the value and the rule."""


class NotFoundError(Error):
    """There is no such file."""


class NotUnikernelError(Error):
    """The file is not a unikernel or snapshot that can run here."""


class MonitorError(Error):
    """Everything else: bad options, no platform, no memory."""


def take_error(error: Any) -> Error:
    """The exception for a spry_error, which is freed."""
    kinds = {lib.SPRY_NOT_FOUND: NotFoundError, lib.SPRY_NOT_UNIKERNEL: NotUnikernelError}
    made = kinds.get(lib.spry_error_code(error), MonitorError)(string(lib.spry_error_message(error)))
    lib.spry_error_free(error)
    return made


def checked(call: Callable[..., Any], *arguments: Any) -> Any:
    """Calls what has a spry_error ** as its last parameter, and raises what it stores there."""
    error = ffi.new("spry_error **")
    result = call(*arguments, error)
    if error[0] != ffi.NULL:
        raise take_error(error[0])
    return result
