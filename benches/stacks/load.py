"""Loads our service and what teams run in its place, by turns, on one PostgreSQL.

Started by `cargo xtask bench --only peers`, which installs the peers, starts the database and reads
the rows that are printed. A code is asked for, read in the outbox and answered; every fifth gets a
wrong answer alone. Then come storms of answers.
"""

import argparse
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import psycopg

HERE = Path(__file__).resolve().parent
CONNECTIONS = 8
#: Of so many codes one gets a wrong answer and no other.
WRONG = 5
PATIENCE = 600.0
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Answer = tuple[int, Any]
Row = dict[str, Any]
T = TypeVar("T")


def tell(text: str) -> None:
    """Show how far it is."""
    print(text, file=sys.stderr, flush=True)


class Connection(http.client.HTTPConnection):
    """A connection that is kept; of one thread."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, timeout=PATIENCE)

    def post(self, path: str, body: str | dict[str, Any], headers: dict[str, str]) -> Answer:
        """Return status and body of an answer in JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.request("POST", path, text, headers)
        answer = self.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said[:1] == b"{" else {}


class Outbox:
    """The messages that a server wrote: the newest code of each recipient."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file, self._lock = path.open(), threading.Lock()
        self._rest, self._codes = "", dict[str, str]()

    def code(self, to: str) -> str:
        """Take the code that was sent to somebody."""
        with self._lock:
            if to not in self._codes:
                *lines, self._rest = (self._rest + self._file.read()).split("\n")
                for line in lines:
                    self._codes.update([message(line)])
            return self._codes.pop(to)


def message(line: str) -> tuple[str, str]:
    """Return the recipient and the code of a line of an outbox."""
    said = json.loads(line)
    found = re.search(r"\b\d{6}\b", said["msg"])
    assert found, "a message without a code"
    return said["to"], found[0]


def other(code: str, number: int = 0) -> str:
    """Return the number-th code that is not this one."""
    return str((int(code) + 1 + number) % 10 ** len(code)).zfill(len(code))


# ---- what is loaded ------------------------------------------------------------------------------


class Stack:
    """A server with a database of its own.

    `verify` returns "accepted", "compared" (and wrong), "refused" (not compared), or what came.
    """

    name: str
    #: So many wrong answers may be compared.
    limit: int
    more: Mapping[str, str] = MappingProxyType({})

    def __init__(self, number: int, options: argparse.Namespace) -> None:
        self.options, self.port, self.numbers = options, free_port(), count(1000)
        self.folder: Path = options.home / f"stack-{number}"
        self.folder.mkdir()
        self.outbox = Outbox(self.folder / "outbox")
        self.database = f"stack_{number}"
        ask(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        ask(f"CREATE DATABASE {self.database}")
        variables = {
            "OUTBOX": self.folder / "outbox",
            "PORT": self.port,
            "PGDATABASE": self.database,
        }
        self.variables = {**os.environ, **{key: str(value) for key, value in variables.items()}}
        self.variables.update(
            HOME=str(self.folder), PYTHONDONTWRITEBYTECODE="1", NODE_ENV="production"
        )
        self.variables.update(self.more)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        line = ["setpriv", "--pdeathsig", "TERM", *map(str, self.line())]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.variables
            )
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                log_text = (self.folder / "log").read_text(errors="replace")
                raise RuntimeError(
                    f"{self.name} does not answer; its log ends:\n{log_text[-3000:]}"
                )
            time.sleep(0.1)

    def answers(self) -> bool:
        """Say whether it answers anything."""
        connection = Connection(self.port)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def stop(self) -> None:
        """End it, by its process."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def line(self) -> list[Any]:
        """Prepare the database, and return the command line."""
        raise NotImplementedError

    def prepare(self, *line: Any) -> None:
        """Run a program to its end."""
        with (self.folder / "log").open("ab") as log:
            done = subprocess.run(
                [str(word) for word in line],
                stdout=log,
                stderr=log,
                env=self.variables,
                check=False,
            )
        if done.returncode:
            log_text = (self.folder / "log").read_text(errors="replace")
            raise RuntimeError(f"{self.name} cannot be prepared; its log ends:\n{log_text[-3000:]}")

    def gunicorn(self, module: str, app: str) -> list[Any]:
        """Prepare a Python peer, and return how it is served."""
        self.prepare(sys.executable, HERE / f"{module}.py")
        how = "--workers 2 --threads 4 --worker-class gthread --keep-alive 60"
        place = ["--bind", f"127.0.0.1:{self.port}", "--chdir", HERE, f"{module}:{app}"]
        return [Path(sys.executable).with_name("gunicorn"), *how.split(), *place]

    def send(self, connection: Connection) -> tuple[Any, str]:
        """Ask for a code; return what names it, and to whom it went."""
        to = self.address(next(self.numbers))
        status, said = connection.post("/send", {"to": to}, JSON)
        assert status == 200, (self.name, status, said)
        return to, to

    def address(self, number: int) -> str:
        """Return where a user gets codes."""
        return f"+6011{number:08}"

    def verify(self, connection: Connection, what: Any, code: str) -> str:
        """Answer a code."""
        status, said = connection.post("/verify", {"to": what, "code": code}, JSON)
        return str(said.get("said", f"HTTP {status}"))

    def spent(self) -> float:
        """Return the seconds that it has computed."""
        assert self.process
        return spent(self.process.pid)

    def transactions(self) -> int:
        """Return how many its database has ended."""
        return int(
            ask(
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s",
                self.database,
            )[0][0]
        )


