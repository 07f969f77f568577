"""Two processes on one PostgreSQL are replaced, one after the other, while clients sign."""

import http.client
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from database import Database
from service import Client, Service, users, wait_until

CLIENTS = 4
NAMES = "first", "second"
#: How often a proxy asks and how long it waits, in seconds: all are asked before one has drained.
PAUSE, WAIT, DRAIN = 0.1, 1, "5"
LOST = OSError, http.client.HTTPException


class Proxy:
    """Gives each request to the next process, of those that said last that they are ready."""

    def __init__(self, processes: list[Service], *, asks: bool = True) -> None:
        self.processes, self.asks = processes, asks
        self.ready = dict.fromkeys(processes, True)
        self.heard: set[int | None] = set()
        self._turns = itertools.count()

    def choose(self) -> Service:
        """Return the next process."""
        among: list[Service] = []

        def found() -> bool:
            among[:] = [one for one in self.processes if not self.asks or self.ready.get(one)]
            return bool(among)

        wait_until(found, "a process is ready")
        return among[next(self._turns) % len(among)]

    def ask(self) -> None:
        """Ask each process whether it is ready; one that is gone or too slow is not."""
        for process in list(self.processes):
            connection = http.client.HTTPConnection(process.address, timeout=WAIT)
            status = None
            try:
                connection.request("GET", "/health/ready")
                status = connection.getresponse().status
            except LOST:
                pass
            finally:
                connection.close()
            self.heard.add(status)
            self.ready[process] = status == 200


@dataclass
class Load:
    """What became of the requests."""

    signed: int = 0
    faults: list[str] = field(default_factory=list)


@contextmanager
def load(proxy: Proxy) -> Iterator[Load]:
    """Let clients sign, each over connections that it keeps, until the end of the block."""
    told, lock, is_over = Load(), threading.Lock(), threading.Event()

    def ask() -> None:
        while not is_over.wait(PAUSE):
            proxy.ask()

    def sign(record: int) -> None:
        clients: dict[Service, Client] = {}

        def client(process: Service, user: int) -> Client:
            found = clients.setdefault(process, Client(process, user))
            found.user = user
            return found

        while not is_over.is_set():
            user, process = next(users), proxy.choose()
            try:
                sent = client(process, user).send(record)
                assert sent["status"] == 200, sent
                code = process.code(sent["recipient_mobile"])
                verified = client(proxy.choose(), user).verify(record, code)
                assert verified["status"] == 200, verified
            except (*LOST, AssertionError) as fault:
                with lock:
                    told.faults.append(repr(fault))
            else:
                with lock:
                    told.signed += 1

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        running = [pool.submit(ask), *(pool.submit(sign, 200 + n) for n in range(CLIENTS))]
        try:
            yield told
        finally:
            is_over.set()
        for one in running:
            one.result()


def start(folder: Path, database: Database, name: str, *options: str) -> Service:
    """Start one of the processes."""
    # A connection that idles on a slow machine is not to be closed by another cause.
    own = "--database", database.url, "--head-timeout", "600"
    return Service(folder, *own, *options, name=name)


def serves(process: Service) -> bool:
    """Say whether codes were accepted by it."""
    return process.counter("otp_reference_events_total", event="accepted") > 0


def test_case_725_processes_are_replaced_one_after_the_other_and_no_request_fails(
    folder: Path,
) -> None:
    """Each says first that it is not ready, and then the next one has its address."""
    database = Database("otp_restart")
    drain = "--drain-delay", DRAIN
    proxy = Proxy([start(folder, database, name, "--migrate", *drain) for name in NAMES])
    with load(proxy) as told:
        for place, name in enumerate(NAMES):
            before = proxy.processes[place]
            wait_until(partial(serves, before), "it serves")
            proxy.heard.clear()
            assert before.stop() == 0
            assert 503 in proxy.heard, "it did not say that it is not ready"
            after = start(folder, database, name, "--listen", before.address, *drain)
            proxy.processes[place] = after
            wait_until(partial(serves, after), "the next one serves")
    assert told.faults == []
    assert database.records() == told.signed
    for process in proxy.processes:
        assert process.stop() == 0
    print(f"figure: codes signed while two processes were replaced, none failed = {told.signed}")


def test_case_726_a_proxy_that_does_not_ask_loses_requests(folder: Path) -> None:
    """The control: what is refused is noticed."""
    database = Database("otp_restart_unasked")
    proxy = Proxy([start(folder, database, name, "--migrate") for name in NAMES], asks=False)
    with load(proxy) as told:
        assert proxy.processes[1].stop() == 0
        wait_until(lambda: bool(told.faults), "a request fails")
    assert any("Connection" in fault for fault in told.faults), told.faults
    assert proxy.processes[0].stop() == 0
