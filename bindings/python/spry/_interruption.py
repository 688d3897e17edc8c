"""Ctrl-C: what a program in Python expects of it while the library runs an action."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType, TracebackType
from typing import Any

from spry._errors import checked
from spry._library import lib


def ctrl_c_raises() -> bool:
    """Whether Ctrl-C is to raise KeyboardInterrupt in this thread, and nobody has said otherwise."""
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def interruptible(call: Callable[..., None], *arguments: Any) -> None:
    """Calls what waits. In the main thread Ctrl-C raises KeyboardInterrupt at once, and the call goes on, on a thread
    of its own."""
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
    # A lock can be waited for until a signal comes; a call of the library cannot.
    thread.join()
    end.result()


class CtrlC:
    """While a machine runs in the main thread: Ctrl-C ends its action, and then raises KeyboardInterrupt. Python's own
    handler would raise it only when the action has ended by itself."""

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
