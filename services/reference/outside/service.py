"""Starts the service as an operator does, and speaks to it as its clients do."""

import http.client
import itertools
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

#: The program, as `cargo xtask test --only service` built it.
PROGRAM = "OTP_SERVICE"
MODEL, FIELD = "loan.application", "client_signature"
#: For what must happen, on a machine of any speed.
PATIENCE = 120.0
LISTENING = "listening on "
ADMINISTRATION = "administration on "

Result = dict[str, Any]
T = TypeVar("T")


class Service:
    """A process of the service, on a port that it chose."""

    def __init__(
        self, folder: Path, *options: str, name: str = "service", users: Path | None = None
    ) -> None:
        self.folder = folder
        self.outbox = folder / f"{name}.outbox"
        self.log = folder / f"{name}.log"
        said = folder / f"{name}.said"
        line = [
            os.environ[PROGRAM],
            *(("--users", str(users)) if users else ("--demo",)),
            *("--data", str(folder / "data")),
            *("--gateway", "log", "--outbox", str(self.outbox)),
            *options,
        ]
        # What `options` may say otherwise.
        settings = {"OTP_REFERENCE_LISTEN": "127.0.0.1:0", "OTP_REFERENCE_DRAIN_DELAY": "0"}
        with said.open("wb") as out, self.log.open("ab") as log:
            # It ends with the tests, however these end.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *line],
                env={**os.environ, **settings},
                stdout=out,
                stderr=log,
            )
        listeners = 2 if "--admin-listen" in options else 1
        wait_until(
            lambda: said.read_text().count("\n") == listeners or self.process.poll() is not None,
            "it says where it listens",
        )
        first, _, second = said.read_text().partition("\n")
        assert first.startswith(LISTENING), f"{first!r}, and its log:\n{self.text()}"
        self.url = first.removeprefix(LISTENING)
        self.admin = second.strip().removeprefix(ADMINISTRATION)
        self.address = self.url.removeprefix("http://")

    def stop(self) -> int:
        """Let it finish what it has begun, and return its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it at once, whatever it is about."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def text(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> str:
        """Return what a GET answers, which must be 200."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, f"{path}: {answer.status}: {body}"
        return body

    def counter(self, name: str, **labels: str) -> int:
        """Return the sum of a counter's samples that have these labels."""
        found = 0
        for line in self.get("/metrics").splitlines():
            sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? ([0-9.]+)", line)
            if sample and sample[1] == name:
                has = dict(re.findall(r'(\w+)="([^"]*)"', sample[2] or ""))
                if labels.items() <= has.items():
                    found += int(float(sample[3]))
        return found

    def messages(self, number: str) -> list[str]:
        """Return the messages to a number, oldest first."""
        lines = map(json.loads, self.outbox.read_text().splitlines())
        return [line["msg"] for line in lines if line["to"] == number]

    def code(self, number: str) -> str:
        """Return the code of the newest message to a number."""
        found = re.search(r"\b[0-9]{6,10}\b", self.messages(number)[-1])
        assert found, "the message holds no code"
        return found[0]


class Client:
    """A demo user on a connection that is kept; of one thread."""

    def __init__(self, service: Service, user: int) -> None:
        self.service, self.user = service, user
        self._connection = http.client.HTTPConnection(service.address, timeout=PATIENCE)

    def ask(self, route: str, record: int, **more: object) -> Result:
        """Return the result of a route; raise OSError or HTTPException where none comes."""
        params = {"model": MODEL, "field": FIELD, "id": record, **more}
        headers = {"Content-Type": "application/json", "X-Demo-User": str(self.user)}
        try:
            self._connection.request(
                "POST", f"/api/esms_otp/{route}", json.dumps({"params": params}), headers
            )
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        assert answer.status == 200, f"{route}: {answer.status}: {body!r}"
        result: Result = json.loads(body)["result"]
        return result

    def send(self, record: int) -> Result:
        """Ask for a code."""
        return self.ask("send_esms_otp", record)

    def verify(self, record: int, otp: str, **more: object) -> Result:
        """Say what was typed."""
        return self.ask("verify_esms_otp", record, otp=otp, **more)

    def signature(self, record: int) -> Result:
        """Ask for the newest signature."""
        return self.ask("get_esms_otp_signature", record)


def wrong(code: str, number: int = 0) -> str:
    """Return the number-th code that is not this one, of its length."""
    return str((int(code) + 1 + number) % 10 ** len(code)).zfill(len(code))


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail where it never comes true."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited {PATIENCE:.0f} s until {what}"
        time.sleep(0.01)


def by_workers(
    count: int, work: Callable[[Callable[[], T | None]], None], jobs: Iterable[T]
) -> None:
    """Let so many threads take jobs until there is none; `work` gets what gives the next."""
    waiting, lock = iter(jobs), threading.Lock()

    def take() -> T | None:
        with lock:
            return next(waiting, None)

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, take) for _ in range(count)]:
            done.result()


#: Users that no other test has: their rate limits are theirs alone.
users = itertools.count(1000)
