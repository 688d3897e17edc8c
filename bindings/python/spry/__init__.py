"""Spry: actions in machines of their own, each in a fraction of the time that a process takes to start.

    import spry

    with spry.Pool("thumbnail", spry.Options(deadline=0.1)) as pool:
        outcome = pool.run(b"the input")

docs/embedding.md in Spry's sources is the guide. Calls that run or wait release the GIL.
"""

from spry._errors import Error, MonitorError, NotFoundError, NotUnikernelError
from spry._library import version
from spry._machine import DeviceNeed, Image, Machine, Shell, Snapshot
from spry._options import Data, Options
from spry._outcome import Outcome, Reason, Receipt
from spry._platform import Platform
from spry._pool import Durations, Pool, Statistics

__all__ = [
    "Data",
    "DeviceNeed",
    "Durations",
    "Error",
    "Image",
    "Machine",
    "MonitorError",
    "NotFoundError",
    "NotUnikernelError",
    "Options",
    "Outcome",
    "Platform",
    "Pool",
    "Reason",
    "Receipt",
    "Shell",
    "Snapshot",
    "Statistics",
    "__version__",
]

__version__ = version()
