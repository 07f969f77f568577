"""Forty greenlets in one thread, on a store whose clients wait: `greenlets.py STORE [early|late]`.

``early`` patches before the package is imported, as gevent asks for; ``late`` after it, as happens.
"""

import sys

from gevent import monkey

if "late" not in sys.argv:
    monkey.patch_all()

from collections import Counter
from typing import Any

import gevent
import servers
import stores
from support import DictStore, binding, engine, engine_on_any, issue, key_ring, wrong

import otp_engine as otp

if "late" in sys.argv:
    monkey.patch_all()

GREENLETS = 40


class Waiting(DictStore):
    """A host store whose every answer takes a while, in which other greenlets run."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = self.most = 0

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        gevent.sleep(0.002)
        self.inside -= 1
        return super().load(keys)

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        gevent.sleep(0.002)
        return super().commit(writes, now)


def until_answered(call: Any) -> Any:
    while True:
        try:
            return call()
        except otp.ContendedError:
            gevent.sleep(0)


def signings(maker: otp.Engine, store: otp.Store) -> None:
    """Let each greenlet sign a record of its own: nobody is in anybody's way."""

    def sign(nth: int) -> list[str | None]:
        to = binding(f"{nth}", user=f"{nth}", mobile=f"601234567{nth:02}")
        code = until_answered(lambda: issue(maker, store, to)).code
        typed = [wrong(code), code, code]
        return [until_answered(lambda t=t: maker.verify(store, to, t)).rejection for t in typed]

    jobs = [gevent.spawn(sign, nth) for nth in range(GREENLETS)]
    gevent.joinall(jobs, raise_error=True)
    assert [job.value for job in jobs] == [["wrong", None, "already_used"]] * GREENLETS


def one_code(maker: otp.Engine, store: otp.Store) -> None:
    """Let all give one right code at once: it is good once."""
    to = binding("one", user="one", mobile="60198765432")
    code = issue(maker, store, to).code
    jobs = [
        gevent.spawn(until_answered, lambda: maker.verify(store, to, code))
        for _ in range(GREENLETS)
    ]
    gevent.joinall(jobs, raise_error=True)
    counted = Counter(job.value.rejection for job in jobs)
    assert counted == {None: 1, "already_used": GREENLETS - 1}, counted


def each_with_its_own_error(maker: otp.Engine) -> None:
    """Let half of the stores fail: what one raised reaches its own caller, and no other."""

    class Failing(Waiting):
        error: BaseException | None = None

        def commit(self, writes: list[otp.Write], now: int) -> bool:
            gevent.sleep(0.002)
            if self.error is not None:
                raise self.error
            return super().commit(writes, now)

    def call(nth: int) -> BaseException | None:
        store = Failing()
        if nth % 2:
            store.error = otp.UnavailableError(f"store {nth}")
        try:
            maker.issue(store, binding(f"{nth}"))
        except otp.UnavailableError as error:
            assert error is store.error, (error, store.error)
        else:
            assert store.error is None
        return store.error

    jobs = [gevent.spawn(call, nth) for nth in range(GREENLETS)]
    gevent.joinall(jobs, raise_error=True)
    assert sum(job.value is not None for job in jobs) == GREENLETS // 2


def ends(maker: otp.Engine) -> None:
    """Let a time limit and a kill end a greenlet that waits in a store: as in any other code."""
    store = Waiting()
    limit = gevent.Timeout(0.001)
    limit.start()
    try:
        maker.issue(store, binding("late"))
        raise AssertionError("no time limit")
    except gevent.Timeout as error:
        assert error is limit
    finally:
        limit.close()
    killed = gevent.spawn(maker.issue, store, binding("killed"))
    gevent.sleep(0.001)
    killed.kill()
    assert isinstance(killed.value, gevent.GreenletExit), killed.value
    assert maker.issue(store, binding("after"))  # nothing stays marked


def still_refused(maker: otp.Engine) -> None:
    """Let a store call back itself: that is refused as ever, while others are in callbacks."""

    class Again(Waiting):
        def commit(self, writes: list[otp.Write], now: int) -> bool:
            gevent.sleep(0.002)
            maker.status(self, binding())
            raise AssertionError("not refused")

    def call() -> None:
        try:
            maker.issue(Again(), binding())
        except otp.ReenteredError:
            return
        raise AssertionError("not refused")

    gevent.joinall([gevent.spawn(call) for _ in range(GREENLETS)], raise_error=True)


def on_a_host_store() -> None:
    waiting = Waiting()
    maker = otp.Engine(key_ring(), observer=lambda event: gevent.sleep(0))
    signings(maker, waiting)
    assert waiting.most > GREENLETS // 2, waiting.most  # the control: they did run side by side
    one_code(maker, waiting)
    each_with_its_own_error(maker)
    ends(maker)
    still_refused(maker)


def main(kind: str) -> None:
    if kind == "host":
        on_a_host_store()
    elif kind == "sqlite":
        with servers.own_folder() as folder:
            maker, store = engine(clock=None), otp.SqliteStore(folder / "cells.db")
            signings(maker, store)
            one_code(maker, store)
    else:
        with stores.server(kind) as server, stores.opened(kind, server.address) as opened:
            maker = engine_on_any(clock=None)
            signings(maker, opened)
            one_code(maker, opened)
            each_with_its_own_error(maker)
            ends(maker)


if __name__ == "__main__":
    main(sys.argv[1])
    print(f"{sys.argv[1]}: {GREENLETS} greenlets are done")
