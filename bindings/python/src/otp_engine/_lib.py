"""Finds and loads the native library."""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, TypeVar

from . import _bindings

_Structure = TypeVar("_Structure", bound=ctypes.Structure)
_NAMES = {"darwin": "libotp_engine.dylib", "win32": "otp_engine.dll"}


def _load() -> ctypes.CDLL:
    named = os.environ.get("OTP_ENGINE_LIBRARY")  # loads code: for whoever may install software
    beside = Path(__file__).with_name(_NAMES.get(sys.platform, "libotp_engine.so"))
    path = Path(named) if named else beside
    if not path.exists():
        raise ImportError(
            f"the native library is not at {path}: install a wheel of otp-engine, "
            "or name the library by OTP_ENGINE_LIBRARY"
        )
    library = ctypes.CDLL(str(path))  # not PyDLL: a call releases the GIL
    library.otp_abi_version.restype = ctypes.c_uint32
    found = library.otp_abi_version()
    if found != _bindings.OTP_ABI_VERSION:
        raise ImportError(f"{path} has ABI {found}, this package needs {_bindings.OTP_ABI_VERSION}")
    _bindings.declare(library)
    return library


lib = _load()


def view(data: bytes | None) -> _bindings.otp_view:
    """Return a view of bytes; None is absent.

    It keeps the bytes, and so does a structure that it is put into.
    """
    if data is None:
        return _bindings.otp_view(None, 0)
    return _bindings.otp_view(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))


def point(structure: ctypes.Structure, **members: "ctypes.Structure | ctypes.Array[Any]") -> None:
    """Point members of a structure at others, which it keeps with all that these keep."""
    for name, member in members.items():
        setattr(structure, name, ctypes.addressof(member))
        setattr(structure, f"kept_{name}", member)


def sized(kind: type[_Structure], /, **members: Any) -> _Structure:
    """Make a structure that begins with its own size."""
    return kind(struct_size=ctypes.sizeof(kind), **members)


def take_bytes(pointer: int | None) -> bytes:
    """Copy bytes that the library made, and free them."""
    if not pointer:
        return b""
    try:
        return ctypes.string_at(lib.otp_bytes_data(pointer), lib.otp_bytes_len(pointer))
    finally:
        lib.otp_bytes_free(pointer)
