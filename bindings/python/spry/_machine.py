"""Images, shells, machines and snapshots."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

from spry._errors import MonitorError, checked
from spry._library import ffi, lib, string
from spry._options import Data, NativeOptions, Options
from spry._outcome import Outcome, take_outcome
from spry._platform import Platform, platform_name, platform_number

Path = str | os.PathLike[str]


class DeviceNeed(NamedTuple):
    """A device that a manifest names."""

    kind: str
    name: str


class Image:
    """A unikernel, read and validated once; never changes, and safe to use from several threads at once."""

    def __init__(self, path: Path) -> None:
        self._handle = ffi.gc(checked(lib.spry_image_load, os.fsencode(path)), lib.spry_image_free)

    @property
    def path(self) -> str:
        return string(lib.spry_image_path(self._handle))

    @property
    def devices(self) -> tuple[DeviceNeed, ...]:
        """What the manifest names."""
        count = lib.spry_image_device_count(self._handle)
        return tuple(
            DeviceNeed(
                string(lib.spry_image_device_kind(self._handle, index)),
                string(lib.spry_image_device_name(self._handle, index)),
            )
            for index in range(count)
        )

    def __repr__(self) -> str:
        return f"spry.Image({self.path!r})"


class Snapshot:
    """A machine at its guest's `ready`; never changes, and safe to use from several threads at once."""

    def __init__(self, handle: Any) -> None:
        """Snapshot.take, Snapshot.load and Machine.snapshot make them."""
        self._handle = ffi.gc(handle, lib.spry_snapshot_free)

    @classmethod
    def take(cls, image: Image | Path, options: Options = Options()) -> "Snapshot":
        """Runs the image without an input until it calls `ready`."""
        native = NativeOptions(options)
        return cls(checked(lib.spry_snapshot_take, as_image(image)._handle, native.pointer))

    @classmethod
    def load(cls, path: Path, *, verify: bool = False) -> "Snapshot":
        """Opens a file that `save` made; `verify` checks the digest of all its contents too."""
        return cls(checked(lib.spry_snapshot_load, os.fsencode(path), verify))

    @staticmethod
    def recognise(path: Path) -> bool:
        """Whether the file begins as a snapshot does."""
        return bool(lib.spry_snapshot_recognise(os.fsencode(path)))

    def save(self, path: Path) -> None:
        """Writes it to a new file, which takes the place of a regular file at `path`, or of none, when it is whole.

        A symbolic link is followed; a FIFO, which must have a reader, and a character device are written to."""
        checked(lib.spry_snapshot_save, self._handle, os.fsencode(path))

    @property
    def path(self) -> str:
        """Of the image, or of the file that it was loaded from."""
        return string(lib.spry_snapshot_path(self._handle))

    @property
    def contents_size(self) -> int:
        """Bytes of memory that are not zero, in whole pages."""
        return int(lib.spry_snapshot_contents_size(self._handle))

    def __repr__(self) -> str:
        return f"<spry.Snapshot of {self.path!r}>"


class Shell:
    """A guest's CPU without an image yet, a VM with its vCPU or a process; for one Machine, on the thread that makes
    it."""

    def __init__(self, *, platform: Platform = "automatic") -> None:
        made = checked(lib.spry_shell_create_on, platform_number(platform))
        self._handle: Any = ffi.gc(made, lib.spry_shell_free)

    @classmethod
    def _of(cls, handle: Any) -> "Shell":
        """For a handle that a machine gave back."""
        shell = cls.__new__(cls)
        shell._handle = ffi.gc(handle, lib.spry_shell_free)
        return shell

    @property
    def platform(self) -> Platform:
        """Never "automatic"."""
        return platform_name(lib.spry_shell_platform(self._here()))

    def _here(self) -> Any:
        if self._handle is None:
            raise MonitorError("the shell is in a machine already, or closed")
        return self._handle

    def _take(self) -> Any:
        """The handle, for a machine that takes it over."""
        handle, self._handle = self._here(), None
        ffi.gc(handle, None)
        return handle

    def close(self) -> None:
        if self._handle is not None:
            ffi.release(self._handle)
            self._handle = None

    def __enter__(self) -> "Shell":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Machine:
    """One CPU and its memory, for an image or from a snapshot. One thread at a time."""

    def __init__(
        self, what: Image | Snapshot | Path, options: Options = Options(), *, shell: Shell | None = None
    ) -> None:
        native = NativeOptions(options)
        create, source = choose(what, lib.spry_machine_create, lib.spry_machine_restore)
        taken = ffi.NULL if shell is None else shell._take()
        self._handle: Any = ffi.gc(checked(create, taken, source, native.pointer), lib.spry_machine_free)
        self._busy = threading.Lock()

    def run(self, data: Data = b"") -> Outcome:
        """Runs one action to its end; a second one only if the machine is reusable."""
        with self._used() as handle, ffi.from_buffer(data) as buffer:
            return take_outcome(checked(lib.spry_machine_run, handle, buffer, len(buffer)))

    def run_file(self, descriptor: int, size: int) -> Outcome:
        """The same with the first `size` bytes of a regular file or memfd, which a machine that runs one action maps."""
        with self._used() as handle:
            return take_outcome(checked(lib.spry_machine_run_file, handle, descriptor, size))

    def reset(self) -> None:
        """Resets now what the next run would reset first."""
        with self._used() as handle:
            checked(lib.spry_machine_reset, handle)

    @property
    def usable(self) -> bool:
        """False once only closing it is left."""
        return self._handle is not None and bool(lib.spry_machine_usable(self._handle))

    def interrupt(self) -> None:
        """Makes the current run end with Reason.INTERRUPTED, or the next one. From any thread. What waits or computes in
        the guest ends when a signal arrives at the running thread: send one with signal.pthread_kill."""
        handle = self._handle
        if handle is not None:
            lib.spry_machine_interrupt(handle)

    def snapshot(self) -> Snapshot | None:
        """After the first action: the state at the guest's first `ready`, if it called it and the machine is reusable."""
        with self._used() as handle:
            made = checked(lib.spry_machine_snapshot, handle)
        return None if made == ffi.NULL else Snapshot(made)

    def release(self) -> Shell:
        """Takes the machine apart and gives back its shell, with nothing of the image left in it."""
        with self._used() as handle:
            self._handle = None
            ffi.gc(handle, None)
            return Shell._of(checked(lib.spry_machine_release, handle))

    def close(self) -> None:
        if self._handle is not None:
            with self._used() as handle:
                self._handle = None
                ffi.release(handle)

    @contextmanager
    def _used(self) -> Iterator[Any]:
        if not self._busy.acquire(blocking=False):
            raise MonitorError("the machine is in use by another thread")
        try:
            if self._handle is None:
                raise MonitorError("the machine is closed")
            yield self._handle
        finally:
            self._busy.release()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def as_image(image: Image | Path) -> Image:
    return image if isinstance(image, Image) else Image(image)


def choose(what: Image | Snapshot | Path, for_image: Any, for_snapshot: Any) -> tuple[Any, Any]:
    """One of two calls, and the handle for it."""
    if isinstance(what, Snapshot):
        return for_snapshot, what._handle
    return for_image, as_image(what)._handle
