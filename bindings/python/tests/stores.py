"""The stores on servers, sound ones and naive twins, as tests open them in any process."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg2
import redis
import servers
from psycopg_pool import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

import otp_engine as otp
from otp_engine.stores import _redis_session
from otp_engine.stores import psycopg2 as on_psycopg2
from otp_engine.stores.psycopg import PsycopgStore, migrate
from otp_engine.stores.psycopg2 import Psycopg2Store
from otp_engine.stores.redis import RedisStore

POSTGRES = ("psycopg", "psycopg2")
KINDS = (*POSTGRES, "redis")
FLAWS = ("blind", "read_then_write")


@contextlib.contextmanager
def server(kind: str, *settings: str) -> Iterator[Any]:
    """Start an empty server of a kind, with the tables that its store needs."""
    with servers.own_folder() as folder:
        make = servers.PostgresServer if kind in POSTGRES else servers.RedisServer
        with make(folder, *settings) as started:
            if kind in POSTGRES:
                make_tables(kind, started.address)
            yield started


def make_tables(kind: str, address: str, **options: Any) -> None:
    """Bring a schema to the newest layout by a driver."""
    if kind == "psycopg":
        with psycopg.connect(address) as owner:
            migrate(owner, **options)
    else:
        with contextlib.closing(psycopg2.connect(address)) as other:
            on_psycopg2.migrate(other, **options)


def forget_cells(address: str) -> None:
    """Delete all cells, those that are kept for ever too."""
    with psycopg.connect(address) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM otp_engine.otp_cell")


@contextlib.contextmanager
def through_proxy(kind: str, to: Any) -> Iterator[tuple[servers.Proxy, str]]:
    """Put a proxy before a server; returns it, and the address behind which it is."""
    with servers.own_folder() as folder:
        at = folder / to.socket.name
        address = to.address_at(folder) if kind in POSTGRES else str(at)
        with servers.Proxy(at, to.socket) as proxy:
            yield proxy, address


@contextlib.contextmanager
def opened(kind: str, address: str, flaw: str = "", **options: Any) -> Iterator[Any]:
    """Open a store on a client of its own."""
    most = options.pop("connections", 8)
    if kind in POSTGRES:
        # On a machine under load a connection may take its time.
        for name in ("connection_wait", "answer_timeout", "statement_timeout", "lock_timeout"):
            options.setdefault(name, float(servers.PATIENCE))
        with _on_postgres(kind, address, flaw, most, options) as store:
            store.flaw = flaw
            yield store
    else:
        with client(address) as made:
            other = (NaiveRedis if flaw else RedisStore)(made, **options)
            other.flaw = flaw
            yield other


@contextlib.contextmanager
def _on_postgres(kind: str, address: str, flaw: str, most: int, options: Any) -> Iterator[Any]:
    if kind == "psycopg2":
        made = NaivePsycopg2 if flaw else Psycopg2Store
        with made(connecting(address), max_connections=most, **options) as store:
            yield store
        return
    with ConnectionPool(address, min_size=1, max_size=most, open=True) as pool:
        yield (NaivePsycopg if flaw else PsycopgStore)(pool, **options)


def connecting(address: str) -> Any:
    """Return what connects psycopg2."""
    return lambda: psycopg2.connect(address)


def client(address: str, **options: Any) -> redis.Redis:
    options.setdefault("socket_timeout", servers.PATIENCE)
    options.setdefault("retry", Retry(NoBackoff(), 0))
    return redis.Redis(unix_socket_path=address, **options)


def write(key: int = 1, expected: int = 0, body: bytes = b"body", **other: Any) -> otp.Write:
    end = other.get("discard_after", 4_102_444_800)
    return otp.Write(bytes([key]) * 32, 1, expected, end, body)


def version(store: Any, key: int = 1) -> int:
    (cell,) = store.load([bytes([key]) * 32])
    return 0 if cell is None else cell.version


class _Naive:
    """Reads as a sound store does, and commits with a flaw."""

    flaw = ""

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        if self.flaw == "read_then_write":
            cells = self.load([write.key for write in writes])  # type: ignore[attr-defined]
            found = [0 if cell is None else cell.version for cell in cells]
            if found != [write.expected for write in writes]:
                return False
        self.overwrite(sorted(writes, key=lambda write: write.key))  # type: ignore[attr-defined]
        return True


class NaivePsycopg(_Naive, PsycopgStore):
    """Writes without a look, in one transaction, without the triggers that would catch it."""

    def overwrite(self, writes: list[otp.Write]) -> None:
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            for each in writes:
                connection.execute(
                    """INSERT INTO otp_engine.otp_cell VALUES (%s, %s, %s, %s)
                    ON CONFLICT (k) DO UPDATE SET version = excluded.version,
                    discard_after = excluded.discard_after, body = excluded.body""",
                    (each.key, each.expected + 1, each.discard_after, each.body),
                )


class NaivePsycopg2(_Naive, Psycopg2Store):
    """Writes without a look, in one transaction, without the triggers that would catch it."""

    def overwrite(self, writes: list[otp.Write]) -> None:
        rows = [(each.key, each.expected + 1, each.discard_after, each.body) for each in writes]
        with self._connection() as (connection, _, _), connection.cursor() as cursor:
            values = b",".join(cursor.mogrify("(%s, %s, %s, %s)", row) for row in rows).decode()
            cursor.execute(
                f"""BEGIN; SET LOCAL session_replication_role = replica;
                INSERT INTO otp_engine.otp_cell VALUES {values}
                ON CONFLICT (k) DO UPDATE SET version = excluded.version,
                discard_after = excluded.discard_after, body = excluded.body; COMMIT"""
            )


class NaiveRedis(_Naive, RedisStore):
    """Writes without a look, in one transaction."""

    def overwrite(self, writes: list[otp.Write]) -> None:
        values = {}
        for each in writes:
            _, name, _, cell, _ = _redis_session.encode([each])
            values[name] = cell
        connection = self._taken()
        try:
            _redis_session.ask(connection, "MSET", *(x for pair in values.items() for x in pair))
        finally:
            self._pool.release(connection)


def tell(path: pathlib.Path, line: str) -> None:
    """Append a line in one write: it is there, or it is not."""
    with open(path, "ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


def told(path: pathlib.Path) -> list[str]:
    """Return what was told in whole lines."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    return whole.splitlines()
