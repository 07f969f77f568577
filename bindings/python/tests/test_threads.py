"""Many threads, one engine and one store."""

import pathlib
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from support import DictStore, binding, engine, example_store, issue, wrong

import otp_engine as otp

STORES: dict[str, Callable[[pathlib.Path], otp.Store]] = {
    "memory": lambda folder: otp.MemoryStore(),
    "sqlite": lambda folder: otp.SqliteStore(folder / "cells.db"),
    "host": lambda folder: example_store()(str(folder / "cells.db")),
}


def together(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Run each call in a thread of its own, all at once; a raised exception is an answer."""
    calls = list(calls)
    start = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(nth: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[nth] = call()
        except Exception as error:
            answers[nth] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def until_answered(call: Callable[[], otp.Verdict]) -> otp.Verdict:
    """Ask again while others keep coming first: nothing was decided then."""
    while True:
        try:
            return call()
        except otp.ContendedError:
            pass


@pytest.mark.parametrize("name", STORES)
def test_case_56_of_8_threads_with_the_right_code_one_succeeds(
    name: str, folder: pathlib.Path
) -> None:
    maker, store = engine(), STORES[name](folder)
    for round_ in range(5):
        to = binding(str(round_), user=str(round_), mobile=f"6012345678{round_}")
        code = issue(maker, store, to).code

        def give(to: otp.Binding = to, code: str = code) -> otp.Verdict:
            return until_answered(lambda: maker.verify(store, to, code))

        answers = together([give] * 8)
        assert Counter(answer.rejection for answer in answers) == {None: 1, "already_used": 7}


@pytest.mark.parametrize("name", STORES)
def test_case_18_of_64_wrong_guesses_5_are_compared(name: str, folder: pathlib.Path) -> None:
    maker, store, to = engine(), STORES[name](folder), binding()
    code = issue(maker, store, to).code

    def guesses(nth: int) -> list[otp.Verdict]:
        mine = range(8 * nth + 1, 8 * nth + 9)
        typed = [wrong(code, guess) for guess in mine]
        return [until_answered(lambda g=g: maker.verify(store, to, g)) for g in typed]  # type: ignore[misc]

    lists = together([lambda nth=nth: guesses(nth) for nth in range(8)])  # type: ignore[misc]
    answers = [answer for answered in lists for answer in answered]
    assert Counter(answer.rejection for answer in answers) == {"wrong": 5, "exhausted": 59}
    left = sorted(answer.attempts_left for answer in answers if answer.rejection == "wrong")
    assert left == [0, 1, 2, 3, 4]
    assert maker.verify(store, to, code).rejection == "exhausted"


def test_case_96_handles_are_shared_by_8_threads() -> None:
    maker, store = engine(rate_limits=otp.RateLimits(unlimited=True)), otp.MemoryStore()

    def work(nth: int) -> int:
        right = 0
        for round_ in range(500):
            to = binding(f"{nth}.{round_}")
            code = issue(maker, store, to).code
            right += maker.verify(store, to, code).accepted
        return right

    assert together([lambda nth=nth: work(nth) for nth in range(8)]) == [500] * 8  # type: ignore[misc]


def test_close_while_another_thread_is_in_a_call() -> None:
    to, other = binding(), binding("16")
    for round_ in range(300):
        maker = engine(clock=None, rate_limits=otp.RateLimits(unlimited=True))
        store: otp.Store = DictStore() if round_ % 10 == 0 else otp.MemoryStore()

        def work(maker: otp.Engine = maker, store: otp.Store = store) -> None:
            for _ in range(20):
                maker.issue(store, to)
                maker.verify(store, other, "123456")

        def close(maker: otp.Engine = maker, store: otp.Store = store) -> None:
            maker.close()
            store.close()

        answers = together([work, work, work, close])
        for answer in answers:
            assert answer is None or "is closed" in str(answer), answer


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no interval timer")
def test_a_signal_handler_that_calls_the_engine_changes_no_answer() -> None:
    """It runs between a call and the reading of its answer, in the same thread."""
    maker = engine(
        clock=None, rate_limits=otp.RateLimits(unlimited=True)
    )  # a handler may run in a clock
    store = otp.MemoryStore()
    other, ran = binding("signal"), []

    def handler(*_: object) -> None:
        maker.issue(store, other)
        ran.append(maker.verify(store, other, "no code"))
        # Each sets the next: at fixed times they would come faster than a slow machine is done.
        signal.setitimer(signal.ITIMER_REAL, 0.0002)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0002)
    try:
        for round_ in range(5000):
            to = binding(str(round_))
            issued = issue(maker, store, to)
            verdict = maker.verify(store, to, issued.code)
            assert verdict and verdict.challenge_id == issued.challenge_id
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(ran) > 10 and not any(ran)


EXIT = """
import sys, threading, time
sys.path.insert(0, {tests!r})
import otp_engine as otp
from support import DictStore, binding, key_ring
kind = sys.argv[1]
clock = None if kind == "memory" else lambda: 1800000000
maker = otp.Engine(key_ring(), clock=clock, observer=None if kind == "memory" else lambda e: None)
store = DictStore() if kind == "host" else otp.MemoryStore()
to, started = binding(), threading.Event()
def work():
    try:
        while True:
            maker.verify(store, to, "123456")
            maker.issue(store, to)
            started.set()
    except ValueError:
        pass  # closed at exit
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
assert started.wait(120)
kept = [otp.MemoryStore(), otp.SigningKey.from_seed(bytes([1]) * 32), DictStore(), maker]
"""


@pytest.mark.parametrize("kind", ["memory", "clock", "host"])
def test_the_interpreter_ends_with_daemon_threads_in_calls(kind: str) -> None:
    script = EXIT.format(tests=str(pathlib.Path(__file__).parent))
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", script, kind], capture_output=True, text=True, timeout=300
        )
        assert (done.returncode, done.stderr) == (0, "")
