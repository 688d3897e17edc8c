"""Images, shells, machines and snapshots."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, takewhile
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from spry._errors import BusyError, ClosedError, NotReadyError, NotUnikernelError, checked
from spry._handle import Handle
from spry._interruption import CtrlC, interruptible
from spry._library import c_string, ffi, lib, string
from spry._options import Data, NativeOptions, Options, action_options
from spry._outcome import Outcome, take_outcome
from spry._platform import Platform, platform_name, platform_number

Path = str | os.PathLike[str]
_Taken = TypeVar("_Taken")


class DeviceNeed(NamedTuple):
    """A device that a manifest names."""

    kind: str
    name: str


class Image:
    """A unikernel, read and validated once; never changes, and safe to use from several threads at once."""

    def __init__(self, path: Path) -> None:
        self._handle = ffi.gc(checked(lib.spry_image_load, c_string(path)), lib.spry_image_free)

    @classmethod
    def from_bytes(cls, data: Data, name: str = "image") -> "Image":
        """Reads a unikernel from memory, which is copied. `name` stands for the unikernel in sentences."""
        image = cls.__new__(cls)
        with ffi.from_buffer(data) as buffer:
            made = checked(lib.spry_image_from_bytes, buffer, len(buffer), c_string(name))
        image._handle = ffi.gc(made, lib.spry_image_free)
        return image

    @property
    def path(self) -> str:
        return string(lib.spry_image_path(self._handle))

    @property
    def devices(self) -> tuple[DeviceNeed, ...]:
        """The devices that the manifest names."""
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
    """The state of a machine at its guest's `ready`; never changes, and safe to use from several threads at once."""

    def __init__(self, handle: Any) -> None:
        """Not for programs: Snapshot.take, Snapshot.load and Machine.snapshot make snapshots."""
        self._handle = ffi.gc(handle, lib.spry_snapshot_free)

    @classmethod
    def take(cls, image: Image | Path, options: Options = Options()) -> "Snapshot":
        """Runs the image without an input until it calls `ready`. NotReadyError if it ends or passes the deadline
        before that. In the main thread Ctrl-C ends the run and raises KeyboardInterrupt."""
        with Machine(as_image(image), replace(options, reusable=True)) as machine:
            return machine._run_until_ready()

    @classmethod
    def load(cls, path: Path, *, verify: bool = False) -> "Snapshot":
        """Opens a file that `save` made. With `verify` the digest of all its contents is checked too. Replace such a
        file by renaming another one over it, never by writing to it."""
        return cls(checked(lib.spry_snapshot_load, c_string(path), verify))

    @staticmethod
    def recognise(path: Path) -> bool:
        """Whether the file begins as a snapshot does."""
        return bool(lib.spry_snapshot_recognise(c_string(path)))

    def save(self, path: Path) -> None:
        """Writes the snapshot to a new file, which gets the name `path` when it is complete.

        A regular file of that name is replaced; a symbolic link is followed; a FIFO, which must have a reader, and a
        character device are written to. In the main thread Ctrl-C raises KeyboardInterrupt at once; the writing goes on
        as long as the program does."""
        interruptible(checked, lib.spry_snapshot_save, self._handle, c_string(path))

    @property
    def path(self) -> str:
        """The path of the image, or of the file that the snapshot was loaded from."""
        return string(lib.spry_snapshot_path(self._handle))

    @property
    def memory(self) -> int:
        """Bytes of guest memory."""
        return int(lib.spry_snapshot_memory(self._handle))

    @property
    def arguments(self) -> tuple[str, ...]:
        """The guest's argv."""
        texts = (lib.spry_snapshot_argument(self._handle, index) for index in count())
        return tuple(string(text) for text in takewhile(lambda text: text != ffi.NULL, texts))

    @property
    def contents_size(self) -> int:
        """Bytes of memory that are not zero, in whole pages."""
        return int(lib.spry_snapshot_contents_size(self._handle))

    def __repr__(self) -> str:
        return f"<spry.Snapshot of {self.path!r}>"