class Ours(Stack):
    """The reference service."""

    name, limit = "otp-engine", 5

    def line(self) -> list[Any]:
        """Return the command line; it makes its tables itself."""
        database = f"host={os.environ['PGHOST']} user={os.environ['PGUSER']} dbname={self.database}"
        return [
            *(self.options.service, "--demo", "--listen", f"127.0.0.1:{self.port}"),
            *("--data", self.folder / "data", "--database", database, "--migrate"),
            *("--gateway", "log", "--outbox", self.folder / "outbox"),
            *("--rejection-hold", "0"),  # eight clients that wait for it would measure the wait
        ]

    def send(self, connection: Connection) -> tuple[Any, str]:
        """Ask for a code."""
        user = next(self.numbers)
        said = self.ask(connection, "send", user)[1]["result"]
        assert said["status"] == 200, said
        return (user, said["esms_otp_generation_id"]), said["recipient_mobile"]

    def verify(self, connection: Connection, what: Any, code: str) -> str:
        """Answer a code."""
        user, generation = what
        more = {"otp": code, "esms_otp_generation_id": generation}
        status, body = self.ask(connection, "verify", user, **more)
        said = body.get("result", {"status": f"HTTP {status}"})
        if said["status"] == 200:
            return "accepted"
        # What is left is told after a guess that was compared, and after no other.
        return (
            "compared" if "attempts_left" in said else f"refused{'' if status == 200 else status}"
        )

    def ask(self, connection: Connection, route: str, user: int, **more: str) -> Answer:
        """Call a route of the contract."""
        place = {"model": "loan.application", "field": "client_signature", "id": user % 1000 + 1}
        headers = {**JSON, "X-Demo-User": str(user)}
        return connection.post(f"/api/esms_otp/{route}_esms_otp", {"params": place | more}, headers)


class OursAgain(Ours):
    """The same once more: what differs is noise."""

    name = "otp-engine again"


class Naive(Stack):
    """What most teams write first."""

    name, limit = "Flask, naive", 5

    def line(self) -> list[Any]:
        """Make the table."""
        return self.gunicorn("flask_views", "app")


class Careful(Naive):
    """What careful ones write."""

    name, more = "Flask, careful", MappingProxyType({"CAREFUL": "1"})


class DjangoOtp(Stack):
    """After a wrong guess it refuses for a while."""

    name, limit = "django-otp", 1

    def line(self) -> list[Any]:
        """Make tables and users."""
        return self.gunicorn("django_views", "application")

    def address(self, number: int) -> str:
        """Return a user's address."""
        return f"u{number}@bench.test"


class Allauth(DjangoOtp):
    """Login by code, headless, as an app does."""

    name, limit, more = "django-allauth", 3, MappingProxyType({"ALLAUTH": "1"})

    def send(self, connection: Connection) -> tuple[Any, str]:
        """Ask for a code."""
        to = self.address(next(self.numbers))
        status, said = connection.post("/_allauth/app/v1/auth/code/request", {"email": to}, JSON)
        assert status == 401, (status, said)  # not logged in yet
        return said["meta"]["session_token"], to

    def verify(self, connection: Connection, what: Any, code: str) -> str:
        """Answer a code."""
        headers = {**JSON, "X-Session-Token": what}
        path = "/_allauth/app/v1/auth/code/confirm"
        status, _ = connection.post(path, {"code": code}, headers)
        known = {200: "accepted", 400: "compared", 401: "refused", 409: "refused", 410: "refused"}
        return known.get(status, f"HTTP {status}")


