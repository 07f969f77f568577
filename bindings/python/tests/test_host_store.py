"""Host stores: sound ones work, and whatever a bad one does, nothing is accepted."""

import gc
import pathlib
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from support import Clock, DictStore, binding, engine, example_store, issue, signer, wrong

import otp_engine as otp
from otp_engine import _bindings as c
from otp_engine import _callbacks


def test_the_example_over_sqlite3_passes_the_suite(folder: pathlib.Path) -> None:
    report = example_store()(str(folder / "cells.db")).check()
    assert report, report.text


def test_the_example_is_about_forty_lines_of_code() -> None:
    import inspect

    lines = inspect.getsource(example_store()).splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 45


def test_the_suite_refuses_a_store_that_never_conflicts() -> None:
    class Blind(DictStore):
        def commit(self, writes: list[otp.Write], now: int) -> bool:
            for write in writes:
                self.cells[write.key] = otp.Cell(write.expected + 1, None, write.body)
            return True

    report = Blind().check()
    assert not report and "ok" in report.text


def test_a_whole_signing_on_a_host_store(folder: pathlib.Path) -> None:
    clock = Clock()
    maker = engine(clock=clock, signing_key=signer())
    store, to = example_store()(str(folder / "cells.db")), binding()
    code = issue(maker, store, to).code
    assert maker.verify(store, to, wrong(code)).attempts_left == 4
    assert maker.verify(store, to, code).record
    assert maker.verify(store, to, code).rejection == "already_used"
    assert maker.latest_signature(store, "acme", binding().target)
    clock.now += 30 * 86_400
    assert maker.purge(store, limit=2, confirmed=True) == 2
    assert maker.purge(store) > 0
    assert maker.latest_signature(store, "acme", binding().target)


def test_a_store_that_may_lose_cells_is_refused_by_an_engine_that_signs() -> None:
    class Cache(DictStore):
        permanent = False

    ending = otp.RateLimits(lock_ends_after=30 * 86_400)
    with pytest.raises(otp.UnsupportedError):
        engine(signing_key=signer(), rate_limits=ending).issue(Cache(), binding())
    # Nor can it keep a lock without end: rate limits say when it ends.
    with pytest.raises(ValueError, match="lock_ends_after"):
        engine().issue(Cache(), binding())
    assert engine(rate_limits=ending).issue(Cache(), binding())


class Spoilt(DictStore):
    """Sound until it is spoilt."""

    def __init__(self) -> None:
        super().__init__()
        self.spoil_load: Callable[[list[otp.Cell | None]], Any] | None = None
        self.spoil_commit: Callable[[], Any] | None = None

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        cells = super().load(keys)
        return self.spoil_load(cells) if self.spoil_load else cells  # type: ignore[no-any-return]

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        if self.spoil_commit:
            return self.spoil_commit()  # type: ignore[no-any-return]
        return super().commit(writes, now)


def fails_closed(store: Spoilt, kind: type[BaseException] = otp.OtpError) -> BaseException:
    """Issue on the sound store, spoil it, and require that nothing is accepted."""
    load, commit = store.spoil_load, store.spoil_commit
    store.spoil_load = store.spoil_commit = None
    maker, to = engine(), binding()
    code = issue(maker, store, to).code
    store.spoil_load, store.spoil_commit = load, commit
    calls: list[Callable[[], Any]] = [
        lambda: maker.issue(store, binding("new")),
        lambda: maker.verify(store, to, wrong(code)),
        lambda: maker.verify(store, to, code),
    ]
    for call in calls:
        with pytest.raises(kind) as caught:
            call()
    if issubclass(kind, Exception):
        batch = maker.verify_many(store, [otp.Submission(to, code)])
        assert isinstance(batch[0], otp.Failure) and isinstance(batch[0].error, kind)
    else:
        with pytest.raises(kind):
            maker.verify_many(store, [otp.Submission(to, code)])
    store.spoil_load = store.spoil_commit = None
    assert maker.verify(store, to, code)  # the code was never used up, nor was the store left ill
    return caught.value


def key_error(*_: Any) -> Any:
    raise KeyError("cell")


def test_case_69_what_load_raises_fails_closed_and_is_the_cause() -> None:
    store = Spoilt()
    store.spoil_load = key_error
    fault = fails_closed(store)
    assert isinstance(fault, otp.StoreError) and not fault.unknown
    assert isinstance(fault.__cause__, KeyError)


def test_case_69_what_commit_raises_fails_closed_and_is_the_cause() -> None:
    store = Spoilt()
    store.spoil_commit = key_error
    fault = fails_closed(store)
    assert isinstance(fault, otp.StoreError) and fault.unknown
    assert isinstance(fault.__cause__, KeyError)


