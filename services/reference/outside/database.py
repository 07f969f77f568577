"""A database of a test's own, on the private cluster that the runner started."""

import os
import subprocess
from urllib.parse import quote


class Database:
    """A database; the cluster goes with the run, and so does this."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.drop()
        _run("createdb", name)
        self.url = address() + name

    def drop(self) -> None:
        """Drop it, whoever is connected."""
        _run("dropdb", "--if-exists", "--force", self.name)

    def number(self, query: str) -> int:
        """Return the one number that a query gives."""
        return int(_run("psql", "--no-psqlrc", "-At", "-d", self.name, "-c", query))

    def records(self) -> int:
        """Return how many signature records the store holds: by how their cells begin."""
        begin = "substr(body, 1, 4) = '\\x0165794a'"
        return self.number(f"SELECT count(*) FROM otp_engine.otp_cell WHERE {begin}")


def address() -> str:
    """Return the address of the databases, less their names."""
    host, user = os.environ["PGHOST"], os.environ["PGUSER"]
    return f"postgres://{user}@{quote(host, safe='')}/"


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
