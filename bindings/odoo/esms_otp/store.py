"""The cells of the engine in Odoo's own database, in transactions of their own.

Nothing here is rolled back with the request: a guess stays counted whatever fails afterwards. The
rows that are written here are never touched by the ORM in the same request: PostgreSQL sees no
deadlock between two cursors of one thread, and would wait for ever.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import otp_engine as otp
import psycopg2
from psycopg2 import errorcodes
from psycopg2.pool import PoolError

from odoo.modules.registry import Registry
from odoo.sql_db import BaseCursor, Cursor

from .engine import check_keys

RECORD = 4
_LOST = (errorcodes.SERIALIZATION_FAILURE, errorcodes.DEADLOCK_DETECTED)
# REPEATABLE READ, which Odoo sets, would make every lost race an error; a lock that somebody holds
# must not hold up a worker; and what was used up stays so after a power cut, whatever the
# administrator set for the rest.
_BEGIN = """SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '3s';
SET LOCAL synchronous_commit = on;
SET LOCAL client_min_messages = warning"""
_LOAD = "SELECT key, version, discard_after, body FROM esms_otp_cell WHERE key = ANY(%s)"
_CREATE = """INSERT INTO esms_otp_cell (key, version, discard_after, body)
VALUES (%s, 1, %s, %s) ON CONFLICT DO NOTHING"""
_REPLACE = """UPDATE esms_otp_cell SET version = version + 1, discard_after = %s, body = %s
WHERE key = %s AND version = %s"""
_HAS_CELLS = "SELECT EXISTS (SELECT FROM esms_otp_cell)"
# The array is made once, whatever the plan: `IN (SELECT .. LIMIT ..)` may be run again for each
# row, and then drops more than the limit.
_PURGE = """DELETE FROM esms_otp_cell WHERE discard_after < %(now)s AND key = ANY(ARRAY(
SELECT key FROM esms_otp_cell WHERE discard_after < %(now)s
ORDER BY discard_after LIMIT %(limit)s FOR UPDATE SKIP LOCKED))"""
_POOL_WAIT = 3.0  # seconds, as for a lock


class DatabaseError(Exception):
    """The database refused. Its kind and SQLSTATE are told alone: the rest may quote a row."""

    def __init__(self, error: psycopg2.Error) -> None:
        state = f"sqlstate {error.pgcode}" if error.pgcode else "the connection failed"
        super().__init__(f"{type(error).__name__}, {state}")
        self.pgcode: str | None = error.pgcode


class CutShortError(Exception):
    """PostgreSQL committed, and warned: a wait for a standby was cut short. Whether the commit
    lasts is not known."""


@contextmanager
def transaction(registry: Registry) -> Iterator[BaseCursor]:
    """Open a transaction of its own, committed on leaving and rolled back if anything is raised.

    It raises no error of psycopg2's: Odoo would take a lost race in here for one of the
    request, and run all of that again.
    """
    try:
        with _cursor(registry) as cr:
            is_own = isinstance(cr, Cursor)  # a test's is a savepoint of a running transaction
            if is_own:
                cr.execute(_BEGIN, log_exceptions=False)
                cr._cnx.notices.clear()
            yield cr
            if is_own:
                cr.commit()  # pylint: disable=invalid-commit
                if cr._cnx.notices:
                    raise CutShortError("PostgreSQL committed with a warning")
    except psycopg2.Error as error:
        raise DatabaseError(error) from None


def _cursor(registry: Registry) -> BaseCursor:
    """Borrow a connection; where all of this process are lent, wait a little for one."""
    end = time.monotonic() + _POOL_WAIT
    while True:
        try:
            return registry.cursor()
        except PoolError:
            if time.monotonic() >= end:
                raise otp.UnavailableError(
                    "all database connections of this process are in use: raise db_maxconn, which "
                    "must be at least two for each request that runs at once"
                ) from None
        time.sleep(0.02)


@contextmanager
def opened(
    registry: Registry, on_record: Callable[[BaseCursor, otp.Write], Any] | None = None
) -> Iterator["OdooStore"]:
    """Open the cells of a database, which must belong to the keys of this process."""
    with OdooStore(registry, on_record) as store:
        check_keys(store, registry.db_name, registry)
        yield store


class OdooStore(otp.HostStore):
    """Keeps cells in the table `esms_otp_cell`.

    ``on_record`` is called with the cursor and the write of each signature record, before the
    commit that writes it: what it does is committed with the record, or not at all.
    """

    def __init__(
        self,
        registry: Registry,
        on_record: Callable[[BaseCursor, otp.Write], Any] | None = None,
    ) -> None:
        super().__init__()
        self._registry = registry
        self._on_record = on_record

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        """Return the cell of each key, in order."""
        with transaction(self._registry) as cr:
            cr.execute(_LOAD, [list(keys)], log_exceptions=False)
            found = {
                bytes(key): otp.Cell(version, end, bytes(body))
                for key, version, end, body in cr.fetchall()
            }
        return [found.get(key) for key in keys]

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        """Apply all writes if every version is as expected, or none."""
        try:
            with transaction(self._registry) as cr:
                # In one order everywhere, or two commits that share two meters lock each other.
                for write in sorted(writes, key=lambda write: write.key):
                    if not self._write(cr, write):
                        cr.rollback()
                        return False
                for write in writes:
                    if write.kind == RECORD and self._on_record:
                        self._on_record(cr, write)
        except DatabaseError as error:
            if error.pgcode in _LOST:
                return False
            raise
        return True

    def purge(self, now: int, limit: int) -> int:
        """Drop at most so many cells whose end has passed."""
        with transaction(self._registry) as cr:
            cr.execute(_PURGE, {"now": now, "limit": min(limit, 2**62)}, log_exceptions=False)
            return cr.rowcount

    def has_cells(self) -> bool:
        """Say whether there is any cell."""
        with transaction(self._registry) as cr:
            cr.execute(_HAS_CELLS, log_exceptions=False)
            return cr.fetchone()[0]

    def _write(self, cr: BaseCursor, write: otp.Write) -> bool:
        if write.expected:
            values = [write.discard_after, write.body, write.key, write.expected]
            cr.execute(_REPLACE, values, log_exceptions=False)
        else:
            values = [write.key, write.discard_after, write.body]
            cr.execute(_CREATE, values, log_exceptions=False)
        return cr.rowcount == 1