class BetterAuth(Stack):
    """Codes by phone, in two processes."""

    name, limit = "better-auth", 3

    def line(self) -> list[Any]:
        """Make the tables."""
        program = self.options.better_auth / "server.mjs"
        self.prepare("node", program, "prepare")
        return ["node", program]

    def send(self, connection: Connection) -> tuple[Any, str]:
        """Ask for a code."""
        to = self.address(next(self.numbers))
        path = "/api/auth/phone-number/send-otp"
        status, said = connection.post(path, {"phoneNumber": to}, JSON)
        assert status == 200, (status, said)
        return to, to


class PrivacyIdea(Stack):
    """Tokens by SMS, which an administrator's client triggers."""

    name, limit, tokens = "privacyIDEA", 10, 64

    def line(self) -> list[Any]:
        """Make keys, tables and tokens."""
        self.form = f"username=bench&password={secrets.token_hex(8)}"
        password = self.form.rpartition("=")[2]
        config = str(self.folder / "pi.cfg")
        self.variables |= {"PRIVACYIDEA_CONFIGFILE": config, "ADMIN": "bench", "PASSWORD": password}
        return self.gunicorn("privacyidea_server", "application")

    def start(self) -> None:
        """Start it, and log in."""
        super().start()
        said = Connection(self.port).post("/auth", self.form, FORM)[1]
        self.headers = {**FORM, "Authorization": said["result"]["value"]["token"]}

    def send(self, connection: Connection) -> tuple[Any, str]:
        """Ask for a code, of the token that was idle for longest."""
        token = next(self.numbers) % self.tokens
        form = f"serial=T{token}"
        status, said = connection.post("/validate/triggerchallenge", form, self.headers)
        assert status == 200 and said["result"]["value"] == 1, (status, said)
        return f"{form}&transaction_id={said['detail']['transaction_ids'][0]}", f"6011{token}"

    def verify(self, connection: Connection, what: Any, code: str) -> str:
        """Answer a code."""
        status, said = connection.post("/validate/check", f"{what}&pass={code}", FORM)
        if status != 200:
            return f"HTTP {status}"
        if said["result"]["value"]:
            return "accepted"
        text = str(said["detail"].get("message", "")).lower()
        return "compared" if "did not match" in text or "wrong otp" in text else "refused"


STACKS = [Ours, OursAgain, Naive, Careful, DjangoOtp, Allauth, BetterAuth, PrivacyIdea]


# ---- the machine ---------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def ask(statement: str, *values: str) -> list[Any]:
    """Run a statement beside the databases that are loaded."""
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        done = connection.execute(statement.encode(), values or None)
        return done.fetchall() if done.description else []


def spent(root: int) -> float:
    """Return the seconds that a process and its descendants, ended ones too, have computed."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:
            continue  # it has ended
        fields = text.rpartition(")")[2].split()
        pid = int(entry.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        seconds[pid] = sum(map(int, fields[11:15]))
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        total += seconds.get(pid, 0)
        todo += children.get(pid, [])
    return total / os.sysconf("SC_CLK_TCK")


# ---- load and storms -----------------------------------------------------------------------------


def load(stack: Stack, seconds: float) -> int:
    """Let each connection ask and answer for so long; return the number of codes."""
    end = time.monotonic() + seconds

    def play(number: int) -> int:
        connection = Connection(stack.port)
        for turn in count(number):
            what, to = stack.send(connection)
            code, is_right = stack.outbox.code(to), turn % WRONG != 0
            said = stack.verify(connection, what, code if is_right else other(code))
            assert said == ("accepted" if is_right else "compared"), (stack.name, said)
            if time.monotonic() >= end:
                connection.close()
                return turn - number + 1
        raise AssertionError

    return sum(at_once(play, list(range(CONNECTIONS))))


def at_once(work: Callable[[T], Any], jobs: list[T]) -> list[Any]:
    """Do each job in a thread of its own."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(work, jobs))


def measure(stacks: list[Stack], rounds: int, seconds: float) -> list[Row]:
    """Load all of them in each round, every second time in reverse order."""
    for stack in stacks:
        load(stack, seconds)
    time.sleep(2)  # the database tells its counts late
    before = {stack: stack.transactions() for stack in stacks}
    postmaster = int(os.environ["OTP_POSTMASTER"])
    groups = "time for a code, 8 at once", "CPU for a code", "of it PostgreSQL's"
    samples = {(group, stack): list[float]() for group in groups for stack in stacks}
    codes = Counter[Stack]()
    for number in range(rounds):
        for stack in stacks if number % 2 == 0 else reversed(stacks):
            own, database, began = stack.spent(), spent(postmaster), time.monotonic()
            done = load(stack, seconds)
            wall = time.monotonic() - began
            database = spent(postmaster) - database
            own = stack.spent() - own
            codes[stack] += done
            for group, value in zip(groups, (wall, own + database, database), strict=True):
                samples[group, stack].append(1e9 * value / done)
            tell(f"round {number + 1} of {rounds}: {stack.name}, {done / wall:.1f} codes/s")
    time.sleep(2)
    rows: list[Row] = [
        {"group": group, "row": stack.name, "clock": clock, "samples": samples[group, stack]}
        for group, clock in zip(groups, ("wall", "cpu", "cpu"), strict=True)
        for stack in stacks
    ]
    for stack in stacks:
        value = round((stack.transactions() - before[stack]) / codes[stack], 1)
        rows.append(figure("transactions for a code", stack, value, ""))
    return rows


