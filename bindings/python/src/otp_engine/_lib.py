"""Finds and loads the native library."""

import ctypes
import os
import sys
from pathlib import Path

from . import _bindings

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
    """Return a view of bytes, which must outlive it; None is absent."""
    if data is None:
        return _bindings.otp_view(None, 0)
    return _bindings.otp_view(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))


def take_bytes(pointer: int | None) -> bytes:
    """Copy bytes that the library made, and free them."""
    if not pointer:
        return b""
    try:
        return ctypes.string_at(lib.otp_bytes_data(pointer), lib.otp_bytes_len(pointer))
    finally:
        lib.otp_bytes_free(pointer)
