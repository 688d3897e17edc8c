"""Makes Ctrl-C raise KeyboardInterrupt, as programs in Python expect, while a call of the library runs or waits."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType, TracebackType
from typing import Any

from spry._errors import checked
from spry._library import lib


def ctrl_c_raises() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt in this thread: it is the main thread, with Python's own handler."""
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def interruptible(call: Callable[..., None], *arguments: Any) -> None:
    """Makes a call that waits. If Ctrl-C is to raise KeyboardInterrupt, the call runs on a thread of its own:
    KeyboardInterrupt is then raised at once, and the call goes on."""
    if not ctrl_c_raises():
        call(*arguments)
        return
    end: Future[None] = Future()

    def work() -> None:
        try:
            end.set_result(call(*arguments))
        except BaseException as failure:  # noqa: BLE001
            end.set_exception(failure)

    thread = threading.Thread(target=work, name="spry-waiting", daemon=True)
    thread.start()
    # A signal interrupts Python's waiting for a thread, but not a call of the library.
    thread.join()
    end.result()


class CtrlC:
    """While a machine runs in the main thread, Ctrl-C ends its action, and then KeyboardInterrupt is raised. With
    Python's own handler it would be raised only after the action has ended by itself."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine
        self._there = ctrl_c_raises()
        self._pressed = False

    def _press(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True

    def __enter__(self) -> None:
        if not self._there:
            return
        signal.signal(signal.SIGINT, self._press)
        try:
            checked(lib.spry_machine_interrupt_on, self._machine, signal.SIGINT)
        except BaseException:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise
        if self._pressed:
            lib.spry_machine_interrupt(self._machine)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._there:
            return
        checked(lib.spry_machine_interrupt_on, self._machine, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._pressed:
            raise KeyboardInterrupt
