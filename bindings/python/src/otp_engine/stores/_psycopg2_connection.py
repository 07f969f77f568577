"""A connection of psycopg2, with the functions of libpq that psycopg 3 wraps and psycopg2 does not.

A cursor of psycopg2 writes all values into the text of its statement, which the server's log then
quotes with an error, and waits for ever for a server that is silent. psycopg2 names its ``PGconn``
(``connection.pgconn_ptr``) so that others may call libpq on it. That is done here, by ctypes, in
the libpq that psycopg2 itself is linked with: whichever one ``psycopg2-binary`` carries.
"""

import contextlib
import ctypes
import itertools
import sys
import threading
import time
from collections.abc import Callable, Sequence
from ctypes import POINTER, c_char_p, c_int, c_void_p
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2 import _psycopg

from ._postgres_wire import MESSAGE, SEVERITY, SQLSTATE, TEXT

_RECEIVER = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
_TEXTS, _NUMBERS = POINTER(c_char_p), POINTER(c_int)
# What is made of each function of libpq: the kind of its result, and of its arguments.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "PQsetnonblocking": (c_int, [c_void_p, c_int]),
    "PQsetNoticeReceiver": (c_void_p, [c_void_p, _RECEIVER, c_void_p]),
    "PQhost": (c_char_p, [c_void_p]),
    "PQhostaddr": (c_char_p, [c_void_p]),
    "PQsendQuery": (c_int, [c_void_p, c_char_p]),
    "PQsendQueryParams": (
        c_int,
        [c_void_p, c_char_p, c_int, c_void_p, _TEXTS, _NUMBERS, _NUMBERS, c_int],
    ),
    "PQsendPrepare": (c_int, [c_void_p, c_char_p, c_char_p, c_int, c_void_p]),
    "PQsendQueryPrepared": (
        c_int,
        [c_void_p, c_char_p, c_int, _TEXTS, _NUMBERS, _NUMBERS, c_int],
    ),
    "PQflush": (c_int, [c_void_p]),
    "PQconsumeInput": (c_int, [c_void_p]),
    "PQisBusy": (c_int, [c_void_p]),
    "PQgetResult": (c_void_p, [c_void_p]),
    "PQclear": (None, [c_void_p]),
    "PQresultStatus": (c_int, [c_void_p]),
    "PQresultErrorField": (c_char_p, [c_void_p, c_int]),
    "PQntuples": (c_int, [c_void_p]),
    "PQnfields": (c_int, [c_void_p]),
    "PQgetisnull": (c_int, [c_void_p, c_int, c_int]),
    "PQgetlength": (c_int, [c_void_p, c_int, c_int]),
    "PQgetvalue": (c_void_p, [c_void_p, c_int, c_int]),
    "PQcmdStatus": (c_char_p, [c_void_p]),
    "PQcmdTuples": (c_char_p, [c_void_p]),
    "PQgetCancel": (c_void_p, [c_void_p]),
    "PQcancel": (c_int, [c_void_p, c_char_p, c_int]),
    "PQfreeCancel": (None, [c_void_p]),
}


def _loaded() -> Any:
    """Return the libpq of psycopg2: symbols are looked for in what its module is linked with."""
    library = ctypes.CDLL(_psycopg.__file__)
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(
                f"this psycopg2 hides {name} of its libpq, as builds for Windows do: take "
                "otp_engine.stores.psycopg"
            ) from None
        function.restype, function.argtypes = result, arguments
    return library


_libpq = _loaded()
_numbers = itertools.count(1)
_hearing: dict[int, Callable[[Any], None]] = {}


@dataclass(frozen=True)
class Notice:
    """What the server says beside its results, as far as the store listens."""

    severity_nonlocalized: str


def _hear(number: int, result: int) -> None:
    heard = _hearing.get(number)
    if heard is not None:
        heard(Notice((_libpq.PQresultErrorField(result, SEVERITY) or b"").decode()))


_receive = _RECEIVER(_hear)
"""One for all connections, never collected: a connection may outlive whoever listens."""


class Result:
    """What was read of a result of libpq, which is freed at once."""

    def __init__(self, result: int) -> None:
        try:
            self.status: int = _libpq.PQresultStatus(result)
            self.ntuples: int = _libpq.PQntuples(result)
            self.nfields: int = _libpq.PQnfields(result)
            self.command_status: bytes | None = _libpq.PQcmdStatus(result)
            tuples: bytes = _libpq.PQcmdTuples(result) or b""
            self.command_tuples = int(tuples) if tuples else None
            self._fields: dict[int, bytes | None] = {
                field: _libpq.PQresultErrorField(result, field)
                for field in (SEVERITY, SQLSTATE, MESSAGE)
            }
            self._values = [
                [_value(result, row, column) for column in range(self.nfields)]
                for row in range(self.ntuples)
            ]
        finally:
            _libpq.PQclear(result)

    def get_value(self, row_number: int, column_number: int) -> bytes | None:
        """Return a value; None is NULL."""
        return self._values[row_number][column_number]

    def error_field(self, fieldcode: int) -> bytes | None:
        """Return a field of a report."""
        return self._fields[fieldcode]


