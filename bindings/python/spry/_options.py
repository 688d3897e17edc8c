"""Options of machines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from spry._devices import DeviceFunction, NativeDevice
from spry._errors import Error
from spry._library import c_string, ffi, lib
from spry._platform import Platform, platform_number

# What an input may be: contiguous bytes. They are copied only into a pool's queue, and into the guest.
Data: TypeAlias = bytes | bytearray | memoryview

_NANOSECONDS = 1_000_000_000
_LONGEST = 2**63


@dataclass(frozen=True, kw_only=True)
class Options:
    """How machines are made. What is left out has the library's default."""

    platform: Platform = "automatic"
    """What runs the guest. No other platform takes the place of "kvm" or "process". A Shell that is given must be of
    this platform."""

    memory: int | None = None
    """Bytes of guest memory, a multiple of 4096. Default: 16 MiB, or what the manifest asks for, if that is more."""

    deadline: float | None = None
    """Seconds that an action may take, from its beginning. Default: no deadline. Give one to a pool, in which nothing
    else ends an action that runs for ever."""

    max_input: int | None = None
    """Bytes of the longest input. Default: 1 MiB."""

    max_output: int | None = None
    """Bytes of output and diagnostics together that are kept; an action that prints more ends (Reason.TOO_MUCH_OUTPUT).
    Default: 64 MiB."""

    arguments: Sequence[str] = ()
    """The guest's argv, the same for all actions."""

    block: Mapping[str, str] = field(default_factory=dict)
    """Disks by name, as `spry run --block` takes them: FILE[,ro][,overlay[=SIZE]][,shared][,sector=4096], where a comma
    of the file's name is written twice."""

    net: Mapping[str, str] = field(default_factory=dict)
    """Network interfaces by name, as `spry run --net` takes them."""

    devices: Mapping[tuple[str, str], DeviceFunction] = field(default_factory=dict)
    """Devices of your own, by kind and name as the manifest has them: functions that serve a Call."""

    console: tuple[int, int] | None = None
    """Descriptors to which output and diagnostics are written, instead of being kept for the Outcome. They are
    borrowed: keep them open as long as the machine or pool lives."""

    deadline_signal: int = 0
    """The signal that ends an action at its deadline. No handler gets it. 0: SIGRTMIN. The platform process needs no
    signal."""

    reusable: bool = False
    """A Machine runs any number of actions, with a reset before each but the first. Pools always do."""

    verify: bool = False
    """Verify each reset, which takes milliseconds. For a Machine that is reusable, and for pools."""

    measure_memory: bool = False
    """Fill Receipt.memory_touched, which is 0 otherwise."""

    def flags(self) -> int:
        return int(
            (lib.SPRY_REUSABLE if self.reusable else 0)
            | (lib.SPRY_VERIFY if self.verify else 0)
            | (lib.SPRY_MEASURE_MEMORY if self.measure_memory else 0)
            | (lib.SPRY_CONSOLE if self.console is not None else 0)
        )


class NativeOptions:
    """A struct spry_machine_options, and what it points to."""

    def __init__(self, options: Options) -> None:
        self._kept: list[Any] = []
        self.pointer: Any = ffi.new("struct spry_machine_options *")
        native = self.pointer
        native.size = ffi.sizeof("struct spry_machine_options")
        native.platform = platform_number(options.platform)
        native.memory = size_option("memory", options.memory)
        native.max_input = size_option("max_input", options.max_input)
        native.max_output = size_option("max_output", options.max_output)
        native.deadline_ns = _nanoseconds(options.deadline)
        native.arguments = self._strings(options.arguments)
        native.block = self._strings([f"{name}={text}" for name, text in options.block.items()])
        native.net = self._strings([f"{name}={text}" for name, text in options.net.items()])
        self._listens = False
        self._raised: BaseException | None = None
        devices = [NativeDevice(kind, name, serve, self._note) for (kind, name), serve in options.devices.items()]
        array = ffi.new("struct spry_attachment *[]", [*(device.pointer for device in devices), ffi.NULL])
        self._kept += [*devices, array]
        native.devices = ffi.cast("const struct spry_attachment *const *", array)
        if options.console is not None:
            native.output_descriptor, native.diagnostics_descriptor = options.console
        native.deadline_signal = options.deadline_signal
        native.flags = options.flags()

    @contextmanager
    def causes(self) -> Iterator[None]:
        """For a `with` block in which one machine runs one action. If a device's function raised an Exception, an Error
        in the block has that as its cause. If the function raised another BaseException, such as KeyboardInterrupt, the
        block raises that instead. Exceptions of functions are forgotten at the end of the block."""
        self._listens = True
        try:
            yield
        except Error as error:
            cause = self._raised
            if cause is None or isinstance(cause, Exception):
                raise error from cause
            raise cause from None
        finally:
            self._listens, self._raised = False, None

    def _note(self, failure: BaseException) -> None:
        if self._listens:
            self._raised = failure

    def _strings(self, texts: Sequence[str]) -> Any:
        strings = [ffi.new("char[]", c_string(text)) for text in texts]
        array = ffi.new("char *[]", [*strings, ffi.NULL])
        self._kept += [*strings, array]
        return ffi.cast("const char *const *", array)


def action_options(deadline: float | None) -> Any:
    """A struct spry_action_options."""
    size = ffi.sizeof("struct spry_action_options")
    return ffi.new("struct spry_action_options *", {"size": size, "deadline_ns": _nanoseconds(deadline)})


def _nanoseconds(deadline: float | None) -> int:
    if deadline is None:
        return 0
    if not isinstance(deadline, int | float):
        raise TypeError("a deadline is a number of seconds")
    if not 0 < deadline * _NANOSECONDS < _LONGEST:
        raise ValueError("a deadline is at least one nanosecond, and less than 2 ** 63 of them")
    return max(1, round(deadline * _NANOSECONDS))


def size_option(name: str, size: int | None) -> int:
    """The value for a member in which 0 means the default."""
    if size == 0:
        raise ValueError(f"{name} is at least 1; leave it out for the default")
    return size or 0
