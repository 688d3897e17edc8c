"""Platforms: what runs a guest's instructions."""

from typing import Any, Literal, TypeAlias, cast

from spry._library import lib, string

# "kvm": a virtual machine. "process": a Linux process that has no system call left. "automatic": what SPRY_PLATFORM in
# the environment names; else kvm, or process where the machine has no KVM at all.
Platform: TypeAlias = Literal["automatic", "kvm", "process"]


def platform_name(number: Any) -> Platform:
    """The platform for an enum spry_platform."""
    return cast(Platform, string(lib.spry_platform_name(number)))


_NUMBERS: dict[str, int] = {
    platform_name(number): number
    for number in (lib.SPRY_PLATFORM_AUTOMATIC, lib.SPRY_PLATFORM_KVM, lib.SPRY_PLATFORM_PROCESS)
}


def platform_number(name: Platform) -> int:
    """The enum spry_platform for a platform."""
    if name not in _NUMBERS:
        raise ValueError(f"{name!r} is no platform: {', '.join(_NUMBERS)}")
    return _NUMBERS[name]
