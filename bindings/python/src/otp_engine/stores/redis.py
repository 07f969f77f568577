"""Cells in Redis, through a client of redis-py: what ``otp-engine-redis`` keeps, in Python.

Strict single use over a failover needs PostgreSQL, or SQLite on one host. What expires cannot be
locked for ever: give the engine ``RateLimits(lock_ends_after=..)``, or it issues nothing here. The
extra ``otp-engine[redis]`` names what this needs.
"""

import hashlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

try:
    import redis
    from redis import exceptions
except ImportError as error:
    raise ImportError(
        "otp_engine.stores.redis needs redis-py: pip install 'otp-engine[redis]'"
    ) from error

from .._checks import flag
from ..cell import Cell, Write
from ..errors import UnavailableError
from ..store import HostStore
from . import _redis_session as session
from ._contract import OwnProcess, check_keys, check_writes
from ._redis_session import Connection

__all__ = ["RedisStore"]

_Answer = TypeVar("_Answer")
_MOST_OFF = 30
"""How many seconds the server's clock may be off: as many as the engine bears itself."""


class RedisStore(HostStore):
    """A store in the keys of ``otp-engine-redis``, on connections of the caller's client.

    Each operation is one command in one round trip. None is sent again by the client, whatever its
    ``retry`` says: a commit that was made and is sent again would look like a lost race. The
    client needs a ``socket_timeout``: a commit without an answer by then is ``unknown``.

    Each new connection is checked: Redis 6.2 or newer, a master, ``maxmemory-policy noeviction``,
    ``appendonly yes``, ``appendfsync always``, ``no-appendfsync-on-rewrite no``, a clock at most
    30 s off; a server without one of these raises an UnavailableError. The options
    ``may_evict_counted_attempts`` and ``may_lose_commits_on_crash`` take the risk that they name.
    Where ``CONFIG`` is forbidden,
    ``states_appendfsync_always=True`` answers for the server; where it is not, its answer counts.

    A failover may lose the last commits: cells without an end are refused, and no engine that
    signs takes this store. Purging is Redis's own. Make a store in each process, after any fork.
    """

    permanent = False

    def __init__(
        self,
        client: redis.Redis,
        *,
        may_evict_counted_attempts: bool = False,
        may_lose_commits_on_crash: bool = False,
        states_appendfsync_always: bool = False,
    ) -> None:
        if not isinstance(client, redis.Redis):
            raise TypeError(
                f"client must be a redis.Redis, not {type(client)}: the store speaks to one server "
                "outside of a cluster; of a Sentinel take what master_for returns"
            )
        self._pool: Any = client.connection_pool
        if getattr(self._pool, "cache", None) is not None:
            raise ValueError("client must have no cache: it may show a code that is used up")
        self._may_evict = flag(may_evict_counted_attempts, "may_evict_counted_attempts")
        self._may_lose = flag(may_lose_commits_on_crash, "may_lose_commits_on_crash")
        self._states_flush = flag(states_appendfsync_always, "states_appendfsync_always")
        self._digest = hashlib.sha1(session.COMMIT.encode(), usedforsecurity=False).hexdigest()
        self._process = OwnProcess()
        self._lock = threading.Lock()
        self._checked: weakref.WeakSet[Connection] = weakref.WeakSet()
        with self._connection():
            pass
        super().__init__()

    def load(self, keys: list[bytes]) -> list[Cell | None]:
        """Return the cell of each key, in order."""
        check_keys(keys)
        if not keys:
            return []
        try:
            try:
                return self._ask(lambda on: session.load(on, keys))
            except exceptions.TimeoutError:
                raise
            except exceptions.ConnectionError:
                # It was cut; to ask again changes nothing.
                return self._ask(lambda on: session.load(on, keys))
        except redis.RedisError as error:
            raise UnavailableError(f"redis gave no sound answer: {error}") from error

    def commit(self, writes: list[Write], now: int) -> bool:
        """Apply all writes if every version is as expected, or none."""
        check_writes(writes, permanent=False)
        if not writes:
            return True
        if any(write.expected >= 2**64 - 1 for write in writes):
            return False  # there is no next version
        arguments = session.encode(writes)
        try:
            return self._ask(lambda on: session.commit(on, self._digest, arguments))
        except redis.RedisError as error:
            raise session.of_commit(error) from error

    def _ask(self, question: Callable[[Connection], _Answer]) -> _Answer:
        with self._connection() as connection:
            try:
                return question(connection)
            except redis.RedisError as error:
                if not session.leaves_connection_sound(error):
                    connection.disconnect()
                    self._pool.disconnect(inuse_connections=False)
                raise

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Lend a connection whose server was checked."""
        self._process.check()
        connection = self._taken()
        try:
            with self._lock:
                is_checked = connection in self._checked
            if not is_checked:
                self._check(connection)
            yield connection
        except redis.RedisError:
            raise
        except BaseException:
            connection.disconnect()  # the answer may still come: it must not be the next one's
            raise
        finally:
            self._pool.release(connection)

    def _taken(self) -> Connection:
        try:
            connection: Connection = self._pool.get_connection()
        except redis.RedisError as error:
            raise UnavailableError(f"cannot connect to Redis: {error}") from error
        return connection

    def _forget(self, connection: Connection) -> None:
        """Check again: the server may be another one."""
        with self._lock:
            self._checked.discard(connection)

    def _check(self, connection: Connection) -> None:
        if connection.socket_timeout is None:
            raise ValueError("client must have a socket_timeout: without one it waits for ever")
        connection.register_connect_callback(self._forget)
        try:
            self._check_server(connection)
        except redis.RedisError as error:
            connection.disconnect()
            raise UnavailableError(
                f"Redis rejected a command that the store needs: {error}"
            ) from error
        with self._lock:
            self._checked.add(connection)

    def _check_server(self, connection: Connection) -> None:
        told = session.ask(connection, "INFO").decode("utf-8", "replace")
        lines = dict(line.strip().split(":", 1) for line in told.splitlines() if ":" in line)
        version = lines.get("redis_version", "")
        if not _is_new_enough(version):
            raise UnavailableError(
                f"Redis {version or '(unknown version)'} is too old; 6.2 or later is required"
            )
        if "sentinel" in (lines.get("redis_mode"), lines.get("server_mode")):
            raise UnavailableError(
                "the server is a Sentinel, which keeps no cells: pass the client that "
                "Sentinel.master_for returns"
            )
        if lines.get("cluster_enabled") == "1":
            nodes = session.ask(connection, "CLUSTER", "NODES").decode("utf-8", "replace")
            if not _has_all_slots(nodes):
                raise UnavailableError(
                    "the server is a node of a Redis Cluster and serves a part of its slots: this "
                    "store speaks to one server and follows no redirection; name a server outside "
                    "of a cluster, or one that serves all slots"
                )
        _require("role", lines.get("role"), "master")
        if not self._may_evict:
            _require("maxmemory-policy", lines.get("maxmemory_policy"), "noeviction")
        if not self._may_lose:
            _require("aof_enabled", lines.get("aof_enabled"), "1")
            for setting, wanted in (("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")):
                try:
                    _require(setting, _setting(connection, setting), wanted)
                except exceptions.ResponseError as error:
                    if not self._states_flush:
                        raise UnavailableError(
                            "cannot read appendfsync from Redis; set it explicitly"
                        ) from error
        off = abs(int(session.ask(connection, "TIME")[0]) - int(self._now()))
        if off > _MOST_OFF:
            raise UnavailableError(
                f"the clock of Redis, by which cells expire, differs by {off} s; at most "
                f"{_MOST_OFF} s are allowed"
            )

    def _now(self) -> float:
        return time.time()


def _setting(connection: Connection, setting: str) -> str:
    told = session.ask(connection, "CONFIG", "GET", setting)
    # A list of names and values, or under RESP 3 a mapping.
    pairs = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
    value: bytes = pairs.get(setting.encode(), b"")
    return value.decode()


def _require(setting: str, found: str | None, wanted: str) -> None:
    if found is None:
        raise UnavailableError(f"cannot read {setting} from Redis")
    if found != wanted:
        raise UnavailableError(f"Redis runs with {setting} {found}; {wanted} is required")


def _has_all_slots(nodes: str) -> bool:
    """Say whether the node that was asked serves every slot of its cluster."""
    for line in nodes.splitlines():
        words = line.split()
        if len(words) > 2 and "myself" in words[2].split(","):
            return words[8:9] == ["0-16383"]
    return False


def _is_new_enough(version: str) -> bool:
    """Say whether the server knows ``PXAT``, which came with 6.2."""
    numbers = version.split(".")[:2]
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):
        return False
    return tuple(map(int, numbers)) >= (6, 2)
