"""Cells in PostgreSQL, through a pool of psycopg 3: what ``otp-engine-postgres`` keeps, in Python.

The extra ``otp-engine[psycopg]`` names what this needs.
"""

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg_pool import ConnectionPool
except ImportError as error:
    raise ImportError(
        "otp_engine.stores.psycopg needs psycopg 3 and its pool: "
        "pip install 'otp-engine[psycopg]' 'psycopg[binary]'"
    ) from error

from .._checks import flag, text, timeout
from ..cell import Cell, Write
from ..errors import ForkedError, UnavailableError
from ..store import HostStore
from . import _postgres_layout as layout
from ._contract import OwnProcess, check_keys, check_writes
from ._postgres_breaker import Breaker
from ._postgres_session import Session, Settings, Warned, of_commit, wrong_layout
from ._postgres_wire import Fault, Silence, is_cut, turn

__all__ = ["PsycopgStore", "migrate"]

_Answer = TypeVar("_Answer")
_NO_STATEMENT = "26000"
_Pool: TypeAlias = "ConnectionPool[Any]"
_settings_of: "weakref.WeakKeyDictionary[_Pool, Settings]" = weakref.WeakKeyDictionary()


class PsycopgStore(HostStore):
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
        self.permanent = not flag(may_lose_commits_on_crash, "may_lose_commits_on_crash")
        self._pool = pool
        self._wait = timeout(connection_wait, "connection_wait")
        self._settings = Settings(
            _checked_schema(schema),
            timeout(lock_timeout, "lock_timeout"),
            timeout(statement_timeout, "statement_timeout"),
            timeout(answer_timeout, "answer_timeout"),
            is_flushed=self.permanent,
        )
        if _settings_of.get(pool, self._settings) != self._settings:
            raise ValueError("pool serves a store with other settings: give each a pool of its own")
        self._process = OwnProcess()
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._sessions: weakref.WeakKeyDictionary[psycopg.Connection[Any], Session] = (
            weakref.WeakKeyDictionary()
        )
        with self._connection():
            _settings_of[pool] = self._settings
        super().__init__()

    def load(self, keys: list[bytes]) -> list[Cell | None]:
        """Return the cell of each key, in order."""
        check_keys(keys)
        if not keys:
            return []
        try:
            return self._ask(lambda session, on: session.load(on, keys), is_repeatable=True)
        except Fault as fault:
            raise UnavailableError(str(fault)) from fault

    def commit(self, writes: list[Write], now: int) -> bool:
        """Apply all writes if every version is as expected, or none."""
        check_writes(writes, permanent=self.permanent)
        if not writes:
            return True
        if any(write.expected >= 2**63 - 1 for write in writes):
            return False  # no cell has such a version
        with self._breaker.passed() as say:
            try:
                is_made = self._ask(lambda session, on: session.commit(on, writes))
            except Fault as fault:
                if isinstance(fault, (Silence, Warned)):
                    say(True)
                meant = of_commit(fault)
                if meant is None:
                    return False
                raise meant from fault
            if is_made:  # a lost race flushes nothing, and says nothing
                say(False)
        return is_made

    def purge(self, now: int, limit: int) -> int:
        """Drop at most so many cells whose end has passed."""
        try:
            return self._ask(lambda session, on: session.purge(on, now, min(limit, 2**63 - 1)))
        except Fault as fault:
            meant = of_commit(fault)  # one statement is one commit
            if meant is None:
                return 0  # a commit was first: next time
            raise meant from fault

    def has_cells(self) -> bool:
        """Say whether the table holds any cell."""
        try:
            return self._ask(lambda session, on: session.has_cells(on), is_repeatable=True)
        except Fault as fault:
            raise UnavailableError(str(fault)) from fault

    def _ask(
        self,
        question: Callable[[Session, "psycopg.Connection[Any]"], _Answer],
        *,
        is_repeatable: bool = False,
    ) -> _Answer:
        """Ask once; again where that changes nothing and another connection may fare better."""
        while True:
            with self._connection() as (connection, session, is_new):
                try:
                    return question(session, connection)
                except Fault as fault:
                    is_left = isinstance(fault, Silence) and _leave(self._pool, session.hosts)
                    if is_left or not fault.leaves_connection_sound:
                        # One that may not write is most likely a former primary: the next
                        # connection may lead to another server.
                        connection.close()
                        self._pool.drain()
                    # Somebody reset the session: nothing was executed.
                    is_reset = fault.code == _NO_STATEMENT
                    is_cut = is_repeatable and fault.is_lost and not isinstance(fault, Silence)
                    if is_new or not (is_reset or is_cut):
                        raise

    @contextlib.contextmanager
    def _connection(self) -> Iterator[tuple["psycopg.Connection[Any]", Session, bool]]:
        """Lend a connection, and say whether it was set up just now."""
        self._process.check()
        connection, session = self._taken()
        try:
            is_new = session is None
            if session is None:
                session = self._set_up(connection)
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

    def _set_up(self, connection: "psycopg.Connection[Any]") -> Session:
        try:
            session = Session(connection, self._settings)
        except BaseException as error:
            connection.close()  # the next server may be another one
            if isinstance(error, Fault):
                raise UnavailableError(
                    f"PostgreSQL rejected a statement that the store needs: {error}"
                ) from (error)
            raise
        with self._lock:
            self._sessions[connection] = session
        return session


