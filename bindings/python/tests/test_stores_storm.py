"""Several processes on one server; processes and servers that are killed."""

import contextlib
import multiprocessing
import os
import pathlib
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import stores
from servers import PATIENCE, own_folder, wait_until
from support import binding, issue, wrong
from support import engine_on_any as engine

import otp_engine as otp

PROCESSES, THREADS, CODES = 4, 2, 30
GUESSERS = PROCESSES * THREADS
ATTEMPTS = 5
SPAWN: Any = multiprocessing.get_context("spawn")


def bound(run: int, slot: int) -> otp.Binding:
    """A binding of its own user and number: what is counted is the slot alone."""
    which = run * CODES + slot
    return binding(f"slot {which}", user=f"user {which}", mobile=f"6012{which:07}")


def typed(slot: int, code: str, guesser: int) -> list[str]:
    """Of three slots one is given right codes, one wrong ones, one both."""
    right, bad = [code], [wrong(code, guesser + 1)]
    return (right, bad, bad + right)[slot % 3]


Round = tuple[int, str, list[str]]
"""A round's number, the flaw of its store, and its codes."""


def guess(
    kind: str, address: str, rounds: list[Round], number: int, folder: str, start: Any
) -> None:
    """Give codes from threads of a process of its own, round by round, and tell each answer."""
    maker = engine()

    def play(store: otp.Store, guesser: int, run: int, codes: list[str]) -> None:
        start.wait(PATIENCE)
        for slot, code in enumerate(codes):
            for text in typed(slot, code, guesser):
                verdict = None
                while verdict is None:
                    with contextlib.suppress(otp.ContendedError):
                        verdict = maker.verify(store, bound(run, slot), text)
                answer = verdict.rejection or "accepted"
                stores.tell(pathlib.Path(folder, f"{run}-{number}"), f"{slot} {answer}")

    for run, flaw, codes in rounds:
        with stores.opened(kind, address, flaw) as store:
            threads = [
                threading.Thread(target=play, args=(store, number * THREADS + nth, run, codes))
                for nth in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def storms(kind: str, address: str, flaws: dict[int, str]) -> dict[int, list[str]]:
    """Play rounds, each by its number with a flaw; returns what is wrong with each."""
    with own_folder() as folder, stores.opened(kind, address) as store:
        maker, start = engine(), SPAWN.Barrier(GUESSERS)
        rounds = [
            (run, flaw, [issue(maker, store, bound(run, slot)).code for slot in range(CODES)])
            for run, flaw in flaws.items()
        ]
        players = [
            SPAWN.Process(target=guess, args=(kind, address, rounds, number, str(folder), start))
            for number in range(PROCESSES)
        ]
        for player in players:
            player.start()
        for player in players:
            player.join()
            assert player.exitcode == 0, "a player failed, see above"
        found = {}
        for run in flaws:
            files = [folder / f"{run}-{number}" for number in range(PROCESSES)]
            answers = [line for file in files for line in stores.told(file)]
            given = GUESSERS * sum(len(typed(slot, "000000", 0)) for slot in range(CODES))
            assert len(answers) == given
            found[run] = judged(answers)
    return found


def judged(answers: list[str]) -> list[str]:
    """Say what is wrong with the answers of a storm."""
    counted = Counter(answers)
    wrongs = []
    for slot in range(CODES):
        accepted, compared = counted[f"{slot} accepted"], counted[f"{slot} wrong"]
        fits = (
            (accepted, compared) == (1, 0),
            (accepted, compared) == (0, ATTEMPTS),
            (accepted, compared) == (0, ATTEMPTS) or (accepted == 1 and compared < ATTEMPTS),
        )[slot % 3]
        if not fits:
            wrongs.append(f"slot {slot}: {accepted} accepted, {compared} wrong ones compared")
    return wrongs


@pytest.mark.parametrize("kind", stores.KINDS)
def test_case_56_storms_of_processes_accept_once_and_compare_no_more_than_allowed(
    kind: str,
) -> None:
    with stores.server(kind) as server:
        first = storms(kind, server.address, dict(enumerate(("", *stores.FLAWS))))
        assert first.pop(0) == []
        let_pass = {run: flaw for run, flaw in enumerate(stores.FLAWS, 1) if not first[run]}
        # By chance a twin may come through once, and never ten times.
        for again in range(1, 10):
            if let_pass:
                now = {run + 10 * again: flaw for run, flaw in let_pass.items()}
                found = storms(kind, server.address, now)
                let_pass = {run: flaw for run, flaw in now.items() if not found[run]}
        assert not let_pass, "the storms let naive twins pass"


def write_until_killed(kind: str, address: str, flaw: str, options: Any, file: str) -> None:
    """Count two cells up together, and tell each version once the store has said that it is so."""
    with stores.opened(kind, address, flaw, **options) as store:
        while True:
            with contextlib.suppress(otp.StoreError):
                now = stores.version(store)
                if store.commit([stores.write(1, now), stores.write(2, now)], 0):
                    stores.tell(pathlib.Path(file), str(now + 1))


class Writers:
    """Two processes that write until they are killed, and what they told."""

    def __init__(self, folder: pathlib.Path, *how: Any) -> None:
        self.folder, self.how = folder, how
        self.files: list[pathlib.Path] = []
        self.running: list[Any] = []

    def start(self) -> None:
        file = self.folder / f"writer-{len(self.files)}"
        process = SPAWN.Process(target=write_until_killed, args=(*self.how, str(file)), daemon=True)
        process.start()
        self.files.append(file)
        self.running.append(process)

    def acknowledged(self) -> list[int]:
        return [int(line) for file in self.files for line in stores.told(file)]

    def wait_for_more(self, count: int = 10) -> None:
        """Wait until each that runs has told so many more."""
        before = [len(stores.told(file)) for file in self.files[-len(self.running) :]]

        def more() -> bool:
            assert all(process.is_alive() for process in self.running), "a writer ended"
            files = self.files[-len(self.running) :]
            return all(
                len(stores.told(file)) >= so_far + count
                for file, so_far in zip(files, before, strict=True)
            )

        wait_until("all writers have written more", more)

    def kill(self) -> None:
        for process in self.running:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        self.running = []

    def judged(self, store: Any) -> str:
        """Say what is wrong with what was told and what is there."""
        versions, there = self.acknowledged(), [stores.version(store, key) for key in (1, 2)]
        if len(versions) > len(set(versions)):
            return "double"
        if there[0] != there[1]:
            return "torn"
        return "lost" if max(versions, default=0) > there[0] else ""


@contextlib.contextmanager
def writers(
    kind: str, server: Any, flaw: str = "", **options: Any
) -> Iterator[tuple[Writers, Any]]:
    with own_folder() as folder, stores.opened(kind, server.address, **options) as store:
        made = Writers(folder, kind, server.address, flaw, options)
        try:
            yield made, store
        finally:
            made.kill()


@pytest.mark.parametrize("kind", stores.KINDS)
def test_killed_processes_leave_nothing_double_torn_or_lost(kind: str) -> None:
    with stores.server(kind) as server, writers(kind, server) as (pair, store):
        for _ in range(2):
            pair.start()
            pair.start()
            pair.wait_for_more()
            pair.kill()
            assert pair.judged(store) == ""
    with stores.server(kind) as server, writers(kind, server, "blind") as (pair, store):
        pair.start()
        pair.start()
        wait_until("the judge condemns the blind twin", lambda: pair.judged(store) == "double")


@pytest.mark.parametrize("kind", stores.KINDS)
def test_a_killed_server_loses_nothing_that_it_acknowledged(kind: str) -> None:
    with stores.server(kind) as server, writers(kind, server) as (pair, _):
        pair.start()
        pair.start()
        for _ in range(3):
            pair.wait_for_more()
            server.kill()
            server.resume()
        pair.wait_for_more()  # they go on by themselves
        pair.kill()
        with stores.opened(kind, server.address) as store:
            assert pair.judged(store) == ""


def test_the_judge_sees_what_a_server_without_a_log_loses() -> None:
    lossy = {"may_lose_commits_on_crash": True}
    with (
        stores.server("redis", "--appendonly", "no") as server,
        writers("redis", server, **lossy) as (pair, _),
    ):
        pair.start()
        pair.wait_for_more()
        pair.kill()
        server.kill()
        server.resume()
        with stores.opened("redis", server.address, **lossy) as store:
            assert pair.judged(store) == "lost"
