"""Cells in PostgreSQL by psycopg2: what ``otp-engine-postgres`` keeps, with Odoo's own driver.

The extra ``otp-engine[psycopg2]`` names ``psycopg2``, which Odoo requires and Debian packages.
Where ``psycopg2-binary`` is installed in its place, install ``otp-engine`` without the extra: both
bring the same module, and must not be there together.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

try:
    import psycopg2
    import psycopg2.extensions
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE
except ImportError as error:
    raise ImportError(
        "otp_engine.stores.psycopg2 needs psycopg2 2.9 or later: "
        "pip install 'otp-engine[psycopg2]', or psycopg2-binary beside otp-engine"
    ) from error

from .._checks import whole
from ..errors import UnavailableError
from ._postgres_session import Session
from ._postgres_store import PostgresStore, checked_schema, migrate_by
from ._postgres_wire import is_cut
from ._psycopg2_connection import Connection

__all__ = ["Psycopg2Store", "migrate"]


class Psycopg2Store(PostgresStore):
    """A store in the tables of ``otp-engine-postgres``, on connections of its own.

    ``connect`` returns a new connection of psycopg2: ``lambda: psycopg2.connect(dsn)``; it may be
    called from any thread. Give it a ``connect_timeout``, which psycopg2 has not by itself. The
    store keeps up to ``max_connections``, which count for each process, sets them to autocommit,
    and closes what is broken: nobody else must use them. A caller who finds none for
    ``connection_wait`` gets an UnavailableError. After silence ``connect`` is called anew, and may
    name another host.

    Each operation is one statement, committed by itself, in one round trip: no transaction of the
    caller's is touched, and none can undo a guess that was counted. What a commit rests on is set
    by the statement that commits. Values are sent beside the statements, which psycopg2 itself does
    not do: no log of the server quotes them.

    Behind a pooler such as PgBouncer, by session or by transaction, each operation is a transaction
    of its own, in three round trips: it begins with its settings, its statements have no names, and
    nothing is left on the session. A pooler by statement is refused.

    Each new connection is checked: a standby, a server without ``fsync``, ``full_page_writes`` or
    ``synchronous_commit`` (``remote_write`` will not do), and a schema that was not migrated raise
    an UnavailableError. Times are in seconds. A statement is given up by the server after
    ``statement_timeout``, surely undone. A commit without an answer after ``answer_timeout`` is
    cancelled at the server and ``unknown``; then one commit at a time asks whether answers come
    again, and the others are unavailable.

    ``may_lose_commits_on_crash=True`` answers before the flush; no engine that signs takes the
    store then. Make the store in each process, after any fork. Threads share it, and so do
    greenlets of gevent: they change while it waits for an answer, and with psycogreen while it
    connects.
    """

    def __init__(
        self,
        connect: "Callable[[], psycopg2.extensions.connection]",
        *,
        schema: str = "otp_engine",
        max_connections: int = 8,
        connection_wait: float = 5.0,
        lock_timeout: float = 3.0,
        statement_timeout: float = 5.0,
        answer_timeout: float = 8.0,
        may_lose_commits_on_crash: bool = False,
    ) -> None:
        if not callable(connect):
            raise TypeError(f"connect must be callable, not {type(connect).__name__}")
        self._connect = connect
        self._free = threading.Semaphore(whole(max_connections, "max_connections", 1, 10_000))
        self._lock = threading.Lock()
        self._idle: list[tuple[Connection, Session]] = []
        self._drained = 0  # how often: what was lent before that is closed when it comes back
        super().__init__(
            schema=schema,
            connection_wait=connection_wait,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
            answer_timeout=answer_timeout,
            may_lose_commits_on_crash=may_lose_commits_on_crash,
        )

    def close(self) -> None:
        """Let go of the store and its connections; a call in another thread ends first."""
        super().close()
        if self._process.is_this():  # an inherited connection is its parent's to end
            self._drop_idle()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[tuple[Connection, Session, bool]]:
        """Lend a connection, and say whether it was set up just now."""
        self._process.check()
        if not self._free.acquire(timeout=self._wait):
            raise UnavailableError("all connections to PostgreSQL stayed in use")
        try:
            drained = self._drained
            idle = self._taken()
            connection, session = idle or self._made()
            try:
                yield connection, session, idle is None
            finally:
                if connection.closed or session.has_ended or self._drained != drained:
                    connection.close()
                else:
                    with self._lock:
                        self._idle.append((connection, session))
        finally:
            self._free.release()

    def _taken(self) -> tuple[Connection, Session] | None:
        """Take a connection that was not cut while it lay idle."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, session = self._idle.pop()
            if not is_cut(connection) and not session.has_ended:
                return connection, session
            connection.close()

    def _made(self) -> tuple[Connection, Session]:
        try:
            own = self._connect()
        except Exception as error:
            raise UnavailableError("no connection to PostgreSQL: it cannot be reached") from error
        if not isinstance(own, psycopg2.extensions.connection):
            raise TypeError(f"connect must return a connection of psycopg2, not {type(own)}")
        if own.async_ or own.info.transaction_status != TRANSACTION_STATUS_IDLE:
            raise ValueError("connect must return a new connection, idle and not asynchronous")
        connection = Connection(own)
        return connection, self._set_up(connection)

    def _turn(self, silent: list[str]) -> bool:
        return True  # the caller knows where to go

    def _drop_idle(self) -> None:
        with self._lock:
            self._drained += 1
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()


def migrate(connection: "psycopg2.extensions.connection", *, schema: str = "otp_engine") -> None:
    """Make the schema and its tables, or bring them to the newest layout, and commit.

    As a role that may create tables; does nothing where that is done. Several may do so at once.
    ``PostgresStore::migrate`` of the Rust store does the same.
    """
    schema = checked_schema(schema)

    def run(statements: str) -> Any:
        cursor.execute(statements)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    with connection, connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        migrate_by(run, schema)
