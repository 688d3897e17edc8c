"""Spry: actions in machines of their own, each in a fraction of the time that a process takes to start.

    import spry

    with spry.Pool("thumbnail", spry.Options(deadline=0.1)) as pool:
        outcome = pool.run(b"the input")

    print(spry.run("thumbnail", b"the input", timeout=0.1, check=True).output)

docs/embedding.md in Spry's sources is the guide. Calls that run or wait release the GIL.
"""

from spry._devices import Call, DeviceFunction, GuestMemoryError
from spry._errors import (
    BusyError,
    CancelledError,
    ClosedError,
    Error,
    FileError,
    ForbiddenError,
    InvalidArgumentError,
    MonitorError,
    NotFoundError,
    NotReadyError,
    NotUnikernelError,
    ResourcesError,
    TooLargeError,
    UnavailableError,
)
from spry._library import version
from spry._machine import DeviceNeed, Image, Machine, Shell, Snapshot
from spry._options import Data, Options
from spry._outcome import Crash, FaultKind, Frame, Outcome, Reason, Receipt
from spry._platform import Platform
from spry._pool import Durations, Pool, Statistics
from spry._run import ActionError, ActionTimeoutError, run

__all__ = [
    "ActionError",
    "ActionTimeoutError",
    "BusyError",
    "Call",
    "CancelledError",
    "ClosedError",
    "Crash",
    "Data",
    "DeviceFunction",
    "DeviceNeed",
    "Durations",
    "Error",
    "FaultKind",
    "FileError",
    "ForbiddenError",
    "Frame",
    "GuestMemoryError",
    "Image",
    "InvalidArgumentError",
    "Machine",
    "MonitorError",
    "NotFoundError",
    "NotReadyError",
    "NotUnikernelError",
    "Options",
    "Outcome",
    "Platform",
    "Pool",
    "Reason",
    "Receipt",
    "ResourcesError",
    "Shell",
    "Snapshot",
    "Statistics",
    "TooLargeError",
    "UnavailableError",
    "__version__",
    "run",
]

__version__ = version()