def migrate(connection: "psycopg.Connection[Any]", *, schema: str = "otp_engine") -> None:
    """Make the schema and its tables, or bring them to the newest layout.

    As a role that may create tables; does nothing where that is done. Several may do so at once.
    ``PostgresStore::migrate`` of the Rust store does the same.
    """
    schema = _checked_schema(schema)

    def run(text: str) -> "psycopg.Cursor[tuple[Any, ...]]":
        cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
        return cursor.execute(text.replace("SCHEMA", schema).encode())

    def one(text: str) -> Any:
        row = run(text).fetchone()
        return None if row is None else row[0]

    with connection.transaction():
        run(layout.LOCK_MIGRATION)
        # Asked first: even `IF NOT EXISTS` needs the right to make what is there.
        if not one(layout.HAS_SCHEMA):
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        found = 0
        if one(layout.HAS_LAYOUT):
            found = one(layout.FIND_LAYOUT)
        else:
            run(layout.LAYOUT_TABLE)
        if found > layout.NEWEST:
            raise UnavailableError(wrong_layout(found))
        for migration in layout.MIGRATIONS[found:]:
            run(migration)


def _checked_schema(name: str) -> str:
    """Return a name that goes into statements as it is."""
    text(name, "schema")
    letters = "abcdefghijklmnopqrstuvwxyz_"
    fits = 1 <= len(name) <= 63 and set(name) <= set(letters + "0123456789")
    if not fits or name[0] not in letters:
        raise ValueError("schema must be 1 to 63 of a-z, 0-9 and _, and begin with no digit")
    return name


def _leave(pool: _Pool, silent: list[str]) -> bool:
    """Let the next connection of a pool begin with another host than one that is silent.

    Say whether there is another one. A pool that calls a function for its parameters decides by
    itself.
    """
    kwargs: Any = pool.kwargs
    for host in silent:
        if isinstance(kwargs, dict) and turn(kwargs, host):
            return True
        if isinstance(pool.conninfo, str):
            parameters = conninfo_to_dict(pool.conninfo)
            if turn(parameters, host):
                pool.conninfo = make_conninfo("", **parameters)
                return True
    return False


def _check_workers(pool: _Pool) -> None:
    """Refuse a pool that was inherited: two processes would read one connection's answers.

    The threads of a pool do not live on in a forked child.
    """
    workers: list[threading.Thread] = getattr(pool, "_workers", [])
    if any(not worker.is_alive() for worker in workers):
        raise ForkedError("pool was opened before this process was forked; make another one")
