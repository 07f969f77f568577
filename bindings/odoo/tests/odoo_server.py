"""Starts real Odoo servers and runs its commands, as the runner configured them."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import requests

#: Set by `cargo xtask odoo --test`.
CONF = "OTP_ODOO_CONF"
SCRIPT = "OTP_ODOO_SCRIPT"
TEMPLATE = "OTP_ODOO_TEMPLATE"
DATA = "OTP_ODOO_DATA"
PG_BIN = "OTP_ODOO_PG_BIN"
#: Where the planted faults of a server are armed.
FAULTS = "ESMS_OTP_FAULTS"
READY = 300.0


def free_port():
    """Return a port that nobody listens on, from below those that the kernel lends to connections.

    One of these could take the port while the server starts, even the one that asks for it.
    """
    lent = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest_lent = int(lent.read_text().split()[0]) if lent.exists() else 32768
    for port in random.sample(range(10000, max(lowest_lent, 11000)), 1000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def command(*arguments):
    """Return the command line of an Odoo command."""
    return [sys.executable, os.environ[SCRIPT], *arguments]


def run(*arguments, check=True):
    """Run an Odoo command to its end and return what it did."""
    done = subprocess.run(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout[-20000:]
    return done


def postgres(program, *arguments):
    """Run a PostgreSQL client program on the cluster of the tests and return what it prints."""
    where = ["-h", os.environ["PGHOST"], "-p", os.environ["PGPORT"], "-U", os.environ["PGUSER"]]
    path = Path(os.environ[PG_BIN]) / program
    done = subprocess.run([path, *where, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Database:
    """A copy of a database, with its files."""

    def __init__(self, name, template=None):
        self.name = name
        self.drop()
        source = template or os.environ[TEMPLATE]
        postgres("createdb", "-T", source, name)
        store = Path(os.environ[DATA]) / "filestore"
        if (store / source).exists():
            shutil.copytree(store / source, store / name)

    def drop(self):
        """Drop it, whoever is connected."""
        postgres("dropdb", "--if-exists", "--force", self.name)
        shutil.rmtree(Path(os.environ[DATA]) / "filestore" / self.name, ignore_errors=True)

    def connect(self):
        """Open a connection that commits each statement."""
        connection = psycopg2.connect(
            host=os.environ["PGHOST"],
            port=os.environ["PGPORT"],
            user=os.environ["PGUSER"],
            dbname=self.name,
        )
        connection.autocommit = True
        return connection

    def query(self, sql, *values):
        """Return the rows of a query, or nothing for a statement without any."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def dump(self):
        """Return the whole database as SQL text."""
        return postgres("pg_dump", self.name)


class Server:
    """A prefork server on one database."""

    def __init__(self, database, folder, *options, workers=4, environment=None):
        self.database = database
        self.folder = Path(folder)
        self.faults = self.folder / "faults"
        self.faults.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "odoo.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        line = command(
            "-c", os.environ[CONF], "-d", database.name, "--db-filter", f"^{database.name}$",
            "--http-port", str(self.port), "--gevent-port", str(free_port()),
            "--workers", str(workers), "--max-cron-threads", "0", *options,
        )  # fmt: skip
        environment = {**os.environ, **(environment or {}), FAULTS: str(self.faults)}
        with self.log.open("ab") as log:
            # It ends with the tests, however these end.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *line],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._wait()

    def _wait(self):
        end = time.monotonic() + READY
        while True:
            assert self._process.poll() is None, self.text()[-4000:]
            try:
                if requests.get(f"{self.url}/web/health", timeout=5).ok:
                    return
            except requests.RequestException:
                pass
            assert time.monotonic() < end, self.text()[-4000:]
            time.sleep(0.1)

    def stop(self):
        """End the server and all its workers."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)

    def text(self):
        """Return the log."""
        return self.log.read_text(errors="replace")

    def arm(self, fault, times=1):
        """Let a fault strike so many times."""
        for number in range(times):
            (self.faults / f"{fault}.{number}").touch()

    def armed(self):
        """Return the faults that did not strike."""
        return sorted(path.name for path in self.faults.iterdir() if path.suffix)

    def runs(self, what="runs"):
        """Return the path and process of every run so far of a handler, or of the `hooks`."""
        runs = self.faults / what
        return [line.split() for line in runs.read_text().splitlines()] if runs.exists() else []