def figure(group: str, stack: Stack | type[Stack], value: float, unit: str) -> Row:
    """Return a row of one value."""
    return {"group": group, "row": stack.name, "value": value, "unit": unit}


def storm(stack: Stack, answers: Callable[[str], list[str]]) -> Counter[str]:
    """Ask for a code and give all these answers to it at once; count what is said to them."""
    what, to = stack.send(Connection(stack.port))
    guesses = answers(stack.outbox.code(to))
    connections = [Connection(stack.port) for _ in guesses]
    at_once(Connection.connect, connections)

    def answer(job: tuple[Connection, str]) -> str:
        try:
            return stack.verify(job[0], what, job[1])
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__

    said = Counter(at_once(answer, list(zip(connections, guesses, strict=True))))
    for connection in connections:
        connection.close()
    return said


def storms(stack: Stack, codes: int) -> list[Row]:
    """Answer codes from many sides at once."""
    right, wrong = list[Counter[str]](), list[Counter[str]]()
    try:
        for _ in range(codes):
            right.append(storm(stack, lambda code: [code] * 8))
        for _ in range(codes // 8):
            wrong.append(storm(stack, lambda code: [other(code, at) for at in range(64)]))
    except (OSError, http.client.HTTPException) as error:
        if isinstance(stack, Ours):
            raise
        # It gives no code any more: what it showed so far stands, and the row says of how many.
        tell(f"{stack.name} answers no more: {error!r}")
    tell(f"{stack.name}: right answers {sum(right, Counter())}, wrong ones {sum(wrong, Counter())}")
    return judged(type(stack), right, wrong)


def judged(kind: type[Stack], right: list[Counter[str]], wrong: list[Counter[str]]) -> list[Row]:
    """Return what storms of right and of wrong answers show; fail where that cannot be."""
    twice = sum(said["accepted"] > 1 for said in right)
    never = sum(said["accepted"] == 0 for said in right)
    compared = max((said["compared"] for said in wrong), default=0)
    assert not any(said["accepted"] for said in wrong), f"{kind.name} accepted a wrong answer"
    if issubclass(kind, Ours):
        found = f"accepted twice {twice}, for nobody {never}, compared {compared}"
        assert (twice, never, compared) == (0, 0, kind.limit), f"{kind.name}: {found}"
    if kind is Naive:
        assert twice, "a view without any care accepted no code twice: the storm is none"
    return [
        figure("8 right answers at once: accepted twice or more", kind, twice, f"of {len(right)}"),
        figure("accepted for nobody", kind, never, f"of {len(right)}"),
        figure(
            "64 wrong answers at once: compared", kind, compared,
            f"(limit {kind.limit}; {len(wrong)} codes)",
        ),
    ]  # fmt: skip


def show(rows: list[Row]) -> None:
    """Print rows at once: what comes later may fail."""
    for row in rows:
        print(json.dumps(row), flush=True)


def main() -> None:
    """Start, load, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", type=Path, required=True, help="the program of ours")
    parser.add_argument("--better-auth", type=Path, required=True, help="where npm installed it")
    parser.add_argument("--home", type=Path, required=True, help="a folder, emptied at the start")
    parser.add_argument("--quick", action="store_true", help="a round, to see that all of it runs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    rounds, seconds, codes = (1, 1.0, 8) if options.quick else (7, 3.0, 40)
    shutil.rmtree(options.home, ignore_errors=True)
    options.home.mkdir(parents=True)
    stacks: list[Stack] = []
    try:
        for number, kind in enumerate(STACKS):
            stacks.append(kind(number, options))
            stacks[-1].start()
            tell(f"{kind.name} is up")
        show([{"process": "over HTTP"}, *measure(stacks, rounds, seconds)])
        for stack in stacks:
            show(storms(stack, codes))
    finally:
        for stack in reversed(stacks):
            stack.stop()


if __name__ == "__main__":
    main()
