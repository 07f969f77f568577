"""What is written down beside the engine's own cells: rows of signatures, and what was sent.

No decision reads it. A row of a signature stands in the commit that writes its record; all else is
written after the engine's answer, and changes none where it fails.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import otp_engine as otp

from . import signed_record
from .gateway import SendResult

_TABLES = (
    """CREATE TABLE IF NOT EXISTS otp_signature (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation text NOT NULL UNIQUE,
    record text NOT NULL,
    image bytea)""",
    """CREATE TABLE IF NOT EXISTS otp_redirect (
    generation text PRIMARY KEY,
    url text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now())""",
)
# Two that make a table at once would meet in PostgreSQL's own catalogue.
_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(7310851241067544941)"
_SIGNED = "INSERT INTO otp_signature (generation, record, image) VALUES (%s, %s, %s) RETURNING id"
_ROW_OF = "SELECT id, image FROM otp_signature WHERE generation = %s AND record = %s"
# No code lives so long.
_OVER = "DELETE FROM otp_redirect WHERE asked_at < now() - interval '8 days'"
_ASKED = """INSERT INTO otp_redirect (generation, url) VALUES (%s, %s)
ON CONFLICT (generation) DO UPDATE SET url = EXCLUDED.url"""
_NOT_ASKED = "DELETE FROM otp_redirect WHERE generation = %s"
_URL_OF = "SELECT url FROM otp_redirect WHERE generation = %s"


class Row(Protocol):
    """What writes the row of a signature, once for each Verify.

    A store calls it with its cursor and the write of the record, inside the commit. What it raises
    undoes that commit, and the code is not used up. A lost race may call it again.
    """

    signature_id: int | None
    """The row's id, once it is written."""

    def __call__(self, cursor: Any, write: otp.Write) -> object:
        """Write the row."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The row of a signature."""

    signature_id: int
    """Its id."""
    image: bytes | None = field(default=None, repr=False)
    """The captured signature, if one was given and is not erased."""


class Journal:
    """Writes nothing down; subclass it. Its calls come from any thread, outside all transactions.

    ``events`` are what the engine told meanwhile: none without ``observer=events.hear``.
    """

    def row(self, image: bytes | None) -> Row | None:
        """Return what writes the row of a signature that may be made now; None for no row."""
        return None

    def row_of(self, record: otp.SignatureRecord) -> Kept | None:
        """Return the row of a record; None, where there is none, is a failure.

        By default the signature's id is the record's place among those of its field.
        """
        return Kept(record.sequence)

    def issued(
        self,
        binding: otp.Binding,
        issued: otp.Issued,
        events: Sequence[otp.Event],
        redirect_url: str | None,
    ) -> str:
        """Write down a code that is sent, perhaps again, but never the code.

        It comes before the message leaves, and once more where another request or a queue sends it
        in place of the one that died. Challenge, number of the send and place are what a queue of
        the host's needs for ``Signing.deliver``. Return the URL at which the delivery receipt is
        awaited, or "".
        """
        return ""

    def delivered(self, challenge_id: str, said: SendResult, events: Sequence[otp.Event]) -> None:
        """Write down what the gateway said of the latest message."""

    def heard(self, events: Sequence[otp.Event]) -> None:
        """Write down what came of a Verify, or of a Send that was refused."""

    def redirect_url(self, challenge_id: str) -> str | None:
        """Return where the client goes after signing, as it was asked when the code was sent."""
        return None


class SqlJournal(Journal):
    """Two tables in PostgreSQL, for hosts without tables of their own; ``migrate`` makes them.

    ``connect`` returns a connection of psycopg 2 or 3, which is closed after each use: a pool's
    must return itself then. The store must call a row inside its commits, and be in the database
    of the tables. Both are in the schema that is first in the ``search_path``.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect

    def row(self, image: bytes | None) -> Row:
        """Return what writes the row of a signature, with its image."""
        return _SqlRow(image)

    def row_of(self, record: otp.SignatureRecord) -> Kept | None:
        """Return the row of a record."""
        challenge_id = signed_record.payload(record.jws)["otp"]["id"]
        found = self._do((_ROW_OF, [challenge_id, record.jws]))
        if found is None:
            return None
        return Kept(found[0], None if found[1] is None else bytes(found[1]))

    def issued(
        self,
        binding: otp.Binding,
        issued: otp.Issued,
        events: Sequence[otp.Event],
        redirect_url: str | None,
    ) -> str:
        """Write down where the client goes after signing; no receipt is awaited."""
        named = [issued.challenge_id]
        if redirect_url is not None:
            self._do((_OVER, []), (_ASKED, [*named, redirect_url]))
        elif issued.send > 1:
            self._do((_NOT_ASKED, named))
        return ""

    def redirect_url(self, challenge_id: str) -> str | None:
        """Return where the client goes after signing."""
        found = self._do((_URL_OF, [challenge_id]))
        return None if found is None else str(found[0])

    def _do(self, *statements: tuple[str, list[Any]]) -> Any:
        """Run statements in a transaction; return the first row of the last one that has rows."""
        found, connection = None, self._connect()
        try:
            with _naming_what_is_missing(), connection.cursor() as cursor:
                for sql, values in statements:
                    cursor.execute(sql, values)
                    found = cursor.fetchone() if cursor.description else None
            connection.commit()
        finally:
            connection.close()
        return found


@contextmanager
def _naming_what_is_missing() -> Iterator[None]:
    """Say of a table that is not there how it is made."""
    try:
        yield
    except Exception as error:
        # Psycopg 3 calls it otherwise than psycopg 2.
        if "42P01" in (getattr(error, "sqlstate", None), getattr(error, "pgcode", None)):
            raise LookupError(
                "the tables otp_signature and otp_redirect are not in the search_path; make them "
                "once, as a role that may create tables: python -m otp_engine.esms.setup "
                '"dbname=NAME" KEYS'
            ) from error
        raise


class _SqlRow:
    """Writes the row of one signature."""

    def __init__(self, image: bytes | None) -> None:
        self._image = image
        self.signature_id: int | None = None

    def __call__(self, cursor: Any, write: otp.Write) -> None:
        jws, _disclosures = signed_record.stored(write.body)
        challenge_id = signed_record.payload(jws)["otp"]["id"]
        with _naming_what_is_missing():
            cursor.execute(_SIGNED, [challenge_id, jws, self._image])
        self.signature_id = cursor.fetchone()[0]


def migrate(connection: Any) -> None:
    """Make the tables of ``SqlJournal`` and commit; tables that are there are left as they are.

    ``connection`` is of psycopg 2 or 3, of a role that may create tables; the host's own may
    insert, read, update and delete.
    """
    with connection.cursor() as cursor:
        for statement in (_ONE_BY_ONE, *_TABLES):
            cursor.execute(statement)
    connection.commit()
