"""A connection that was checked: one round trip for a load, one for a commit."""

import hashlib
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import _bindings as c
from ..cell import Cell, Write
from ..errors import FullError, StoreError, UnavailableError, UnsupportedError
from . import _postgres_layout as layout
from ._postgres_wire import (
    BIGINT,
    BINARY,
    BYTEA,
    Connection,
    Fault,
    PGconn,
    PGresult,
    array,
    ask,
    bigint,
    query,
    transaction,
)

_FLUSHED = ("on", "remote_apply")
"""Settings that flush, here and on a synchronous standby.

``local`` lets it lag behind an answer, ``remote_write`` lets it lose what it has not flushed.
"""


_MODE = "ISOLATION LEVEL READ COMMITTED READ WRITE"
_CONFLICT = bytes(4)
"""The commit's answer 0, as an integer of four bytes."""


@dataclass(frozen=True)
class Settings:
    """How a store works; times in seconds."""

    schema: str
    lock_timeout: float
    statement_timeout: float
    answer_timeout: float
    is_flushed: bool

    def statement(self, text: str) -> bytes:
        """Return a statement for the schema."""
        return text.replace("SCHEMA", self.schema).encode()


class Session:
    """What was set up on a connection; does not hold the connection itself."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._settings = settings
        self._is_warned = False
        #: The server said that it ends the connection; its end may be still on the way.
        self.has_ended = False
        #: The host by its name and by its address, as far as they are known.
        self.hosts = [
            name.decode() for name in (connection.pgconn.host, connection.pgconn.hostaddr) if name
        ]
        # Whatever somebody set in a pooler's session does not reach the checks either.
        self._begin_checks(connection)
        durability, process = self._check_server(connection)
        self._check_layout(connection)
        self._ask(connection, b"COMMIT")
        #: Whether one server process serves this connection alone: a pooler makes up a number.
        self.has_its_own_process = connection.pgconn.backend_pid == process
        self._load = settings.statement(layout.LOAD)
        self._commit = settings.statement(layout.COMMIT.replace("DURABILITY", durability))
        if self.has_its_own_process:
            self._own(connection)
        connection.add_notice_handler(self._hear)

    def load(self, connection: Connection, keys: list[bytes]) -> list[Cell | None]:
        """Read all cells in one statement, and so at one moment; in the order of their keys."""
        rows = self._run(connection, self._load, [array(BYTEA, keys)])
        found = {}
        for at in range(rows.ntuples):
            key, version, end, body = (rows.get_value(at, column) for column in range(4))
            if key is None or version is None or body is None:
                raise Fault("a row was not written by this store", is_last=False)
            until = None if end is None else _number(end)
            found[key] = Cell(_number(version), until, body)
        return [found.get(key) for key in keys]

    def commit(
        self,
        connection: Connection,
        writes: list[Write],
        beside: Callable[[], None] | None = None,
    ) -> bool:
        """Make all writes in one statement, which fails as a whole; False is a lost race.

        What is done beside them is done in their transaction, and undone with them if it raises.
        """
        arguments = [
            array(BYTEA, [write.key for write in writes]),
            array(BIGINT, [write.expected for write in writes]),
            array(BIGINT, [write.discard_after for write in writes]),
            array(BYTEA, [write.body for write in writes]),
            bigint(len(writes)),
        ]
        self._is_warned = False
        if beside is None:
            result = self._run(connection, self._commit, arguments)
        else:
            result = self._run_beside(connection, arguments, beside)
        if result.get_value(0, 0) == _CONFLICT:
            return False
        if self._is_warned:
            # The wait for a standby was ended: it is made here, perhaps here alone.
            raise Warned("PostgreSQL committed with a warning")
        return True

    def purge(self, connection: Connection, now: int, limit: int) -> int:
        """Drop at most so many cells whose end has passed."""
        purge = self._settings.statement(layout.PURGE)
        result = self._run(connection, purge, [bigint(now), bigint(limit)], is_prepared=False)
        return result.command_tuples or 0

    def has_cells(self, connection: Connection) -> bool:
        """Say whether the table holds any row."""
        text = self._settings.statement(layout.HAS_CELLS)
        return self._run(connection, text, [], is_prepared=False).get_value(0, 0) == b"\1"

    def _check_server(self, connection: Connection) -> tuple[str, int]:
        """Return the ``synchronous_commit`` of each commit, and the process that answered."""
        row = self._row(connection, layout.CHECK_SERVER)
        if row[0] != "f":
            raise UnavailableError(
                "PostgreSQL is in recovery; connect to the primary: a standby may still show a "
                "used code as unused"
            )
        loses = "which may lose committed answers"
        any_of = (*_FLUSHED, "remote_write", "local", "off")
        for (setting, wanted, why), found in zip(
            (
                ("fsync", ("on",), loses),
                ("full_page_writes", ("on",), loses),
                ("transaction_read_only", ("off",), "but the store must write"),
                ("synchronous_commit", _FLUSHED if self._settings.is_flushed else any_of, loses),
            ),
            row[1:5],
            strict=True,
        ):
            if found not in wanted:
                raise UnavailableError(f"PostgreSQL runs with {setting}={found}, {why}")
        return row[4] if self._settings.is_flushed else "off", int(row[5])

    def _own(self, connection: Connection) -> None:
        """Set up a session that is the store's own; a change of defaults does not reach it."""
        lock, statement = self._limits()
        settings = {
            "default_transaction_isolation": "'read committed'",
            "lock_timeout": lock,
            "statement_timeout": statement,
            "idle_in_transaction_session_timeout": 0,
        }
        for name, value in settings.items():
            self._ask(connection, f"SET {name} TO {value}".encode())
        for text in (self._load, self._commit):
            self._prepare(connection, text)

    def _begin_checks(self, connection: Connection) -> None:
        try:
            ask(connection, lambda to: to.send_query(self._begin("READ ONLY")), self._until())
        except Fault as fault:
            raise UnavailableError(
                "PostgreSQL does not keep a transaction open; set the pooler to session or "
                f"transaction mode: {fault}"
            ) from fault

    def _begin(self, mode: str) -> bytes:
        """Begin a transaction in anybody's session: nothing is left there, or taken over."""
        lock, statement = self._limits()
        return f"""BEGIN {mode};
            SET LOCAL search_path TO pg_catalog;
            SET LOCAL lock_timeout TO {lock};
            SET LOCAL statement_timeout TO {statement};
            SET LOCAL idle_in_transaction_session_timeout TO {statement}""".encode()

    def _limits(self) -> tuple[int, int]:
        """Return the limits for a lock and for a statement, in milliseconds."""
        settings = self._settings
        return _milliseconds(settings.lock_timeout), _milliseconds(settings.statement_timeout)

    def _check_layout(self, connection: Connection) -> None:
        """Check that the table is there, is what is written here, and survives a crash."""
        found = None
        if self._row(connection, layout.HAS_LAYOUT)[0] == "t":
            found = int(self._row(connection, layout.FIND_LAYOUT)[0])
        if found is None or not layout.is_known(found):
            raise UnavailableError(self._wrong_layout(connection, found))
        row = self._row(connection, layout.CHECK_TABLE)
        if not row:
            raise UnavailableError(self._wrong_layout(connection, None))
        for fits, what in zip(
            row,
            (
                "it is not logged: a crash empties it",
                "its column k is no primary key",
                "its triggers are missing or disabled",
                "it has other columns",
            ),
            strict=True,
        ):
            if fits != "t":
                raise UnavailableError(f"the table otp_cell cannot be used: {what}")

    def _prepare(self, connection: Connection, text: bytes) -> None:
        def send(to: PGconn) -> None:
            to.send_prepare(_name(text), text)

        # A store that was there before has prepared it: under one name there is one text.
        ask(connection, send, self._until(), forgiven="42P05")

    def _row(self, connection: Connection, text: str) -> list[str]:
        """Return the row of a question; empty where there is none. An absent value is empty."""
        result = self._ask(connection, self._settings.statement(text))
        if not result.ntuples:
            return []
        return [(result.get_value(0, at) or b"").decode() for at in range(result.nfields)]

    def _ask(self, connection: Connection, statement: bytes) -> PGresult:
        return ask(connection, query(statement, ()), self._until())

    def _run(
        self,
        connection: Connection,
        text: bytes,
        arguments: list[bytes],
        *,
        is_prepared: bool = True,
    ) -> PGresult:
        """Run a statement on a session of the store's own, or in a transaction of its own."""
        unnamed = query(text, arguments, BINARY)
        if not self.has_its_own_process:
            until = self._until()
            with transaction(connection, self._begin(_MODE), lambda: until):
                return ask(connection, unnamed, until)

        def send(to: PGconn) -> None:
            to.send_query_prepared(_name(text), arguments, [BINARY] * len(arguments), BINARY)

        return ask(connection, send if is_prepared else unnamed, self._until())

    def _run_beside(
        self, connection: Connection, arguments: list[bytes], beside: Callable[[], None]
    ) -> PGresult:
        """Make a commit's writes, and what the caller does beside them, in one transaction.

        The caller's tables are where the session's owner has set it, not whoever had it before.
        """
        begin, place = self._begin(_MODE), b"SET LOCAL search_path TO DEFAULT"
        if self.has_its_own_process:
            place = b"SET LOCAL idle_in_transaction_session_timeout TO %d" % self._limits()[1]
            begin = b"BEGIN " + _MODE.encode()
        with transaction(connection, begin, self._until):
            result = ask(connection, query(self._commit, arguments, BINARY), self._until())
            if result.get_value(0, 0) != _CONFLICT:
                self._ask(connection, place)
                beside()
                self._is_warned = False  # by a statement of the caller's
        return result

    def _wrong_layout(self, connection: Connection, found: int | None) -> str:
        """Say what is wrong with a layout; None is that there is none."""
        if found is not None:
            return wrong_layout(found)
        schema = self._settings.schema
        driver = "psycopg2" if "psycopg2" in type(connection).__module__ else "psycopg"
        other = "" if schema == "otp_engine" else f', schema="{schema}"'
        return (
            f"table otp_cell not found in schema {schema}; make it once, as a role that may create "
            f"tables: python -c 'import {driver}; from otp_engine.stores.{driver} import migrate; "
            f'migrate({driver}.connect("dbname=NAME"){other})\''
        )

    def _until(self) -> float:
        return time.monotonic() + self._settings.answer_timeout

    def _hear(self, notice: Any) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._is_warned = True
        elif notice.severity_nonlocalized in ("FATAL", "PANIC"):
            self.has_ended = True