class Shell:
    """A guest's CPU that has no image yet: a VM with its vCPU, or a process. Making one is most of a cold start, and
    can be done before it is known what is to run. For one Machine, on the thread that makes the shell."""

    def __init__(self, *, platform: Platform = "automatic") -> None:
        self._handle = Handle(checked(lib.spry_shell_create_on, platform_number(platform)), lib.spry_shell_free)

    @classmethod
    def _of(cls, handle: Any) -> "Shell":
        """The Shell for a handle that a machine gave back."""
        shell = cls.__new__(cls)
        shell._handle = Handle(handle, lib.spry_shell_free)
        return shell

    @property
    def platform(self) -> Platform:
        """Never "automatic"."""
        with self._handle.held() as handle:
            if handle is None:
                raise _no_shell()
            return platform_name(lib.spry_shell_platform(handle))

    def _take(self) -> Any:
        """Gives the handle away, to a machine that frees it."""
        handle = self._handle.take()
        if handle is None:
            raise _no_shell()
        ffi.gc(handle, None)
        return handle

    def close(self) -> None:
        self._handle.close()

    def __enter__(self) -> "Shell":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Machine:
    """One CPU and its memory, for an image or from a snapshot. Used by one thread at a time, but for `interrupt` and
    `usable`: another thread gets a BusyError."""

    def __init__(
        self, what: Image | Snapshot | Path, options: Options = Options(), *, shell: Shell | None = None
    ) -> None:
        self._native = NativeOptions(options)
        create, source = choose(what, lib.spry_machine_create, lib.spry_machine_restore)
        taken = ffi.NULL if shell is None else shell._take()
        self._handle = Handle(checked(create, taken, source, self._native.pointer), lib.spry_machine_free)
        self._busy = threading.Lock()

    def run(self, data: Data = b"", *, deadline: float | None = None) -> Outcome:
        """Runs one action to its end; a second one only if the machine is reusable. `deadline`, in seconds, takes the
        place of Options.deadline. In the main thread Ctrl-C ends the action and raises KeyboardInterrupt."""
        with ffi.from_buffer(data) as buffer:
            return self._run(take_outcome, lib.spry_machine_run_with, buffer, len(buffer), action_options(deadline))

    def run_file(self, descriptor: int, size: int) -> Outcome:
        """Runs an action with the first `size` bytes of a regular file or memfd. A machine that is not reusable maps
        the file instead of copying it."""
        return self._run(take_outcome, lib.spry_machine_run_file, descriptor, size)

    def _run_until_ready(self) -> Snapshot:
        ended = ffi.new("spry_outcome **")
        try:
            return self._run(Snapshot, lib.spry_machine_run_until_ready, ended)
        except NotUnikernelError as error:
            if ended[0] == ffi.NULL:
                raise
            raise NotReadyError(str(error), take_outcome(ended[0])) from None

    def _run(self, take: Callable[[Any], _Taken], call: Callable[..., Any], *arguments: Any) -> _Taken:
        """Makes the call, and returns what `take` makes of its result."""
        with self._used() as handle, self._native.causes(), CtrlC(handle):
            return take(checked(call, handle, *arguments))

    def reset(self) -> None:
        """Does now the reset that the next run would begin with."""
        with self._used() as handle:
            checked(lib.spry_machine_reset, handle)

    @property
    def usable(self) -> bool:
        """False if the machine can only be closed. True while another thread uses the machine."""
        try:
            with self._used() as handle:
                return bool(lib.spry_machine_usable(handle))
        except ClosedError:
            return False
        except BusyError:
            return True

    def interrupt(self) -> None:
        """Makes the current run end with Reason.INTERRUPTED, or the next one if none is under way. May be called on any
        thread, even while another closes the machine. A running guest or a wait ends only if a signal also arrives at
        the running thread: send one with signal.pthread_kill."""
        with self._handle.held() as handle:
            if handle is not None:
                lib.spry_machine_interrupt(handle)

    def snapshot(self) -> Snapshot | None:
        """The state at the guest's first `ready`, after the first action. None if the guest did not call `ready`, or if
        the machine is not reusable."""
        with self._used() as handle:
            made = checked(lib.spry_machine_snapshot, handle)
        return None if made == ffi.NULL else Snapshot(made)

    def release(self) -> Shell:
        """Takes the machine apart and gives back its shell, with nothing of the image left in it."""
        with self._used():
            handle = self._handle.take()
            ffi.gc(handle, None)
            return Shell._of(checked(lib.spry_machine_release, handle))

    def close(self) -> None:
        try:
            with self._used():
                self._handle.close()
        except ClosedError:
            pass

    @contextmanager
    def _used(self) -> Iterator[Any]:
        """The handle, for a call that only one thread may make at a time; BusyError if another thread is in such a
        call."""
        if not self._busy.acquire(blocking=False):
            raise BusyError("the machine is in use by another thread")
        try:
            with self._handle.held() as handle:
                pass
            if handle is None:
                raise ClosedError("the machine is closed")
            yield handle
        finally:
            self._busy.release()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _no_shell() -> ClosedError:
    return ClosedError("the shell is in a machine already, or closed")


def as_image(image: Image | Path) -> Image:
    return image if isinstance(image, Image) else Image(image)


def choose(what: Image | Snapshot | Path, for_image: Any, for_snapshot: Any) -> tuple[Any, Any]:
    """The call for `what`, and the handle to give to it."""
    if isinstance(what, Snapshot):
        return for_snapshot, what._handle
    return for_image, as_image(what)._handle
