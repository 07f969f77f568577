"""Servers of one test's own, in a folder of its own, and a proxy that loses what it is told to."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE = 120
_OWNER = "postgres"


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    """Ask again and again; only a machine that hangs takes so long."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, f"still not so: {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def own_folder() -> Iterator[pathlib.Path]:
    """A folder whose path is short, as that of a socket must be; in memory, where there is room.

    Thousands of flushes of a disk are not what is tested here.
    """
    memory = pathlib.Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 29
    with tempfile.TemporaryDirectory(prefix="otp-", dir=memory if has_room else "/tmp") as made:
        yield pathlib.Path(made)


def _mortal(*command: str, owner: str | None = None) -> list[str]:
    """A command whose process the kernel kills when the thread that started it is gone."""
    start = ["setpriv", "--pdeathsig", "KILL"]
    if owner is not None and os.geteuid() == 0:  # PostgreSQL refuses root
        start += ["--reuid", owner, "--regid", owner, "--init-groups"]
    return [*start, *command]


class Server:
    """A process that is started, killed and started again."""

    def __init__(self, folder: pathlib.Path, *settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Any:
        self.resume()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.kill()

    @property
    def socket(self) -> pathlib.Path:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self, process: int) -> bool:
        raise NotImplementedError

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def resume(self) -> None:
        assert self.process is None, "the server runs"
        with open(self.folder / "log", "ab") as log:
            started = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.process = started

        def ready() -> bool:
            assert started.poll() is None, f"the server ended:\n{self.log()}"
            return self.is_ready(started.pid)

        wait_until("the server is ready", ready)

    def kill(self) -> None:
        """Kill all of its processes (`kill -9`)."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None
        # A killed server leaves its socket: who finds it must not take it for the next one's.
        self.socket.unlink(missing_ok=True)


class PostgresServer(Server):
    """An empty cluster whose superuser `otp` needs no password."""

    def __init__(self, folder: pathlib.Path, *settings: str) -> None:
        super().__init__(folder, *settings)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_OWNER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        made = subprocess.run(
            _mortal(
                _program("initdb"), "--username=otp", "--auth=trust", "--encoding=UTF8",
                "--locale=C", "--no-sync", "--no-instructions", "--wal-segsize=1",
                "-D", str(folder / "data"), owner=_OWNER,
            ),
            capture_output=True, text=True,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / ".s.PGSQL.5432"

    @property
    def address(self) -> str:
        return self.address_at(self.folder)

    @staticmethod
    def address_at(folder: pathlib.Path) -> str:
        return f"host={folder} user=otp dbname=postgres"

    def command(self) -> list[str]:
        settings = [
            "listen_addresses=", "shared_buffers=16MB",
            f"unix_socket_directories={self.folder}", *self.settings,
        ]  # fmt: skip
        each = [word for setting in settings for word in ("-c", setting)]
        program = _program("postgres")
        return _mortal(program, "-D", str(self.folder / "data"), *each, owner=_OWNER)

    def is_ready(self, process: int) -> bool:
        """The postmaster says so in a file, which may still be that of one that was killed."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(process) and lines[7].strip() in _READY

    def kill(self) -> None:
        assert self.process is not None
        own = self.process.pid
        # Held still, it neither makes children nor begins anew when one of them is gone.
        os.kill(own, signal.SIGSTOP)
        wait_until("the postmaster holds still", lambda: _stat(own)[0] in "TtZX")
        children = [
            int(entry.name)
            for entry in pathlib.Path("/proc").iterdir()
            if entry.name.isdigit() and _stat(int(entry.name))[1] == own
        ]
        for process in [*children, own]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        super().kill()
        wait_until("its children are gone", lambda: all(_stat(it)[0] in "ZX" for it in children))


_READY = ("ready", "standby")


class Pooler(Server):
    """PgBouncer, which shares few sessions of a server among many clients."""

    def __init__(self, folder: pathlib.Path, server: PostgresServer, mode: str, most: int) -> None:
        super().__init__(folder)
        ini = f"""[databases]
            * = host={server.folder}
            [pgbouncer]
            listen_addr =
            listen_port = 5432
            unix_socket_dir = {folder}
            auth_type = trust
            auth_file = {folder}/users
            pool_mode = {mode}
            default_pool_size = {most}
            max_client_conn = 200
            server_login_retry = 1"""
        (folder / "ini").write_text("\n".join(line.strip() for line in ini.splitlines()))
        (folder / "users").write_text('"otp" ""\n')
        if os.geteuid() == 0:  # PgBouncer refuses root
            owner = pwd.getpwnam(_OWNER)
            for path in (folder, folder / "ini", folder / "users"):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / ".s.PGSQL.5432"

    @property
    def address(self) -> str:
        return PostgresServer.address_at(self.folder)

    def command(self) -> list[str]:
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert program is not None, "PgBouncer is not installed: apt-get install pgbouncer"
        return _mortal(program, str(self.folder / "ini"), owner=_OWNER)

    def is_ready(self, process: int) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as to:
                to.connect(str(self.socket))
                return True
        except OSError:
            return False


class RedisServer(Server):
    """A server that keeps what it answered: append-only, flushed always, nothing evicted."""

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / "redis.sock"

    @property
    def address(self) -> str:
        return str(self.socket)

    def command(self) -> list[str]:
        return _mortal(
            "redis-server", "--port", "0", "--save", "", "--appendonly", "yes",
            "--appendfsync", "always", "--maxmemory-policy", "noeviction",
            "--dir", str(self.folder), "--unixsocket", str(self.socket), *self.settings,
        )  # fmt: skip

    def is_ready(self, process: int) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as to:
                to.connect(self.address)
                to.sendall(b"PING\r\n")
                return to.recv(5) == b"+PONG"
        except OSError:
            return False


def _program(name: str) -> str:
    """Return the program of the newest PostgreSQL that is installed."""
    found = sorted(
        (int(path.parts[-3]), str(path))
        for path in pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    )
    path = found[-1][1] if found else shutil.which(name)
    assert path is not None, "PostgreSQL is not installed: apt-get install postgresql"
    return path


def _stat(process: int) -> tuple[str, int]:
    """Return state and parent of a process; X where it is gone."""
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


class Proxy:
    """Passes all on between clients and a server, but for what it was told to lose next."""

    def __init__(self, at: pathlib.Path, server: pathlib.Path) -> None:
        self.server = server
        self.round_trips = 0
        self._fate = ""
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(at))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for each in [self._listener, *self._sockets]:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def lose(self, what: str) -> None:
        """Of the next messages lose one: `reply`, `request`, or `answer` without a cut."""
        with self._lock:
            self._fate = what

    def _takes(self, *fates: str) -> str:
        with self._lock:
            taken, self._fate = (self._fate, "") if self._fate in fates else ("", self._fate)
        return taken

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.server))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            asks = [False]
            for way in ((client, server, True, asks), (server, client, False, asks)):
                threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket, asks: bool, last: list[bool]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if asks and not last[0]:
                    self.round_trips += 1
                last[0] = asks
                fate = self._takes("request") if asks else self._takes("reply", "answer")
                if fate == "answer":
                    continue
                if fate:
                    break
                to.sendall(data)
        for each in (source, to):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
