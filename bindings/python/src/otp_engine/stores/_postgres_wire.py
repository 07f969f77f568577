"""One question to PostgreSQL and its answer, waited for a limited time.

By libpq's own functions, as psycopg wraps them: a cursor would wait for ever for a server that is
silent, and its errors quote rows. What is sent here runs in autocommit, whatever the connection is
set to, unless a transaction is begun here.
"""

import contextlib
import selectors
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

TEXT, BINARY = 0, 1
BYTEA, BIGINT = 17, 20


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
    connection: "psycopg.Connection[Any]",
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
    except psycopg.Error as error:
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
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
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


def transact(
    connection: "psycopg.Connection[Any]",
    begin: bytes,
    send: Callable[[PGconn], None],
    until: float,
) -> PGresult:
    """Ask in a transaction that begins so, and commit it."""
    ask(connection, lambda to: to.send_query(begin), until)
    try:
        result = ask(connection, send, until)
    except Fault as fault:
        if not fault.is_lost:
            _roll_back(connection, until)
        raise
    if ask(connection, lambda to: to.send_query(b"COMMIT"), until).command_status != b"COMMIT":
        raise Fault("PostgreSQL refused a transaction, not its statement")
    return result


def _roll_back(connection: "psycopg.Connection[Any]", until: float) -> None:
    try:
        ask(connection, lambda to: to.send_query(b"ROLLBACK"), until)
    except Fault:
        connection.close()  # which undoes it too


def _cancel(connection: "psycopg.Connection[Any]") -> bool:
    """Have the server end what it does for this connection; say whether it has, after a while."""
    until = time.monotonic() + LAST_WORDS
    with contextlib.suppress(psycopg.Error, OSError, Fault):
        safely = getattr(connection, "cancel_safe", None)  # psycopg 3.2
        if safely is None:
            connection.cancel()
        else:
            safely(timeout=LAST_WORDS)
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


def is_cut(connection: "psycopg.Connection[Any]") -> bool:
    """Say whether the server has ended the connection while nobody used it."""
    try:
        # Its last words come first, its end after them.
        for _ in range(2):
            connection.pgconn.consume_input()
            connection.pgconn.is_busy()
    except psycopg.Error:
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
    def field(which: DiagnosticField) -> str:
        return (result.error_field(which) or b"").decode("utf-8", "replace")

    code = field(DiagnosticField.SQLSTATE)
    if not code:
        return Fault("the connection to PostgreSQL was lost")
    message = field(DiagnosticField.MESSAGE_PRIMARY)
    is_last = field(DiagnosticField.SEVERITY_NONLOCALIZED) != "ERROR"
    return Fault(f"PostgreSQL reports {code}: {message}", code, is_last=is_last)
