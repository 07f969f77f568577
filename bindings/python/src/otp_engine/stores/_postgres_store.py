"""What the stores on PostgreSQL have in common, whichever driver connects them."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from .._checks import flag, text, timeout
from ..cell import Cell, Write
from ..errors import OtpError, UnavailableError
from ..store import HostStore
from . import _postgres_layout as layout
from ._contract import OwnProcess, check_keys, check_writes
from ._postgres_breaker import Breaker
from ._postgres_session import Session, Settings, Warned, of_commit, wrong_layout
from ._postgres_wire import Connection, Fault, Silence

Row = Callable[[Any, Write], object]
"""What is called with a cursor of the driver's and the write of a record."""

_Answer = TypeVar("_Answer")
_NO_STATEMENT = "26000"
_RECORD = 4
_LOST_RACES = ("40001", "40P01")


class PostgresStore(HostStore):
    """A store in the tables of ``otp-engine-postgres``; a driver's own lends the connections."""

    def __init__(
        self,
        *,
        schema: str,
        connection_wait: float,
        lock_timeout: float,
        statement_timeout: float,
        answer_timeout: float,
        may_lose_commits_on_crash: bool,
    ) -> None:
        self.permanent = not flag(may_lose_commits_on_crash, "may_lose_commits_on_crash")
        self._wait = timeout(connection_wait, "connection_wait")
        self._settings = Settings(
            checked_schema(schema),
            timeout(lock_timeout, "lock_timeout"),
            timeout(statement_timeout, "statement_timeout"),
            timeout(answer_timeout, "answer_timeout"),
            is_flushed=self.permanent,
        )
        self._process = OwnProcess()
        self._breaker = Breaker()
        self._begin()
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
        return self._commit(writes)

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

    def beside(self, row: Row) -> HostStore:
        """Return a view of this store that commits a row of the caller's with each record.

        A commit that writes a signature record calls ``row(cursor, write)`` before its COMMIT, with
        a cursor of the driver's in the same transaction, and the write whose ``body`` holds the
        record. What ``row`` does by the cursor is committed with the record or not at all. What it
        raises undoes both, and is the cause of the ``otp.UnavailableError`` that the caller gets; a
        serialization failure or a deadlock is a lost race, after which ``row`` is called again. It
        must not commit, roll back, or call the engine; its tables are found by the ``search_path``
        that the session began with.

        It costs four round trips, and those of ``row``, in place of one, for the commits that write
        a record alone; the cells of the user and of the record's field stay locked meanwhile. A
        pause between two statements of more than ``statement_timeout`` ends the transaction. The
        statements of ``row`` are waited for as the driver waits.
        """
        return _Beside(self, row)

    @abstractmethod
    def _connection(self) -> AbstractContextManager[tuple[Any, Session, bool]]:
        """Lend a connection, and say whether it was set up just now."""

    @abstractmethod
    def _drop_idle(self) -> None:
        """Close the connections that nobody uses: they may lead to the same wrong place."""

    def _turn(self, silent: list[str]) -> bool:
        """Let the next connection begin with another host than one that is silent."""
        return False

    def _begin(self) -> None:
        with self._connection():
            pass  # it is checked

    def _set_up(self, connection: Connection) -> Session:
        try:
            return Session(connection, self._settings)
        except BaseException as error:
            connection.close()  # the next server may be another one
            if isinstance(error, Fault):
                raise UnavailableError(
                    f"PostgreSQL rejected a statement that the store needs: {error}"
                ) from error
            raise

    def _commit(self, writes: list[Write], row: Row | None = None) -> bool:
        check_writes(writes, permanent=self.permanent)
        if not writes:
            return True
        if any(write.expected >= 2**63 - 1 for write in writes):
            return False  # no cell has such a version
        records = [write for write in writes if write.kind == _RECORD]

        def commit(session: Session, on: Any) -> bool:
            if row is None or not records:
                return session.commit(on, writes)
            return session.commit(on, writes, lambda: _write_rows(on, row, records))

        with self._breaker.passed() as say:
            try:
                is_made = self._ask(commit)
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

    def _ask(
        self, question: Callable[[Session, Any], _Answer], *, is_repeatable: bool = False
    ) -> _Answer:
        """Ask once; again where that changes nothing and another connection may fare better."""
        while True:
            with self._connection() as (connection, session, is_new):
                try:
                    return question(session, connection)
                except Fault as fault:
                    is_left = isinstance(fault, Silence) and self._turn(session.hosts)
                    if is_left or not fault.leaves_connection_sound:
                        # One that may not write is most likely a former primary: the next
                        # connection may lead to another server.
                        connection.close()
                        self._drop_idle()
                    # Somebody reset the session: nothing was executed.
                    is_reset = fault.code == _NO_STATEMENT
                    is_cut = is_repeatable and fault.is_lost and not isinstance(fault, Silence)
                    if is_new or not (is_reset or is_cut):
                        raise


class _Beside(HostStore):
    """A store whose records are committed with rows of the caller's."""

    def __init__(self, store: PostgresStore, row: Row) -> None:
        if not callable(row):
            raise TypeError(f"row must be callable, not {type(row).__name__}")
        self.permanent = store.permanent
        self._store, self._row = store, row
        self.load, self.purge, self.has_cells = store.load, store.purge, store.has_cells  # type: ignore[method-assign]
        super().__init__()

    def commit(self, writes: list[Write], now: int) -> bool:
        """Apply all writes and the rows beside their records, or none."""
        return self._store._commit(writes, self._row)


def _write_rows(connection: Any, row: Row, records: list[Write]) -> None:
    """Let the caller write a row for each record; what fails is undone, and is no mystery."""
    for write in records:
        try:
            with connection.cursor() as cursor:
                row(cursor, write)
        except OtpError:
            raise
        except Exception as error:
            state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            if state in _LOST_RACES:
                raise Fault("a row beside a record lost a race", state, is_last=False) from error
            raise UnavailableError(
                f"nothing was committed: the row beside a record failed, {type(error).__name__}"
            ) from error


def migrate_by(run: Callable[[str], Any], schema: str) -> None:
    """Bring a schema to the newest layout, in a transaction of the caller's.

    ``run`` executes statements, and returns the first value where there is one.
    """

    def one(statements: str) -> Any:
        return run(statements.replace("SCHEMA", schema))

    one(layout.LOCK_MIGRATION)
    # Asked first: even `IF NOT EXISTS` needs the right to make what is there.
    if not one(layout.HAS_SCHEMA):
        run(f"CREATE SCHEMA {schema}")
    found = 0
    if one(layout.HAS_LAYOUT):
        found = one(layout.FIND_LAYOUT)
    else:
        one(layout.LAYOUT_TABLE)
    if found > layout.NEWEST:
        raise UnavailableError(wrong_layout(found))
    for migration in layout.MIGRATIONS[found:]:
        one(migration)


def checked_schema(name: str) -> str:
    """Return a name that goes into statements as it is."""
    text(name, "schema")
    letters = "abcdefghijklmnopqrstuvwxyz_"
    fits = 1 <= len(name) <= 63 and set(name) <= set(letters + "0123456789")
    if not fits or name[0] not in letters:
        raise ValueError("schema must be 1 to 63 of a-z, 0-9 and _, and begin with no digit")
    return name
