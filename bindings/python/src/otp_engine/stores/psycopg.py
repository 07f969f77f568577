"""Cells in PostgreSQL, through a pool of psycopg 3: what ``otp-engine-postgres`` keeps, in Python.

The extra ``otp-engine[psycopg]`` names what this needs.
"""

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Any, TypeAlias

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg_pool import ConnectionPool
except ImportError as error:
    raise ImportError(
        "otp_engine.stores.psycopg needs psycopg 3 and its pool: "
        "pip install 'otp-engine[psycopg]' 'psycopg[binary]'"
    ) from error

from ..errors import ForkedError, UnavailableError
from ._postgres_session import Session, Settings
from ._postgres_store import PostgresStore, checked_schema, migrate_by
from ._postgres_wire import is_cut, turn

__all__ = ["PsycopgStore", "migrate"]

_Pool: TypeAlias = "ConnectionPool[Any]"
_settings_of: "weakref.WeakKeyDictionary[_Pool, Settings]" = weakref.WeakKeyDictionary()


class PsycopgStore(PostgresStore):
    """A store in the tables of ``otp-engine-postgres``, on connections of the caller's pool.

    Give it a pool of its own: it sets time-outs for the session of each connection, and a caller
    who holds one connection while the store waits for another may wait for himself. Each operation
    is one statement, committed by itself, in one round trip: no transaction of the caller's is
    touched, and none can undo a guess that was counted. What a commit rests on is set by the
    statement that commits.

    Behind a pooler such as PgBouncer, by session or by transaction, each operation is a transaction
    of its own, in three round trips: it begins with its settings, its statements have no names, and
    nothing is left on the session. A pooler by statement is refused.

    Each new connection is checked: a standby, a server without ``fsync``, ``full_page_writes`` or
    ``synchronous_commit`` (``remote_write`` will not do), and a schema that was not migrated raise
    an UnavailableError, which is also raised where no connection comes from the pool within
    ``connection_wait``. Times are in seconds. A statement is given up by the server after
    ``statement_timeout``, surely undone. A commit without an answer after ``answer_timeout`` is
    cancelled at the server and ``unknown``; then one commit at a time asks whether answers come
    again, and the others are unavailable. Of several hosts in the pool's ``conninfo`` (give it a
    ``connect_timeout`` too) the next one is tried after silence.

    ``may_lose_commits_on_crash=True`` answers before the flush; no engine that signs takes the
    store then. Make pool and store in each process, after any fork.
    """

    def __init__(
        self,
        pool: _Pool,
        *,
        schema: str = "otp_engine",
        connection_wait: float = 5.0,
        lock_timeout: float = 3.0,
        statement_timeout: float = 5.0,
        answer_timeout: float = 8.0,
        may_lose_commits_on_crash: bool = False,
    ) -> None:
        if not isinstance(pool, ConnectionPool):
            raise TypeError(f"pool must be a psycopg_pool.ConnectionPool, not {type(pool)}")
        _check_workers(pool)
        self._pool = pool
        self._lock = threading.Lock()
        self._sessions: weakref.WeakKeyDictionary[psycopg.Connection[Any], Session] = (
            weakref.WeakKeyDictionary()
        )
        super().__init__(
            schema=schema,
            connection_wait=connection_wait,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
            answer_timeout=answer_timeout,
            may_lose_commits_on_crash=may_lose_commits_on_crash,
        )

    def _begin(self) -> None:
        if _settings_of.get(self._pool, self._settings) != self._settings:
            raise ValueError("pool serves a store with other settings: give each a pool of its own")
        super()._begin()
        _settings_of[self._pool] = self._settings

    @contextlib.contextmanager
    def _connection(self) -> Iterator[tuple["psycopg.Connection[Any]", Session, bool]]:
        """Lend a connection, and say whether it was set up just now."""
        self._process.check()
        connection, session = self._taken()
        try:
            is_new = session is None
            if session is None:
                session = self._set_up(connection)
                with self._lock:
                    self._sessions[connection] = session
            yield connection, session, is_new
        finally:
            self._pool.putconn(connection)

    def _taken(self) -> tuple["psycopg.Connection[Any]", Session | None]:
        """Take a connection that was not cut while it lay idle, and its session if it has one."""
        while True:
            try:
                connection = self._pool.getconn(timeout=self._wait)
            except psycopg.Error as error:
                raise UnavailableError(
                    "no connection to PostgreSQL: it cannot be reached, or all stayed in use"
                ) from error
            with self._lock:
                session = self._sessions.get(connection)
            if not is_cut(connection) and not (session and session.has_ended):
                return connection, session
            connection.close()
            self._pool.putconn(connection)  # which makes another one

    def _drop_idle(self) -> None:
        self._pool.drain()

    def _turn(self, silent: list[str]) -> bool:
        """Say whether there is another host.

        A pool that calls a function for its parameters decides by itself.
        """
        kwargs: Any = self._pool.kwargs
        for host in silent:
            if isinstance(kwargs, dict) and turn(kwargs, host):
                return True
            if isinstance(self._pool.conninfo, str):
                parameters = conninfo_to_dict(self._pool.conninfo)
                if turn(parameters, host):
                    self._pool.conninfo = make_conninfo("", **parameters)
                    return True
        return False


def migrate(connection: "psycopg.Connection[Any]", *, schema: str = "otp_engine") -> None:
    """Make the schema and its tables, or bring them to the newest layout.

    As a role that may create tables; does nothing where that is done. Several may do so at once.
    ``PostgresStore::migrate`` of the Rust store does the same.
    """
    schema = checked_schema(schema)

    def run(statements: str) -> Any:
        cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
        cursor.execute(statements.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    with connection.transaction():
        migrate_by(run, schema)


def _check_workers(pool: _Pool) -> None:
    """Refuse a pool that was inherited: two processes would read one connection's answers.

    The threads of a pool do not live on in a forked child.
    """
    workers: list[threading.Thread] = getattr(pool, "_workers", [])
    if any(not worker.is_alive() for worker in workers):
        raise ForkedError("pool was opened before this process was forked; make another one")
