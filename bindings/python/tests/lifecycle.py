"""The ends of handles, for a run under memcheck: `lifecycle.py close|collect|shutdown|planted`.

Each way ends quietly; `planted` uses an engine after its memory is free, and must be noticed.
"""

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Callable

from support import DictStore, binding, engine, signer

import otp_engine as otp
from otp_engine._callbacks import registered
from otp_engine._lib import lib

ROUNDS = 8


def in_threads(*calls: Callable[[], None]) -> list[BaseException]:
    """Run all at once; return what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], None]) -> None:
        start.wait()
        try:
            call()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def calls_on(maker: otp.Engine, store: otp.Store, times: int) -> Callable[[], None]:
    """Make a caller that holds on to its engine and store."""

    def work() -> None:
        for nth in range(times):
            to = binding(str(nth))
            issued = maker.issue(store, to)
            maker.verify(store, to, "123456")
            maker.report_delivery(store, to, issued.challenge_id, 1, delivered=True)  # type: ignore[arg-type]

    return work


def close() -> None:
    """Close an engine and a store while other threads are in calls on them."""
    closed = 0
    for round_ in range(20 * ROUNDS):
        if round_ >= ROUNDS and closed:
            break
        maker = engine(clock=None, rate_limits=otp.RateLimits(unlimited=True))
        store: otp.Store = DictStore() if round_ % 2 else otp.MemoryStore()
        first = threading.Event()
        work = calls_on(maker, store, 4)

        def shut(
            maker: otp.Engine = maker, store: otp.Store = store, first: threading.Event = first
        ) -> None:
            first.wait()
            maker.close()
            store.close()

        def begin(work: Callable[[], None] = work, first: threading.Event = first) -> None:
            first.set()
            work()

        for error in in_threads(begin, work, work, shut):
            assert isinstance(error, ValueError) and "is closed" in str(error), error
            closed += 1
    assert closed, "no call ever met a closed handle"


def collect() -> None:
    """Drop engines and stores in cycles; the collector finds them while calls go on."""
    stays, shelf = engine(clock=None, rate_limits=otp.RateLimits(unlimited=True)), otp.MemoryStore()

    heard: list[otp.Event] = []

    class Knot:
        """Refers to itself, so that only the collector ends it."""

        def __init__(self) -> None:
            self.me, self.store = self, DictStore()
            self.key = signer()
            self.maker = engine(observer=heard.append)  # whom it tells, it keeps alive
            self.record = otp.MemoryStore(keep_records=True)
            self.signing = engine(signing_key=self.key)

    def tie() -> None:
        for _ in range(ROUNDS):
            knot = Knot()
            knot.maker.issue(knot.store, binding())
            issued = knot.signing.issue(knot.record, binding())
            assert isinstance(issued, otp.Issued)
            assert knot.signing.verify(knot.record, binding(), issued.code).record is not None
            del knot
            gc.collect()

    assert in_threads(tie, calls_on(stays, shelf, 2 * ROUNDS)) == []
    assert len(heard) == ROUNDS and registered() == 0
    stays.close()
    shelf.close()


def shutdown() -> None:
    """End the interpreter while daemon threads are in calls."""
    maker, store, inside = engine(clock=None), DictStore(), threading.Event()

    def work() -> None:
        try:
            while True:
                maker.verify(store, binding(), "123456")
                inside.set()
        except ValueError:
            pass  # closed at exit

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    assert inside.wait(300)


def planted() -> None:
    """Use an engine whose memory is free: the fault that a run under memcheck must show."""
    maker, out = engine(clock=None), ctypes.c_double * 4
    address = maker._open().address
    lib.otp_engine_free(address)
    odds = out()
    ctypes.cast(odds, ctypes.POINTER(ctypes.c_size_t))[0] = ctypes.sizeof(odds)
    lib.otp_engine_odds(address, ctypes.addressof(odds))
    os._exit(0)  # its finalizer would free it once more


if __name__ == "__main__":
    ways = {way.__name__: way for way in (close, collect, shutdown, planted)}
    ways[sys.argv[1]]()
    print(f"{sys.argv[1]}: done")
