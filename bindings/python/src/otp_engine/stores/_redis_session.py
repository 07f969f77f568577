"""One command to Redis for a load, one for a commit; what it reports, as what that means."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any, Protocol

import redis
from redis import exceptions

from .. import _bindings as c
from ..cell import Cell, Write
from ..errors import FullError, StoreError, UnavailableError, UnsupportedError

COMMIT = (files(__package__) / "lua" / "commit.lua").read_text("utf-8")
_LAST = 9_007_199_254_740_991
"""The last millisecond that Lua's numbers tell from the next one."""


class Connection(Protocol):
    """What is used of a connection of redis-py: no command is sent again by itself."""

    @property
    def socket_timeout(self) -> float | None:
        """How long an answer is waited for."""

    def send_command(self, *args: Any, check_health: bool) -> None:
        """Send a command."""

    def read_response(self, *, disable_decoding: bool) -> Any:
        """Wait for an answer; raise it if it is an error."""

    def register_connect_callback(self, callback: Callable[["Connection"], None]) -> None:
        """Call a method whenever the connection is made anew; it is held weakly."""

    def disconnect(self) -> None:
        """Close the socket; the next use makes another one."""


def ask(connection: Connection, *command: bytes | str | int) -> Any:
    """Send a command, once, and return its answer as bytes."""
    connection.send_command(*command, check_health=False)
    return connection.read_response(disable_decoding=True)


def load(connection: Connection, keys: list[bytes]) -> list[Cell | None]:
    """Read all cells in one command, and so at one moment; in the order of their keys."""
    values = ask(connection, "MGET", *(name(key) for key in keys))
    if not isinstance(values, list) or len(values) != len(keys):
        raise _malformed()
    return [None if value is None else _cell(value) for value in values]


def commit(connection: Connection, digest: str, arguments: list[bytes | int]) -> bool:
    """Make all writes in one script, or none."""
    try:
        answer = ask(connection, "EVALSHA", digest, *arguments)
    except exceptions.NoScriptError:
        # The server was started anew and has not run anything.
        answer = ask(connection, "EVAL", COMMIT, *arguments)
    if answer not in (0, 1):
        raise _malformed()
    return bool(answer)


def encode(writes: list[Write]) -> list[bytes | int]:
    """Return the number of keys, the keys and the arguments of the script."""
    arguments: list[bytes | int] = []
    for write in writes:
        end = write.discard_after
        if end is None or end * 1000 > _LAST:
            raise UnsupportedError("a cell without an end, or one that Redis cannot keep so long")
        expected = write.expected.to_bytes(8, "big") if write.expected else b""
        cell = (write.expected + 1).to_bytes(8, "big") + end.to_bytes(8, "big", signed=True)
        arguments += [expected, cell + write.body, str(end * 1000).encode()]
    return [len(writes), *(name(write.key) for write in writes), *arguments]


def name(key: bytes) -> bytes:
    """Put a tenant's cells on one node of a cluster.

    The partition is in hex, as one that begins with a brace would be no tag at all.
    """
    return b"{" + key[:8].hex().encode() + b"}" + key[8:]


def of_commit(error: redis.RedisError) -> StoreError:
    """Return what a failed commit means.

    Only of what is refused before the first write of a script is it known that nothing was done.
    """
    if isinstance(error, exceptions.OutOfMemoryError) or _says(error, "OOM"):
        return FullError("redis is full")
    if isinstance(error, _REFUSALS) or any(_says(error, code) for code in _REFUSED):
        return UnavailableError(f"redis refuses: {error}")
    return StoreError(f"redis gave no sound answer: {error}", c.OTP_STATUS_STORE_UNKNOWN)


def leaves_connection_sound(error: redis.RedisError) -> bool:
    """Say whether the connection is as good as before."""
    # One that may not write is most likely a former master: the next one may be another.
    return isinstance(error, exceptions.OutOfMemoryError) or any(
        _says(error, code) for code in ("OOM", "OTPTILL")
    )


def _cell(value: bytes) -> Cell:
    if not isinstance(value, bytes) or len(value) < 16:
        raise _malformed()
    version, end = int.from_bytes(value[:8], "big"), int.from_bytes(value[8:16], "big", signed=True)
    return Cell(version, end, value[16:])


def _malformed() -> exceptions.InvalidResponse:
    return exceptions.InvalidResponse("an answer or a value that this store does not know")


def _says(error: redis.RedisError, code: str) -> bool:
    """Say whether the server reported this code; before version 7 it wraps those of a script."""
    if not isinstance(error, exceptions.ResponseError):
        return False
    words = str(error).split(" ")
    return words[0] == code or f"-{code}" in words


# What the server answers instead of running a command; redis-py takes some codes off the text.
_REFUSALS = (
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
    exceptions.ClusterDownError,
    exceptions.AskError,
    exceptions.TryAgainError,
    exceptions.ClusterCrossSlotError,
    exceptions.AuthenticationError,
    exceptions.NoPermissionError,
)
_REFUSED = ("MISCONF", "NOREPLICAS", "BUSY", "WRONGTYPE", "OTPTILL", "READONLY", "NOPERM")
