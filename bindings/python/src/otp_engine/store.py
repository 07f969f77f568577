"""Stores: memory, SQLite, and the host's own."""

import ctypes
import os
import weakref
from typing import Literal

from . import _bindings as c
from . import _callbacks
from ._checks import flag, whole
from ._handle import Owner, closed_at_exit, made
from ._lib import lib, sized, view
from ._result import Result, text_of, told
from .cell import Cell, Write
from .errors import UnsupportedError, refuse_reentry

StoreKeys = Literal["proven", "begun", "not proven"]


class StoreCheck(Result):
    """What is known of the keys of a store.

    "proven": it was begun, or taken over, with these keys. "begun": from now on it belongs to them.
    "not proven": it may lose cells, and no other keys' mark was found.
    """

    __slots__ = ()
    _shown = ("keys",)

    keys: StoreKeys = told(0, "Whose the store is, in the words above.")


class StoreReport(Result):
    """What the suite of stores found; true only if the store passed.

    >>> report = StoreReport((False, "FAILED ..."))
    >>> bool(report), report.text
    (False, 'FAILED ...')
    """

    __slots__ = ()
    _shown = ("passed", "text")

    passed: bool = told(0, "Whether the store passed all checks.")
    text: str = told(1, "A line for each check.")

    def __bool__(self) -> bool:
        return self.passed


class Store(Owner):
    """A store, used by any number of engines and threads of this process."""

    _instead = "pass what it is made of, and make a store in each process"
    _calls_back = False

    def check(self) -> StoreReport:
        """Run the suite that every store must pass; give it a store of its own."""
        refuse_reentry()
        handle, passed = self._open(), ctypes.c_int32()
        report = text_of(lib.otp_store_check, handle.address, ctypes.byref(passed))
        return StoreReport((passed.value == 1, report))


class MemoryStore(Store):
    """This process's memory; lost on exit, and one for each process.

    An engine that signs records refuses it unless ``keep_records=True``: records then die with the
    process. It takes at most ``max_cells`` cells, 1,000,000 where that is 0, which it must be
    with records: one for each code, and one for each user and each recipient under rate limits.
    A full one raises FullError.
    """

    _instead = "its cells are in this process alone; threads share the object as it is"

    def __init__(self, *, keep_records: bool = False, max_cells: int = 0) -> None:
        cells, keep = whole(max_cells, "max_cells"), flag(keep_records, "keep_records")
        self._handle = made(lib.otp_store_memory_new, lib.otp_store_free, cells, keep)


class SqliteStore(Store):
    """An SQLite file, made if absent, that several processes of one host may share.

    Open it in each process, after any fork. Do not open the same file by Python's own ``sqlite3``
    in the same process: two SQLite libraries drop each other's locks.
    """

    _instead = "pass its path, and open it in each process"

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path must be str or os.PathLike, not {type(path).__name__}")
        try:
            named = os.fsencode(path).decode().encode()
        except UnicodeError:
            raise ValueError("path holds a lone surrogate or is not UTF-8") from None
        if named == b":memory:" or named.startswith(b"file:"):
            raise ValueError(
                f"path {named.decode()!r} is a name that SQLite gives to no file; "
                "for cells in memory use MemoryStore"
            )
        self._handle = made(lib.otp_store_sqlite_open, lib.otp_store_free, view(named))


class HostStore(Store):
    """A store over the host's own database: subclass it.

    ``load(keys)`` returns a list with a Cell or None for each 32-byte key. ``commit(writes, now)``
    applies all writes in one transaction, or none, and only if every cell has the version that its
    write expects: True when that is committed and beyond rolling back, False when a version
    differs. ``purge(now, limit)`` drops at most so many cells whose end has passed. They may be
    called from any thread, and must not call back into the library. Greenlets may change while
    one waits.

    What these raise fails closed. An OtpError is what the caller catches, and so is whatever is no
    Exception, such as KeyboardInterrupt, GreenletExit and gevent.Timeout; any other exception is
    the cause of the StoreError that the caller catches. What ``commit`` and ``purge`` raise leaves
    open whether it was applied (``unknown``), unless it is an UnavailableError, a FullError or an
    UnsupportedError: raise these only where nothing was.

    ``has_cells()`` says whether the store holds any cell at all: False lets ``check_store`` begin a
    new store, and needs certainty. Without it a new store is begun by ``engine.begin_store``.

    ``permanent = False`` in a subclass says that cells may be lost; no engine that signs takes it.
    """

    permanent = True
    _calls_back = True

    def __init__(self) -> None:
        # Not this object, which would keep itself alive.
        number = _callbacks.register(weakref.ref(self))
        table = sized(
            c.otp_host_store,
            load=_callbacks.trampoline("load"),
            commit=_callbacks.trampoline("commit"),
            purge=_callbacks.trampoline("purge"),
            store_class=c.OTP_STORE_CLASS_PERMANENT
            if self.permanent
            else c.OTP_STORE_CLASS_EXPIRING,
            fibers=1,  # ``errors.refuse_reentry`` knows greenlets apart
            user_data=number,
            drop_user_data=_callbacks.trampoline("drop"),
            has_cells=_callbacks.trampoline("has_cells"),
        )
        try:
            self._handle = made(lib.otp_store_host_new, lib.otp_store_free, ctypes.byref(table))
        except BaseException:
            _callbacks._drop(number)
            raise
        closed_at_exit(self)

    def load(self, keys: list[bytes]) -> list[Cell | None]:
        """Return the cell of each key, in order."""
        raise UnsupportedError(f"{type(self).__name__} must implement load()")

    def commit(self, writes: list[Write], now: int) -> bool:
        """Apply all writes, or none."""
        raise UnsupportedError(f"{type(self).__name__} must implement commit()")

    def purge(self, now: int, limit: int) -> int:
        """Drop cells whose end has passed; nothing by default."""
        return 0

    def has_cells(self) -> bool | None:
        """Say whether there is any cell, those past their end included; None if not known."""
        return None
