"""The library libspry, loaded with the declarations of its own header."""

import os
import re
import sys
import sysconfig
from importlib import resources
from pathlib import Path
from typing import Any

import cffi

_NAME = "libspry.so.0"


def _declarations() -> str:
    """The declarations of spry.h, without directives for the preprocessor, which cffi does not understand."""
    text = resources.files("spry").joinpath("spry.h").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^#ifdef __cplusplus$.*?^#endif$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^#(?!define SPRY_\w+ \d).*$", "", text, flags=re.MULTILINE)
    return text.replace("SPRY_API ", "")


def _candidates() -> list[str]:
    if named := os.environ.get("SPRY_LIBRARY"):
        return [named]
    libraries = Path(sys.prefix) / "lib"
    triplet = str(sysconfig.get_config_var("MULTIARCH") or ".")
    paths = [libraries / _NAME, libraries / triplet / _NAME]
    return [*(str(path) for path in paths if path.exists()), _NAME]


def _load() -> Any:
    path = _candidates()[0]
    try:
        return ffi.dlopen(path)
    except OSError as error:
        raise ImportError(f"cannot load {_NAME}, for which SPRY_LIBRARY may give a path: {error}") from None


ffi: Any = cffi.FFI()
ffi.cdef(_declarations())
lib: Any = _load()


def c_string(text: str | bytes | os.PathLike[str]) -> bytes:
    """The bytes of `text` for a parameter of type const char *. ValueError if they have a zero, which would end it."""
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError(f"embedded null byte in {text!r}")
    return encoded


def string(text: Any) -> str:
    """A str for a string of the library's. Paths come back as they were given."""
    return os.fsdecode(ffi.string(text))


def version() -> str:
    return string(lib.spry_version())
