"""Readies a table of signatures from before the engine: two columns, and a digest of what is old.

``python -m otp_engine.esms.migrate_old "dbname=bank" old_signature --dry-run`` checks and tells,
and changes nothing. Without ``--dry-run`` it adds the columns ``otp_record_id`` and ``otp_record``,
which have no default: rows with a record are new, rows without are old. No row is written, and none
is ever given a record: the engine signs what it saw alone. The digest is of the old rows as they
are: once an officer has signed it, no old row can be changed unnoticed.
"""

import argparse
import contextlib
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

try:
    import psycopg2
    from psycopg2 import sql
except ImportError as error:
    raise ImportError(
        "otp_engine.esms.migrate_old needs psycopg2: pip install psycopg2-binary"
    ) from error

COLUMNS = ("otp_record_id", "otp_record")
_FIND = """SELECT n.nspname, c.relname, c.relkind IN ('r', 'p'),
    has_table_privilege(c.oid, 'SELECT'), pg_has_role(c.relowner, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)"""
_COLUMNS = """SELECT attname, format_type(atttypid, NULL), attnotnull OR atthasdef
FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum"""
# The same text of a row for every role, machine and session.
_PLAIN = """SET LOCAL TimeZone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL extra_float_digits = 1"""
_IS_KEY = """SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a
    ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND i.indnkeyatts = 1 AND a.attname = %s)"""


@dataclass
class Findings:
    """What was found of a table, and done."""

    problems: list[str] = field(default_factory=list)
    """What must be put right first; nothing is changed while there is any."""
    columns: list[str] = field(default_factory=list)
    """The table's own columns, which the digest is of, in the order of their names."""
    added: list[str] = field(default_factory=list)
    """The columns that were added, or would be."""
    rows: int = 0
    """How many rows have no record."""
    digest: str = ""
    """The SHA-256 of these rows, in hexadecimal digits."""


def migrate(
    connection: Any,
    table: str,
    *,
    key: str = "id",
    dry_run: bool = False,
    listing: "TextIO | None" = None,
) -> Findings:
    """Check a table, take the digest of its old rows, and add the columns unless it is a dry run.

    One transaction of a psycopg2 connection, which is committed, or rolled back where nothing is to
    change. Writers wait from the digest on until the columns are there. ``listing`` gets a line of
    JSON for each old row: what the digest is of.
    """
    found = Findings()
    with connection, connection.cursor() as cursor:
        place = _checked(cursor, table, key, found)
        if place is None:
            return found
        if not dry_run:
            cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(place))
        there = {name for name, _, _ in _columns(cursor, table)}
        cursor.execute(_PLAIN)
        whole = hashlib.sha256()
        for line in _lines(connection, place, found.columns, key, COLUMNS[1] in there):
            whole.update(line.encode() + b"\n")
            found.rows += 1
            if listing is not None:
                listing.write(line + "\n")
        found.digest = whole.hexdigest()
        found.added = [name for name in COLUMNS if name not in there]
        if not dry_run:
            for name in found.added:
                change = sql.SQL("ALTER TABLE {} ADD COLUMN {} text")
                cursor.execute(change.format(place, sql.Identifier(name)))
    return found


def _checked(cursor: Any, table: str, key: str, found: Findings) -> "sql.Composable | None":
    """Return the table's full name if it is fit; write down what is wrong."""
    cursor.execute(_FIND, [table])
    row = cursor.fetchone()
    if row is None:
        found.problems.append(f"there is no table {table}")
        return None
    schema, name, is_table, may_read, is_owner = row
    columns = {name: (kind, is_filled) for name, kind, is_filled in _columns(cursor, table)}
    found.columns = sorted(columns.keys() - set(COLUMNS))
    cursor.execute(_IS_KEY, [table, key])
    (is_key,) = cursor.fetchone()
    fits = ("text", False), ("character varying", False)  # the latter is Odoo's Char
    others = [name for name in COLUMNS if columns.get(name, fits[0]) not in fits]
    for is_wrong, what in (
        (not is_table, f"{table} is no table"),
        (not may_read, f"the role may not read {table}"),
        (not is_owner, f"the role does not own {table}, and cannot add columns"),
        (key not in columns, f"{table} has no column {key}"),
        (key in columns and not is_key, f"{key} is no key of its own: a unique index is needed"),
        (others, f"{', '.join(others)}: there with another type, or a default or NOT NULL"),
    ):
        if is_wrong:
            found.problems.append(what)
    return None if found.problems else sql.Identifier(schema, name)


def _columns(cursor: Any, table: str) -> list[tuple[str, str, bool]]:
    cursor.execute(_COLUMNS, [table])
    rows: list[tuple[str, str, bool]] = cursor.fetchall()
    return rows


def _lines(
    connection: Any, place: sql.Composable, columns: list[str], key: str, has_record: bool
) -> Iterator[str]:
    """Write each row without a record as PostgreSQL writes it in JSON, in the order of the key."""
    members = sql.SQL(", ").join(
        part for name in columns for part in (sql.Literal(name), sql.Identifier(name))
    )
    query = sql.SQL(
        'SELECT json_build_object({})::text FROM {} {} ORDER BY {}::text COLLATE "C"'
    ).format(
        members,
        place,
        sql.SQL("WHERE otp_record IS NULL" if has_record else ""),
        sql.Identifier(key),
    )
    # By parts: a table of images is larger than memory.
    with connection.cursor("otp_old_signatures") as cursor:
        cursor.itersize = 100
        cursor.execute(query)
        for (line,) in cursor:
            yield line


def main(arguments: list[str] | None = None) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m otp_engine.esms.migrate_old", description=__doc__
    )
    parser.add_argument("database", help='how to connect as psycopg2 takes it: "dbname=bank"')
    parser.add_argument("table", help="the table of the old signatures")
    parser.add_argument("--key", default="id", help="its column with a unique index (id)")
    parser.add_argument("--dry-run", action="store_true", help="check and tell, change nothing")
    parser.add_argument("--list", metavar="FILE", help="write the old rows, a line of JSON each")
    given = parser.parse_args(arguments)
    try:
        with contextlib.ExitStack() as stack:
            listing = None
            if given.list:
                listing = stack.enter_context(open(given.list, "x", encoding="utf-8"))
            connection = stack.enter_context(contextlib.closing(psycopg2.connect(given.database)))
            found = migrate(
                connection, given.table, key=given.key, dry_run=given.dry_run, listing=listing
            )
    except (psycopg2.Error, OSError) as error:
        found = Findings([str(error).strip()])
    for problem in found.problems:
        print(f"migrate_old: {problem}", file=sys.stderr)
    if found.problems:
        return 1
    word = "would be added" if given.dry_run else "added"
    print(f"{word}: {', '.join(found.added) or 'nothing'}")
    print(f"old rows: {found.rows}")
    print(f"SHA-256 of {', '.join(found.columns)}: {found.digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