@pytest.mark.parametrize(
    ("raised", "status"),
    [(otp.UnavailableError, 10), (otp.FullError, 11), (otp.UnsupportedError, 13), (OSError, 12)],
)
def test_a_commit_that_raises_may_say_that_nothing_was_changed(
    raised: type[Exception], status: int
) -> None:
    def refuse() -> Any:
        raise raised("as planted")

    store = Spoilt()
    store.spoil_commit = refuse
    fault = fails_closed(store)
    assert isinstance(fault, otp.StoreError) and fault.status == status
    assert fault.unknown == (raised is OSError)
    said = fault.__cause__ if raised is OSError else fault
    assert isinstance(said, raised) and str(said) == "as planted"


class Odd:
    """A cell whose members are what they are told to be."""

    def __init__(self, version: Any, discard_after: Any, body: Any) -> None:
        self.version, self.discard_after, self.body = version, discard_after, body


GARBAGE: dict[str, Callable[[list[otp.Cell | None]], Any]] = {
    "none": lambda cells: None,
    "text": lambda cells: "cells",
    "number": lambda cells: 7,
    "tuple": tuple,
    "empty": lambda cells: [],
    "too short": lambda cells: cells[:-1],
    "too long": lambda cells: [*cells, None],
    "rows": lambda cells: [(1, None, b"") for _ in cells],
    "texts": lambda cells: ["cell" for _ in cells],
    "no body": lambda cells: [Odd(1, None, None) for _ in cells],
    "text for a body": lambda cells: [Odd(1, None, "body") for _ in cells],
    "number for a body": lambda cells: [Odd(1, None, 40) for _ in cells],
    "text for a version": lambda cells: [Odd("1", None, b"") for _ in cells],
    "version 0": lambda cells: [Odd(0, None, b"x" * 50) for _ in cells],
    "negative version": lambda cells: [Odd(-1, None, b"") for _ in cells],
    "huge version": lambda cells: [Odd(2**64, None, b"") for _ in cells],
    "text for an end": lambda cells: [Odd(1, "soon", b"") for _ in cells],
    "empty body": lambda cells: [Odd(1, None, b"") for _ in cells],
    "noise": lambda cells: [Odd(1, None, bytes(range(100))) for _ in cells],
    "a megabyte": lambda cells: [Odd(1, None, bytes(2**20)) for _ in cells],
    "swapped": lambda cells: (
        [c and Odd(c.version, c.discard_after, c.body[::-1]) for c in cells] if any(cells) else None
    ),
    "other versions": lambda cells: (
        [c and Odd(c.version + 1, c.discard_after, c.body) for c in cells] if any(cells) else None
    ),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_case_68_garbage_from_load_fails_closed(name: str) -> None:
    store = Spoilt()
    store.spoil_load = GARBAGE[name]
    fails_closed(store)


@pytest.mark.parametrize("said", [None, 1, 0, "done", b"", [], 2.0, object()])
def test_case_68_a_commit_that_does_not_say_true_or_false_fails_closed(said: Any) -> None:
    store = Spoilt()
    store.spoil_commit = lambda: said
    fault = fails_closed(store)
    assert isinstance(fault, otp.StoreError) and fault.unknown
    assert isinstance(fault.__cause__, TypeError)


def test_a_store_that_implements_nothing_is_told_what_it_lacks() -> None:
    class Empty(otp.HostStore):
        pass

    class Reader(otp.HostStore):
        def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
            return [None] * len(keys)

    for store, lacks in ((Empty(), "load"), (Reader(), "commit")):
        with pytest.raises(otp.UnsupportedError, match=rf"must implement {lacks}\(\)$"):
            engine().issue(store, binding())
        assert not store.check()


def test_a_commit_that_always_conflicts_ends() -> None:
    store = Spoilt()
    store.spoil_commit = lambda: False
    assert isinstance(fails_closed(store), otp.ContendedError)


@pytest.mark.parametrize("where", ["load", "commit"])
@pytest.mark.parametrize("what", ["issue", "status", "many", "free"])
def test_case_70_a_store_that_re_enters_is_refused(where: str, what: str) -> None:
    other, to, store = engine(), binding(), Spoilt()
    memory = otp.MemoryStore()

    def again(*_: Any) -> Any:
        if what == "issue":
            other.issue(memory, to)
        elif what == "status":
            other.status(memory, to)
        elif what == "many":
            other.issue_many(memory, [to])
        else:
            memory.close()  # freeing inside a callback is harmless
            raise otp.ReenteredError("as the others")

    if where == "load":
        store.spoil_load = again
    else:
        store.spoil_commit = again
    assert isinstance(fails_closed(store), otp.ReenteredError)


def test_case_21_a_lost_commit_gives_no_verdict_and_keeps_no_attempt() -> None:
    store, maker, to = Spoilt(), engine(), binding()
    code = issue(maker, store, to).code
    store.spoil_commit = key_error
    for _ in range(10):
        with pytest.raises(otp.StoreError):
            maker.verify(store, to, wrong(code))
    store.spoil_commit = None
    assert maker.verify(store, to, wrong(code)).attempts_left == 4


def test_case_20_an_attempt_stays_when_the_host_raises_afterwards() -> None:
    store, maker, to = DictStore(), engine(), binding()
    code = issue(maker, store, to).code
    with pytest.raises(ZeroDivisionError):
        _ = maker.verify(store, to, wrong(code)).attempts_left / 0  # type: ignore[operator]
    assert maker.verify(store, to, wrong(code)).attempts_left == 3


def test_the_database_error_of_the_example_is_the_cause(folder: pathlib.Path) -> None:
    store = example_store()(str(folder / "no-such-folder" / "cells.db"))
    with pytest.raises(otp.StoreError) as caught:
        engine().issue(store, binding())
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


def test_a_cause_does_not_outlive_its_call() -> None:
    store = Spoilt()
    store.spoil_load = key_error
    maker = engine()
    with pytest.raises(otp.StoreError):
        maker.issue(store, binding())
    maker.issue_many(store, [binding()])
    with pytest.raises(otp.StoreError) as caught:
        engine(signing_key=signer()).issue(otp.MemoryStore(), binding())
    assert caught.value.__cause__ is None


def test_a_batch_names_the_cause_of_each_fault() -> None:
    store, maker = Spoilt(), engine(rate_limits=otp.RateLimits(unlimited=True))
    calls = iter(range(100))

    def second(cells: list[otp.Cell | None]) -> Any:
        return key_error() if next(calls) == 1 else cells

    store.spoil_load = second
    answers = maker.issue_many(store, [binding(str(record)) for record in range(3)])
    assert [type(answer) for answer in answers] == [otp.Issued, otp.Failure, otp.Issued]
    failure = answers[1]
    assert isinstance(failure, otp.Failure) and isinstance(failure.error.__cause__, KeyError)


def test_an_observer_that_raises_undoes_nothing() -> None:
    import sys

    seen: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        maker, store, to = engine(observer=key_error), otp.MemoryStore(), binding()
        assert maker.verify(store, to, issue(maker, store, to).code)
    finally:
        sys.unraisablehook = hook
    assert [type(said.exc_value) for said in seen] == [KeyError, KeyError]


def test_collected_handles_free_their_callbacks() -> None:
    gc.collect()
    before = _callbacks.registered()
    for _ in range(3):
        maker = engine(observer=lambda event: None)
        sibling = maker.with_policy(otp.Policy(digits=8))
        store = DictStore()
        assert sibling.issue(store, binding())
    assert _callbacks.registered() > before
    del maker, sibling, store
    gc.collect()
    assert _callbacks.registered() == before


def test_a_closed_host_store_frees_its_callbacks_at_once() -> None:
    before = _callbacks.registered()
    store = DictStore()
    assert _callbacks.registered() == before + 1
    store.close()
    assert _callbacks.registered() == before


def test_a_failed_constructor_leaves_nothing_behind() -> None:
    before = _callbacks.registered()
    with pytest.raises(ValueError):
        otp.Engine(
            otp.KeyRing({"a": bytes([1]) * 32}, index=bytes(range(32))),
            policy=otp.Policy(evidence=["image"]),
            clock=Clock(),
            rate_limits=SpoiltRateLimits(),
        )
    assert _callbacks.registered() == before


class SpoiltRateLimits(otp.RateLimits):
    """What the library refuses."""

    def _packed(self) -> c.otp_rate_limits:
        packed = super()._packed()
        packed.user_failures_per_day = 99
        return packed


def test_case_320_a_purge_that_may_have_dropped_cells_never_says_that_nothing_changed() -> None:
    class Greedy(DictStore):
        answer: Any = 7

        def purge(self, now: int, limit: int) -> int:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer  # type: ignore[no-any-return]

    maker, store = engine(), Greedy()
    with pytest.raises(otp.StoreError, match="dropped 7 cells, with a limit of 2") as raised:
        maker.purge(store, limit=2)
    assert raised.value.unknown and "nothing was changed" not in str(raised.value)
    for answer in (-1, 2**64, 1.0, True, None, OSError("the connection broke")):
        store.answer = answer
        with pytest.raises(otp.StoreError) as raised:
            maker.purge(store, limit=2)
        assert raised.value.unknown and "nothing was changed" not in str(raised.value), answer
        assert isinstance(raised.value.__cause__, TypeError | OSError)
    store.answer = otp.UnavailableError("nobody was asked")  # the host's own word for it
    with pytest.raises(otp.StoreError) as raised:
        maker.purge(store, limit=2)
    assert not raised.value.unknown