class Warned(Fault):
    """A commit was made, and perhaps on this server alone."""

    is_unknown = True
    leaves_connection_sound = True


def _name(text: bytes) -> bytes:
    """Return the name of a prepared statement; another text has another name."""
    return b"otp_engine_" + hashlib.sha256(text).hexdigest()[:24].encode()


def wrong_layout(found: int) -> str:
    """Say that a layout is none that is known here."""
    known = " and ".join(str(it) for it in range(1, layout.NEWEST + 1) if layout.is_known(it))
    return f"schema layout {found} is not supported; this version supports {known}"


def of_commit(fault: Fault) -> Exception | None:
    """Return what a failed commit means; None is a conflict.

    A statement that the server reports as failed is undone.
    """
    if fault.is_conflict:
        return None
    # The answer to a commit that was made may be that the server goes away.
    if fault.is_unknown:
        return StoreError(str(fault), c.OTP_STATUS_STORE_UNKNOWN)
    kinds = {"53100": FullError, "21000": UnsupportedError}
    return kinds.get(fault.code, UnavailableError)(str(fault))


def _number(data: bytes) -> int:
    number: int = struct.unpack(">q", data)[0]
    return number


def _milliseconds(seconds: float) -> int:
    # None at all would mean no limit.
    return min(max(int(seconds * 1000), 1), 2_147_483_647)
