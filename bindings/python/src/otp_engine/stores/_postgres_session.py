"""A connection that was checked: one round trip for a load, one for a commit."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq.abc import PGconn, PGresult

from .. import _bindings as c
from ..cells import Cell, Write
from ..errors import FullError, StoreError, UnavailableError, UnsupportedError
from . import _postgres_layout as layout
from ._postgres_wire import BIGINT, BINARY, BYTEA, TEXT, Fault, array, ask, bigint

Connection = psycopg.Connection[Any]

_FLUSHED = ("on", "remote_write", "remote_apply")
"""Settings that flush; ``local`` is not among them, as it lets a standby lag behind an answer."""
_LOAD, _COMMIT = b"otp_engine_load", b"otp_engine_commit"


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
        self._check_server(connection)
        self._check_layout(connection)
        self._prepare(connection, _LOAD, layout.LOAD)
        self._prepare(connection, _COMMIT, layout.COMMIT)
        connection.add_notice_handler(self._hear)

    def load(self, connection: Connection, keys: list[bytes]) -> list[Cell | None]:
        """Read all cells in one statement, and so at one moment; in the order of their keys."""
        rows = self._run(connection, _LOAD, [array(BYTEA, keys)])
        found = {}
        for at in range(rows.ntuples):
            key, version, end, body = (rows.get_value(at, column) for column in range(4))
            if key is None or version is None or body is None:
                raise Fault("PostgreSQL holds a row that this store did not write", is_last=False)
            until = None if end is None else _number(end)
            found[key] = Cell(_number(version), until, body)
        return [found.get(key) for key in keys]

    def commit(self, connection: Connection, writes: list[Write]) -> None:
        """Make all writes in one statement, which fails as a whole."""
        arguments = [
            array(BYTEA, [write.key for write in writes]),
            array(BIGINT, [write.expected for write in writes]),
            array(BIGINT, [write.discard_after for write in writes]),
            array(BYTEA, [write.body for write in writes]),
            bigint(len(writes)),
        ]
        self._is_warned = False
        self._run(connection, _COMMIT, arguments)
        if self._is_warned:
            # An administrator ended the wait for a standby: it is made here, perhaps here alone.
            raise Fault("PostgreSQL committed with a warning")

    def purge(self, connection: Connection, now: int, limit: int) -> int:
        """Drop at most so many cells whose end has passed."""
        purge = self._settings.statement(layout.PURGE)
        arguments = [bigint(now), bigint(limit)]
        result = self._ask(connection, purge, arguments, BINARY)
        return result.command_tuples or 0

    def has_cells(self, connection: Connection) -> bool:
        """Say whether the table holds any row."""
        return self._row(connection, layout.HAS_CELLS)[0] == "t"

    def _check_server(self, connection: Connection) -> None:
        row = self._row(connection, layout.SERVER_CHECK)
        if row[0] != "f":
            raise UnavailableError(
                "PostgreSQL is in recovery: a standby may show a code that is used up"
            )
        loses = "which may lose what was answered"
        any_of = (*_FLUSHED, "local", "off")
        for (setting, wanted, why), found in zip(
            (
                ("fsync", ("on",), loses),
                ("full_page_writes", ("on",), loses),
                ("transaction_read_only", ("off",), "and the store must write"),
                ("synchronous_commit", _FLUSHED if self._settings.is_flushed else any_of, loses),
            ),
            row[1:],
            strict=True,
        ):
            if found not in wanted:
                raise UnavailableError(f"PostgreSQL works with {setting}={found}, {why}")
        # Set here, so that a change of the server's defaults does not reach this session.
        synchronous_commit = row[4] if self._settings.is_flushed else "off"
        settings = {
            "default_transaction_isolation": "'read committed'",
            "synchronous_commit": f"'{synchronous_commit}'",
            "lock_timeout": _milliseconds(self._settings.lock_timeout),
            "statement_timeout": _milliseconds(self._settings.statement_timeout),
            "idle_in_transaction_session_timeout": 0,
        }
        for name, value in settings.items():
            self._ask(connection, f"SET {name} TO {value}".encode())

    def _check_layout(self, connection: Connection) -> None:
        """Check that the table is there, is what is written here, and survives a crash."""
        schema = self._settings.schema
        found = None
        if self._row(connection, layout.LAYOUT_THERE, f"{schema}.otp_layout")[0] == "t":
            found = int(self._row(connection, layout.LAYOUT_FOUND)[0] or 0)
        if found != layout.NEWEST:
            raise UnavailableError(wrong_layout(found))
        row = self._row(connection, layout.TABLE_CHECK, f"{schema}.otp_cell")
        if not row:
            raise UnavailableError(wrong_layout(None))
        for fits, what in (
            (row[1] == "t", "it is not logged: a crash empties it"),
            (row[2] == "t", "its column k is no primary key"),
            (row[3] == "t", "its triggers are missing or disabled"),
            (row[0] == layout.COLUMNS, "it has other columns"),
        ):
            if not fits:
                raise UnavailableError(f"the table otp_cell cannot be used: {what}")

    def _prepare(self, connection: Connection, name: bytes, text: str) -> None:
        statement = self._settings.statement(text)

        def send(to: PGconn) -> None:
            to.send_prepare(name, statement)

        # A store that was there before has prepared it, on the same pool for the same schema.
        ask(connection, send, self._settings.answer_timeout, forgiven="42P05")

    def _row(self, connection: Connection, text: str, *arguments: str) -> list[str]:
        """Return the row of a question; empty where there is none. An absent value is empty."""
        statement = self._settings.statement(text)
        result = self._ask(connection, statement, [each.encode() for each in arguments])
        if not result.ntuples:
            return []
        return [(result.get_value(0, at) or b"").decode() for at in range(result.nfields)]

    def _ask(
        self,
        connection: Connection,
        statement: bytes,
        arguments: Sequence[bytes] = (),
        how: int = TEXT,
    ) -> PGresult:
        def send(to: PGconn) -> None:
            to.send_query_params(statement, [*arguments], param_formats=[how] * len(arguments))

        return ask(connection, send, self._settings.answer_timeout)

    def _run(self, connection: Connection, name: bytes, arguments: list[bytes]) -> PGresult:
        def send(to: PGconn) -> None:
            to.send_query_prepared(name, arguments, [BINARY] * len(arguments), BINARY)

        return ask(connection, send, self._settings.answer_timeout)

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._is_warned = True
        elif notice.severity_nonlocalized in ("FATAL", "PANIC"):
            self.has_ended = True


def wrong_layout(found: int | None) -> str:
    """Say what is wrong with a layout; None is that there is none."""
    if found is None:
        return "the schema holds no cells yet: migrate it first"
    return f"the schema has layout {found}, this version knows {layout.NEWEST}"


def of_commit(fault: Fault) -> Exception | None:
    """Return what a failed commit means; None is a conflict.

    A statement that the server reports as failed is undone.
    """
    if fault.is_conflict:
        return None
    # The answer to a commit that was made may be that the server goes away.
    if fault.is_lost or fault.code == "40003":
        return StoreError(str(fault), c.OTP_STATUS_STORE_UNKNOWN)
    kinds = {"53100": FullError, "21000": UnsupportedError}
    return kinds.get(fault.code, UnavailableError)(str(fault))


def _number(data: bytes) -> int:
    number: int = struct.unpack(">q", data)[0]
    return number


def _milliseconds(seconds: float) -> int:
    # None at all would mean no limit.
    return min(max(int(seconds * 1000), 1), 2_147_483_647)
