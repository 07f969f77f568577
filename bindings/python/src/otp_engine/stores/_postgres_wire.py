"""One question to PostgreSQL and its answer, waited for a limited time.

By libpq's own functions, as psycopg 3 wraps them, and ``_psycopg2_connection`` for psycopg2: a
cursor would wait for ever for a server that is silent, and its errors quote rows. What is sent here
runs in autocommit, whatever the connection is set to, unless a transaction is begun here.
"""

import contextlib
import selectors
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

TEXT, BINARY = 0, 1
BYTEA, BIGINT = 17, 20
_DONE = (1, 2)
"""The statuses of a result without and with rows."""
SEVERITY, SQLSTATE, MESSAGE = ord("V"), ord("C"), ord("M")
"""Fields of a report; the severity is that which is not translated."""


class PGresult(Protocol):
    """What is read of a result."""

    @property
    def status(self) -> int:
        """What kind of result it is."""

    @property
    def ntuples(self) -> int:
        """How many rows it has."""

    @property
    def nfields(self) -> int:
        """How many columns it has."""

    @property
    def command_status(self) -> bytes | None:
        """Which command was run."""

    @property
    def command_tuples(self) -> int | None:
        """How many rows were changed."""

    def get_value(self, row_number: int, column_number: int) -> bytes | None:
        """Return a value; None is NULL."""

    def error_field(self, fieldcode: int) -> bytes | None:
        """Return a field of a report."""


class PGconn(Protocol):
    """What is called of libpq; each raises an ``Error`` of the connection's."""

    @property
    def socket(self) -> int:
        """The socket's number."""

    @property
    def host(self) -> bytes:
        """The host as it was named."""

    @property
    def hostaddr(self) -> bytes:
        """The host's address."""

    @property
    def backend_pid(self) -> int:
        """The number of the server's process, as it was told at the beginning."""

    def send_query(self, command: bytes) -> None:
        """Send statements."""

    def send_query_params(
        self,
        command: bytes,
        param_values: Sequence[bytes | None] | None,
        param_types: Sequence[int] | None = None,
        param_formats: Sequence[int] | None = None,
        result_format: int = TEXT,
    ) -> None:
        """Send one statement and its arguments."""

    def send_prepare(self, name: bytes, command: bytes) -> None:
        """Have a statement prepared."""

    def send_query_prepared(
        self,
        name: bytes,
        param_values: Sequence[bytes | None] | None,
        param_formats: Sequence[int] | None = None,
        result_format: int = TEXT,
    ) -> None:
        """Send the arguments of a statement that was prepared."""

    def flush(self) -> int:
        """Send what is queued; 0 once nothing is left."""

    def consume_input(self) -> None:
        """Take what has come."""

    def is_busy(self) -> int:
        """Say whether a result is still on the way."""

    def get_result(self) -> PGresult | None:
        """Return the next result; None once the server is ready again."""


class Connection(Protocol):
    """What is needed of a connection: psycopg 3's has it, and psycopg2's is given it."""

    @property
    def Error(self) -> type[Exception]:
        """The driver's errors."""

    @property
    def closed(self) -> bool:
        """Whether it was closed here, or was found lost."""

    @property
    def pgconn(self) -> PGconn:
        """libpq's connection."""

    def close(self) -> None:
        """Close it, if it is open."""

    def cancel_safe(self, *, timeout: float) -> None:
        """Have the server end what it does for it."""

    def add_notice_handler(self, callback: Callable[[Any], None]) -> None:
        """Let somebody hear what the server says beside its results."""


