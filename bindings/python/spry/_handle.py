"""Objects of the library that one thread may close while others use them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spry._library import ffi


class Handle:
    """A pointer with the function that frees it. Several threads may use it at once. So may signal handlers, which may
    run within any of these methods: therefore the lock can be taken again by the thread that has it."""

    def __init__(self, pointer: Any, free: Any) -> None:
        self._lock = threading.RLock()
        self._pointer: Any = ffi.gc(pointer, free)

    @contextmanager
    def held(self) -> Iterator[Any]:
        """The pointer, or None if it was taken. Nobody frees it inside the `with` block, which should be short."""
        with self._lock:
            yield self._pointer

    def take(self) -> Any:
        """The pointer, or None if it was taken before. Nobody else gets it from now on. It is freed with the last
        reference to it."""
        with self._lock:
            pointer, self._pointer = self._pointer, None
        return pointer

    def close(self) -> None:
        pointer = self.take()
        if pointer is not None:
            ffi.release(pointer)
