"""Stores: memory, SQLite, and the host's own; and the events of an engine."""

import ctypes
import os
from dataclasses import dataclass, field
from datetime import datetime

from . import _bindings as c
from . import _callbacks
from ._handle import Handle, Owner, closed_at_exit, out_pointer
from ._lib import lib, take_bytes
from .answers import _REASONS, REJECTIONS, moment
from .errors import check


@dataclass(frozen=True, slots=True)
class Cell:
    """What a host store keeps under a key: version, end in unix seconds or None, opaque body."""

    version: int
    discard_after: int | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a commit: the cell must have ``expected`` as its version, 0 where there is none.

    Its new version is ``expected + 1``. ``kind``: 1 slot, 2 meter, 3 page, 4 record, 5 credential.
    """

    key: bytes
    kind: int
    expected: int
    discard_after: int | None
    body: bytes = field(repr=False)


class Store(Owner):
    """A store, used by any number of engines and threads of this process."""

    _calls_back = False

    def check(self) -> tuple[bool, str]:
        """Run the suite that every store must pass; give it a store of its own.

        Returns whether it passed, and the report.
        """
        handle, passed, out = self._open(), ctypes.c_int32(), out_pointer()
        check(lib.otp_store_check(handle.address, ctypes.byref(passed), ctypes.byref(out)))
        return passed.value == 1, take_bytes(out.value).decode()


class MemoryStore(Store):
    """This process's memory; lost on exit, and one for each process.

    An engine that signs records refuses it unless ``keep_records=True``: records then die with the
    process.
    """

    def __init__(self, *, keep_records: bool = False, max_cells: int = 0) -> None:
        out = out_pointer()
        check(lib.otp_store_memory_new(max_cells, int(keep_records), ctypes.byref(out)))
        self._handle = Handle(out.value or 0, lib.otp_store_free)


class SqliteStore(Store):
    """An SQLite file, made if absent, that several processes of one host may share.

    Open it in each process, after any fork. Do not open the same file by Python's own ``sqlite3``
    in the same process: two SQLite libraries drop each other's locks.
    """

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        named, out = os.fsencode(path), out_pointer()
        check(lib.otp_store_sqlite_open(named, len(named), ctypes.byref(out)))
        self._handle = Handle(out.value or 0, lib.otp_store_free)


class HostStore(Store):
    """A store over the host's own database: subclass it.

    ``load(keys)`` returns a list with a Cell or None for each 32-byte key. ``commit(writes, now)``
    applies all writes in one transaction, or none, and only if every cell has the version that its
    write expects: True when that is committed and beyond rolling back, False when a version
    differs. ``purge(now, limit)`` drops at most so many cells whose end has passed. They may be
    called from any thread, and must not call back into the library.

    What these raise fails closed: the call raises a StoreError with it as the cause. What
    ``commit`` raises leaves open whether it was applied (``unknown``), unless it is an
    UnavailableError, a FullError or an UnsupportedError: raise these only where nothing was.

    ``permanent = False`` in a subclass says that cells may be lost; no engine that signs takes it.
    """

    permanent = True
    _calls_back = True

    def __init__(self) -> None:
        number = _callbacks.register(self._target())
        table = c.otp_host_store(
            struct_size=ctypes.sizeof(c.otp_host_store),
            load=_callbacks.trampoline("load"),
            commit=_callbacks.trampoline("commit"),
            purge=_callbacks.trampoline("purge"),
            store_class=c.OTP_CLASS_PERMANENT if self.permanent else c.OTP_CLASS_EXPIRING,
            user_data=number,
            drop_user_data=_callbacks.trampoline("drop"),
        )
        out = out_pointer()
        try:
            check(lib.otp_store_host_new(ctypes.byref(table), ctypes.byref(out)))
        except BaseException:
            _callbacks._drop(number)
            raise
        self._handle = Handle(out.value or 0, lib.otp_store_free)
        closed_at_exit(self)

    def _target(self) -> object:
        """Return what the callbacks call: not this object, which would keep itself alive."""
        import weakref

        return _Weak(weakref.ref(self))

    def load(self, keys: list[bytes]) -> list[Cell | None]:
        """Return the cell of each key, in order."""
        raise NotImplementedError

    def commit(self, writes: list[Write], now: int) -> bool:
        """Apply all writes, or none."""
        raise NotImplementedError

    def purge(self, now: int, limit: int) -> int:
        """Drop cells whose end has passed; nothing by default."""
        return 0


class _Weak:
    """Calls a host store that is still there: whoever calls the library holds it."""

    def __init__(self, target: "object") -> None:
        self.target = target

    def __getattr__(self, name: str) -> object:
        store = self.target()  # type: ignore[operator]
        if store is None:
            raise RuntimeError("the host store is gone")
        return getattr(store, name)


_HAPPENINGS = {
    0: "other", 1: "issued", 2: "sent_again", 3: "refused", 4: "accepted", 5: "rejected",
    6: "exhausted", 7: "locked", 8: "nearly_locked", 9: "cancelled", 10: "delivered",
    11: "delivery_failed", 12: "unlocked",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the audit log; no code and no whole number is in it."""

    happening: str
    reason: str | None
    count: int
    mixed_scripts: bool
    refunded: bool
    at: datetime
    tenant: str
    user: str
    purpose: str
    model: str
    field: str
    record: str
    recipient: str
    challenge_id: str | None

    @classmethod
    def _read(cls, event: c.otp_event) -> "Event":
        def text(view: c.otp_view) -> str:
            return ctypes.string_at(view.data, view.len).decode() if view.len else ""

        happening = _HAPPENINGS.get(event.happening, "other")
        names = _REASONS if happening == "refused" else REJECTIONS
        return cls(
            happening, names.get(event.reason), event.count, bool(event.mixed_scripts),
            bool(event.refunded), moment(event.at), text(event.tenant), text(event.user),
            text(event.purpose), text(event.model), text(event.field), text(event.record),
            text(event.recipient), event.challenge_id.decode() or None,
        )  # fmt: skip
