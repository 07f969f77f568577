"""A host store over Python's own sqlite3: `python sqlite_host_store.py [FILE]` checks it."""

import argparse
import sqlite3
import sys
import threading

import otp_engine as otp

TABLE = """CREATE TABLE IF NOT EXISTS cell
(key BLOB PRIMARY KEY, version INTEGER NOT NULL, discard_after INTEGER, body BLOB NOT NULL)"""


class SqliteHostStore(otp.HostStore):
    """Keeps cells in a table; open one in each process."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._local = threading.local()  # a connection belongs to one thread

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            made = sqlite3.connect(self._path, timeout=60, isolation_level=None)
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("PRAGMA synchronous=FULL")  # what was used up stays so after a power cut
            made.execute(TABLE)
            self._local.connection = made
        connection: sqlite3.Connection = self._local.connection
        return connection

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        """Return the cell of each key, in order."""
        find = "SELECT version, discard_after, body FROM cell WHERE key = ?"
        rows = [self._connection().execute(find, (key,)).fetchone() for key in keys]
        return [None if row is None else otp.Cell(*row) for row in rows]

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        """Apply all writes if every version is as expected, or none."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")  # the lock before the look: nobody comes between
        try:
            cells = self.load([write.key for write in writes])
            found = [0 if cell is None else cell.version for cell in cells]
            fits = found == [write.expected for write in writes]
            if fits:
                rows = [(w.key, w.expected + 1, w.discard_after, w.body) for w in writes]
                connection.executemany("REPLACE INTO cell VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        return fits

    def purge(self, now: int, limit: int) -> int:
        """Drop at most so many cells whose end has passed."""
        old = "SELECT key FROM cell WHERE discard_after < ? LIMIT ?"
        drop = f"DELETE FROM cell WHERE discard_after < ? AND key IN ({old})"
        return self._connection().execute(drop, (now, now, min(limit, 2**62))).rowcount

    def has_cells(self) -> bool:
        """Say whether there is any cell."""
        row = self._connection().execute("SELECT EXISTS (SELECT 1 FROM cell)").fetchone()
        return bool(row[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run the suite of stores on an SQLite file.")
    parser.add_argument("file", nargs="?", default="cells.db", help="made if absent; %(default)s")
    report = SqliteHostStore(parser.parse_args().file).check()
    print(report.text)
    sys.exit(0 if report else 1)