class PGconn:
    """libpq's functions on a connection of psycopg2, as psycopg 3 has them."""

    def __init__(self, connection: "psycopg2.extensions.connection") -> None:
        self._connection = connection
        # What does not fit into the socket's buffer is not waited for without an end either.
        _libpq.PQsetnonblocking(self._address, 1)

    @property
    def _address(self) -> int:
        """Where it is; a connection that was closed has none."""
        address = self._connection.pgconn_ptr
        if not address:
            raise psycopg2.InterfaceError("the connection to PostgreSQL is closed")
        return int(address)

    @property
    def socket(self) -> int:
        """The socket's number."""
        return self._connection.fileno()

    @property
    def host(self) -> bytes:
        """The host as it was named."""
        return _libpq.PQhost(self._address) or b""

    @property
    def hostaddr(self) -> bytes:
        """The host's address."""
        return _libpq.PQhostaddr(self._address) or b""

    @property
    def backend_pid(self) -> int:
        """The number of the server's process, as it was told at the beginning."""
        return self._connection.get_backend_pid()

    def send_query(self, command: bytes) -> None:
        """Send statements."""
        _must(_libpq.PQsendQuery(self._address, command))

    def send_query_params(
        self,
        command: bytes,
        param_values: Sequence[bytes | None] | None,
        param_types: Sequence[int] | None = None,
        param_formats: Sequence[int] | None = None,
        result_format: int = TEXT,
    ) -> None:
        """Send one statement and its arguments."""
        count, *arguments = _arguments(param_values, param_formats)
        _must(
            _libpq.PQsendQueryParams(
                self._address, command, count, None, *arguments, result_format
            )
        )  # fmt: skip

    def send_prepare(self, name: bytes, command: bytes) -> None:
        """Have a statement prepared."""
        _must(_libpq.PQsendPrepare(self._address, name, command, 0, None))

    def send_query_prepared(
        self,
        name: bytes,
        param_values: Sequence[bytes | None] | None,
        param_formats: Sequence[int] | None = None,
        result_format: int = TEXT,
    ) -> None:
        """Send the arguments of a statement that was prepared."""
        arguments = _arguments(param_values, param_formats)
        _must(_libpq.PQsendQueryPrepared(self._address, name, *arguments, result_format))

    def flush(self) -> int:
        """Send what is queued; 0 once nothing is left."""
        left: int = _libpq.PQflush(self._address)
        _must(left >= 0)
        return left

    def consume_input(self) -> None:
        """Take what has come."""
        _must(_libpq.PQconsumeInput(self._address))

    def is_busy(self) -> int:
        """Say whether a result is still on the way."""
        busy: int = _libpq.PQisBusy(self._address)
        return busy

    def get_result(self) -> Result | None:
        """Return the next result; None once the server is ready again."""
        result = _libpq.PQgetResult(self._address)
        return Result(result) if result else None


class Connection:
    """A connection of psycopg2 as the wire takes it; it belongs to one store."""

    Error: type[Exception] = psycopg2.Error

    def __init__(self, connection: "psycopg2.extensions.connection") -> None:
        self.own = connection
        # Before the first look at it: a transaction that it is in is not the store's.
        connection.autocommit = True
        self.pgconn = PGconn(connection)
        self._number = next(_numbers)

    def __del__(self) -> None:
        _hearing.pop(self._number, None)

    @property
    def closed(self) -> bool:
        """Whether it was closed, here or by the driver."""
        return bool(self.own.closed)

    def close(self) -> None:
        """Close it, if it is open."""
        with contextlib.suppress(psycopg2.Error):
            self.own.close()

    def cursor(self) -> "psycopg2.extensions.cursor":
        """Return a cursor of the driver's, of the kind that the caller's connections have."""
        return self.own.cursor()

    def add_notice_handler(self, callback: Callable[[Any], None]) -> None:
        """Let somebody hear what the server says; the driver hears no more of it."""
        _hearing[self._number] = callback
        _libpq.PQsetNoticeReceiver(self.pgconn._address, _receive, self._number)

    def cancel_safe(self, *, timeout: float) -> None:
        """Have the server end what it does, in a thread: libpq may wait long for a silent host."""
        cancel = _libpq.PQgetCancel(self.pgconn._address)
        _must(cancel)
        is_done = []

        def run() -> None:
            try:
                is_done.append(_libpq.PQcancel(cancel, ctypes.create_string_buffer(256), 256))
            finally:
                _libpq.PQfreeCancel(cancel)

        _start_thread(run)
        until = time.monotonic() + timeout
        while not is_done and time.monotonic() < until:
            time.sleep(0.002)
        _must(is_done and is_done[0])


def _start_thread(run: Callable[[], None]) -> None:
    """Run in a thread of the system's: a greenlet of gevent's would hold up all the others."""
    patched = sys.modules.get("gevent.monkey")
    if patched is None:
        threading.Thread(target=run, daemon=True).start()
    else:
        patched.get_original("_thread", "start_new_thread")(run, ())


def _must(done: object) -> None:
    """Raise where libpq says that it could not: the connection is lost."""
    if not done:
        raise psycopg2.OperationalError("the connection to PostgreSQL was lost")


def _arguments(
    values: Sequence[bytes | None] | None, formats: Sequence[int] | None
) -> tuple[Any, ...]:
    """Return count, values, lengths and formats as libpq takes them."""
    given = list(values or ())
    count = len(given)
    lengths = [0 if value is None else len(value) for value in given]
    return (
        count,
        (c_char_p * count)(*given),
        (c_int * count)(*lengths),
        (c_int * count)(*(formats or [TEXT] * count)),
    )


def _value(result: int, row: int, column: int) -> bytes | None:
    if _libpq.PQgetisnull(result, row, column):
        return None
    length = _libpq.PQgetlength(result, row, column)
    return ctypes.string_at(_libpq.PQgetvalue(result, row, column), length)