class Fault(Exception):
    """What a statement failed by: a report of the server's, or the end of the connection.

    Nothing but the SQLSTATE and the first line is told of a report: the rest may quote a row.
    """

    def __init__(self, text: str, code: str = "", *, is_last: bool = True) -> None:
        super().__init__(text)
        self.code = code
        #: Nothing comes after it on this connection.
        self.is_last = is_last

    @property
    def is_conflict(self) -> bool:
        """Whether another commit was first."""
        return not self.is_last and self.code in CONFLICT

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone, so that another one may fare better."""
        return self.is_last or self.code.startswith(CONNECTION)

    @property
    def is_unknown(self) -> bool:
        """Whether what it was about may have been made."""
        return self.is_lost or self.code == "40003"

    @property
    def leaves_connection_sound(self) -> bool:
        """Whether the connection is as good as before."""
        return not self.is_last and self.code in CONFLICT + SOUND


class Silence(Fault):
    """No answer came in time; perhaps what it was about was ended at the server since."""

    is_unknown = True

    @property
    def leaves_connection_sound(self) -> bool:
        """Whether the server has nothing left to say."""
        return not self.is_last


# The division by zero is that of the commit's own statement: two inserted one row.
CONFLICT = ("22012", "40001", "40P01")
SOUND = ("53100", "55P03", "57014", "23001")
#: The class of SQLSTATEs about the connection itself.
CONNECTION = "08"
#: How long a server may take to end what was cancelled, in seconds.
LAST_WORDS = 2.0


def ask(
    connection: Connection,
    send: Callable[[PGconn], None],
    until: float,
    forgiven: str = "",
) -> PGresult:
    """Send, and return the first result once the server is ready again.

    Raises a Fault, but not for a report with the SQLSTATE that is forgiven. What is overdue is
    cancelled at the server: its outcome is not known even so. Where the server does not end it, the
    connection is closed.
    """
    pgconn = connection.pgconn
    try:
        send(pgconn)
        results = _results(pgconn, until)
    except connection.Error as error:
        raise Fault("the connection to PostgreSQL was lost") from error
    except BaseException as error:
        has_ended = False
        try:
            has_ended = _cancel(connection)
            if isinstance(error, Silence):
                error.is_last = not has_ended
        finally:
            if not has_ended:
                connection.close()  # the answer may still come: it is not the next question's
        raise
    # The commit of a statement comes after its result, and may fail.
    for result in results:
        if result.status not in _DONE:
            fault = _reported(result)
            if not forgiven or fault.code != forgiven:
                raise fault
    if not results:
        raise Fault("the connection to PostgreSQL was lost")
    return results[0]


def query(
    text: bytes, arguments: Sequence[bytes] = (), how: int = TEXT
) -> Callable[[PGconn], None]:
    """Return what sends a statement without a name."""

    def send(to: PGconn) -> None:
        formats = [how] * len(arguments)
        to.send_query_params(text, [*arguments], param_formats=formats, result_format=how)

    return send


@contextlib.contextmanager
def transaction(connection: Connection, begin: bytes, until: Callable[[], float]) -> Iterator[None]:
    """Begin a transaction so, and commit it unless something is raised in it."""
    ask(connection, lambda to: to.send_query(begin), until())
    try:
        yield
    except BaseException as error:
        if not (isinstance(error, Fault) and error.is_lost):
            roll_back(connection, until())
        raise
    if ask(connection, lambda to: to.send_query(b"COMMIT"), until()).command_status != b"COMMIT":
        # It had failed before, and is undone.
        raise Fault("PostgreSQL refused a transaction, not its statement", "25P02", is_last=False)


def roll_back(connection: Connection, until: float) -> None:
    try:
        ask(connection, lambda to: to.send_query(b"ROLLBACK"), until)
    except Fault:
        connection.close()  # which undoes it too


def _cancel(connection: Connection) -> bool:
    """Have the server end what it does for this connection; say whether it has, after a while."""
    until = time.monotonic() + LAST_WORDS
    with contextlib.suppress(connection.Error, OSError, Fault):
        connection.cancel_safe(timeout=LAST_WORDS)
        _results(connection.pgconn, until)
        return True
    return False


def turn(parameters: dict[str, Any], silent: str) -> bool:
    """Put the first host behind the others where it is the one that fell silent.

    Hosts, addresses and ports are lists with commas, as libpq has them.
    """
    names = [name for name in ("host", "hostaddr", "port") if "," in str(parameters.get(name, ""))]
    lists = {name: str(parameters[name]).split(",") for name in names}
    if silent not in (lists.get(name, [""])[0] for name in ("host", "hostaddr")):
        return False
    for name, items in lists.items():
        parameters[name] = ",".join([*items[1:], items[0]])
    return True


def is_cut(connection: Connection) -> bool:
    """Say whether the server has ended the connection while nobody used it."""
    try:
        # Its last words come first, its end after them.
        for _ in range(2):
            connection.pgconn.consume_input()
            connection.pgconn.is_busy()
    except connection.Error:
        return True
    return connection.closed


def array(kind: int, items: Sequence[bytes | int | None]) -> bytes:
    """Encode an array of one dimension in the binary format."""
    has_null = any(item is None for item in items)
    if not items:
        return struct.pack(">iiI", 0, 0, kind)
    parts = [struct.pack(">iiIii", 1, has_null, kind, len(items), 1)]
    for item in items:
        if item is None:
            parts.append(struct.pack(">i", -1))
            continue
        data = bigint(item) if isinstance(item, int) else item
        parts += [struct.pack(">i", len(data)), data]
    return b"".join(parts)


def bigint(number: int) -> bytes:
    """Encode a number in the binary format."""
    return struct.pack(">q", number)


def _results(pgconn: PGconn, until: float) -> list[PGresult]:
    results: list[PGresult] = []
    with selectors.DefaultSelector() as selector:
        is_sent = pgconn.flush() == 0
        wanted = selectors.EVENT_READ | (0 if is_sent else selectors.EVENT_WRITE)
        selector.register(pgconn.socket, wanted)
        while True:
            while not is_sent or pgconn.is_busy():
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise Silence("PostgreSQL did not answer in time")
                pgconn.consume_input()
                if not is_sent and pgconn.flush() == 0:
                    is_sent = True
                    selector.modify(pgconn.socket, selectors.EVENT_READ)
            result = pgconn.get_result()
            if result is None:
                return results
            results.append(result)


def _reported(result: PGresult) -> Fault:
    def field(which: int) -> str:
        return (result.error_field(which) or b"").decode("utf-8", "replace")

    code = field(SQLSTATE)
    if not code:
        return Fault("the connection to PostgreSQL was lost")
    message = field(MESSAGE)
    is_last = field(SEVERITY) != "ERROR"
    return Fault(f"PostgreSQL reports {code}: {message}", code, is_last=is_last)
