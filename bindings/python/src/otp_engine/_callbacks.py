"""Callbacks: one trampoline of each kind for a process, and a registry of what they call.

``user_data`` is a number in the registry, never a pointer to a Python object. Whatever a host's
function raises is kept, and raised once the call that ran it has returned: see ``errors.check``.
"""

import ctypes
import itertools
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, ParamSpec

from . import _bindings as c
from . import _calls
from ._checks import U64, clock_seconds, shown, whole
from .cell import Write
from .errors import FullError, UnavailableError, UnsupportedError
from .event import Event

FAILED, DONE, MORE_ROOM, UNAVAILABLE, FULL, UNSUPPORTED = 0, 1, 3, 10, 11, 13
# By what these say nothing was changed. Every other exception may come after the change was made.
_SAID = ((UnavailableError, UNAVAILABLE), (FullError, FULL), (UnsupportedError, UNSUPPORTED))
_lock = threading.Lock()
_numbers = itertools.count(1)  # 0 would arrive as None
_registry: dict[int, Any] = {}
_trampolines: dict[str, Any] = {}


def register(target: Any) -> int:
    """Keep an object for callbacks; returns its number."""
    with _lock:
        number = next(_numbers)
        _registry[number] = target
    return number


def trampoline(name: str) -> Any:
    """Return the C function of a kind; made once, and never collected."""
    with _lock:
        if name not in _trampolines:
            kind, function = _KINDS[name]
            _trampolines[name] = kind(function)
        return _trampolines[name]


def registered() -> int:
    """Return how many objects callbacks keep alive."""
    return len(_registry)


def _drop(number: int) -> None:
    _registry.pop(number, None)


_Arguments = ParamSpec("_Arguments")


def _kept(
    default: int,
) -> Callable[[Callable[_Arguments, int]], Callable[_Arguments, int]]:
    """Keep what a host's function raises, and return its number or the default in its place."""

    def around(function: Callable[_Arguments, int]) -> Callable[_Arguments, int]:
        def called(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> int:
            who, mine = _calls.greenlet(), _calls.mine
            inside = mine.inside
            before = inside.get(who, 0)
            try:
                inside[who] = before + 1
                return function(*arguments, **named)
            except BaseException as error:
                mine.raised[who] = error
                return next((number for kind, number in _SAID if isinstance(error, kind)), default)
            finally:  # whatever comes in between: a mark that stayed would refuse all calls
                if before:
                    inside[who] = before
                else:
                    inside.pop(who, None)

        return called

    return around


def _store(number: int) -> Any:
    """Return a host store that is still there: whoever calls the library holds it."""
    store = _registry[number]()
    if store is None:
        raise RuntimeError("the host store is gone")
    return store


@_kept(UNAVAILABLE)
def _load(number: int, keys: int, count: int, reply: int) -> int:
    packed = ctypes.string_at(keys, 32 * count)
    cells = _store(number).load([packed[at : at + 32] for at in range(0, len(packed), 32)])
    if not isinstance(cells, list) or len(cells) != count:
        raise TypeError(f"load must return a list of {count}: a Cell or None for each key")
    answer = b"".join([b"\0" if cell is None else _pack_cell(cell) for cell in cells])
    # Of an address, as a cast to a pointer costs ten times as much.
    buffer = c.otp_buffer.from_address(reply)
    buffer.len = len(answer)
    if len(answer) > buffer.capacity:
        return MORE_ROOM
    ctypes.memmove(buffer.data, answer, len(answer))
    return DONE


_CELL = struct.Struct(">BQBqI")
_WRITE = struct.Struct(">32sBQBqI")


def _pack_cell(cell: Any) -> bytes:
    end = cell.discard_after
    body = bytes(cell.body)
    ends = end is not None
    try:
        return _CELL.pack(1, cell.version, ends, end if ends else 0, len(body)) + body
    except struct.error:  # which names no member
        whole(cell.version, "version of a loaded cell")
        if ends:
            whole(end, "discard_after of a loaded cell", -(2**63), 2**63 - 1)
        raise


@_kept(FAILED)
def _commit(number: int, writes: int, length: int, now: int, outcome: int) -> int:
    # No body is a variable here: a store that raises would show it in a report of the variables.
    listed = _writes(ctypes.string_at(writes, length))
    if len({write.key for write in listed}) < len(listed):
        return UNSUPPORTED  # no engine does this; spares every store the check
    done = _store(number).commit(listed, now)
    if not isinstance(done, bool):
        raise TypeError("commit must return True (all applied) or False (a version differs)")
    ctypes.c_int32.from_address(outcome).value = 1 if done else 2
    return DONE


def _writes(packed: bytes) -> list[Write]:
    count, at, listed = int.from_bytes(packed[:4], "big"), 4, []
    for _ in range(count):
        key, kind, expected, has_end, end, size = _WRITE.unpack_from(packed, at)
        at += _WRITE.size
        body = packed[at : at + size]
        listed.append(Write(key, kind, expected, end if has_end else None, body))
        at += size
    return listed


@_kept(FAILED)
def _purge(number: int, now: int, limit: int, dropped: int) -> int:
    count = _store(number).purge(now, limit)
    is_whole = isinstance(count, int) and not isinstance(count, bool)
    if not is_whole or not 0 <= count <= U64:
        said = shown(count) if is_whole else type(count).__name__
        raise TypeError(
            f"purge returned {said}; it must return how many cells it dropped, an int of 0 to {U64}"
        )
    ctypes.c_uint64.from_address(dropped).value = count
    return DONE


@_kept(FAILED)
def _has_cells(number: int, out: int) -> int:
    told = _store(number).has_cells()
    if told is not None and not isinstance(told, bool):
        raise TypeError("has_cells must return True, False or None (not known)")
    ctypes.c_int32.from_address(out).value = -1 if told is None else int(told)
    return DONE


@_kept(FAILED)
def _now(number: int, out: int) -> int:
    said = clock_seconds(_registry[number](), "what the clock returned")
    ctypes.c_int64.from_address(out).value = said
    return DONE


def _observe(number: int, event: int) -> None:
    _observed(number, event)


@_kept(FAILED)
def _observed(number: int, event: int) -> int:
    try:
        _registry[number](Event._read(c.otp_event.from_address(event)))
    except Exception as error:  # the decision is committed: an observer cannot undo it
        sys.unraisablehook(
            _Unraisable((type(error), error, error.__traceback__, "in an observer", _observe))
        )
    return DONE


class _Unraisable:
    """What ``sys.unraisablehook`` takes."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.exc_type, self.exc_value, self.exc_traceback, self.err_msg, self.object = parts


_KINDS: dict[str, tuple[Any, Any]] = {
    "load": (c.otp_store_load_fn, _load),
    "commit": (c.otp_store_commit_fn, _commit),
    "purge": (c.otp_store_purge_fn, _purge),
    "has_cells": (c.otp_store_has_cells_fn, _has_cells),
    "now": (c.otp_clock_fn, _now),
    "observe": (c.otp_observer_fn, _observe),
    "drop": (c.otp_drop_fn, _drop),
}
