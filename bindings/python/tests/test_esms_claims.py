"""Who sends a code: one process, whichever dies, and one gateway after another."""

from __future__ import annotations

import functools
import os
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
import stores
from gateway_fake import Fake
from test_esms_flow import AGAIN, MESSAGE, MOBILE, SENT, Host

import otp_engine as otp
from otp_engine.esms import flow, journal
from otp_engine.esms.gateway import InOrder, SendResult, Timeout
from otp_engine.stores.psycopg2 import Psycopg2Store

COOLDOWN = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    with stores.server("psycopg2") as server:
        yield server


@pytest.fixture
def fake() -> Iterator[Fake]:
    fake = Fake()
    yield fake
    fake.close()


@pytest.fixture(params=["sqlite", "psycopg2"])
def make(
    request: pytest.FixtureRequest,
    folder: pathlib.Path,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Host]:
    """Return what makes a host on the same cells, in any process."""
    if request.param == "sqlite":
        store: Callable[[], otp.Store] = functools.partial(otp.SqliteStore, folder / "cells.db")
    else:
        address = request.getfixturevalue("postgres").address
        stores.forget_cells(address)
        connect = functools.partial(psycopg2.connect, address)
        store = functools.partial(Psycopg2Store, connect)

    def made() -> Host:
        host = Host(store(), fake)
        monkeypatch.setattr(flow, "_now", host.now)
        return host

    return made


def die(*_: Any, **__: Any) -> Any:
    """End this process as a crash does."""
    os.kill(os.getpid(), signal.SIGKILL)


def dies(host: Host, where: str) -> None:
    """Let a host die on its way from the code to the report."""
    if where == "before the issue":
        host.signing._engine = Dying()  # type: ignore[assignment]
    elif where == "before the claim":
        host.signing._hand_over = die  # type: ignore[method-assign]
    elif where == "before the gateway":
        host.gateway.send = die  # type: ignore[method-assign]
    else:
        host.signing._report = die  # type: ignore[method-assign]


class Dying:
    """An engine that dies before it has issued."""

    issue = staticmethod(die)

    def with_policy(self, _policy: otp.Policy) -> Dying:
        return self


def in_child(work: Callable[[], object]) -> int:
    """Run something in a process of its own; return how that ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize(
    ("where", "left", "told"),
    [
        ("before the issue", 0, SENT),
        ("before the claim", 0, SENT),
        ("before the gateway", 0, AGAIN),
        ("before the report", 1, AGAIN),
    ],
)
def test_case_520_what_the_next_request_does_after_each_crash(
    make: Callable[[], Host], where: str, left: int, told: str
) -> None:
    """The table in docs/existing-backends.md: the same code, one message, and one send counted."""

    def crash() -> None:
        host = make()
        dies(host, where)
        host.send()

    host = make()
    assert in_child(crash) == signal.SIGKILL
    assert len(host.codes) == left
    sent = host.send()
    assert sent["message"] == told
    if where == "before the gateway":  # nobody can tell whether it left: the cooldown decides
        assert (sent["esms_otp_response_status"], host.codes) == ("", [])
        host.clock.now += COOLDOWN
        again = host.send()
        assert again["message"] == SENT
        assert again["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert len(host.codes) == 1
    standing = host.engine.status(host.store, host.case.binding)
    assert standing is not None
    assert standing.sends == (2 if where == "before the gateway" else 1)
    assert host.send()["message"] == AGAIN
    assert len(host.codes) == 1
    assert host.verify(host.codes[0])["status"] == 200


def test_case_521_of_many_that_find_a_code_that_never_left_one_sends_it(
    make: Callable[[], Host],
) -> None:
    host = make()
    host.engine.issue(host.store, host.case.binding)  # and its process died
    start, told = threading.Barrier(12), []

    def ask() -> None:
        start.wait()
        told.append(host.send()["message"])

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [AGAIN] * 11 + [SENT]
    assert len(host.codes) == 1
    assert host.verify(host.codes[0])["status"] == 200


def test_case_521_who_was_overtaken_sends_nothing_and_says_so(
    make: Callable[[], Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread comes late, and another request has sent the code."""
    host, other = make(), make()
    monkeypatch.setattr(flow, "_now", host.now)
    hand_over = host.signing._hand_over

    def late(job: Any) -> Any:
        assert other.send()["message"] == SENT
        return hand_over(job)

    monkeypatch.setattr(host.signing, "_hand_over", late)
    told = host.send()
    assert (told["message"], told["esms_otp_response_status"]) == (AGAIN, "0")
    assert (told["retry_after"], told["recipient_mobile"]) == (COOLDOWN, MOBILE)
    assert len(host.codes) == 1


def test_case_521_a_code_that_was_called_off_meanwhile_does_not_leave(
    make: Callable[[], Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make()
    hand_over = host.signing._hand_over

    def late(job: Any) -> Any:
        host.engine.cancel(host.store, host.case.binding)
        return hand_over(job)

    monkeypatch.setattr(host.signing, "_hand_over", late)
    with pytest.raises(otp.ContendedError, match="called off"):
        host.send()
    assert host.codes == []


class Kept(journal.Journal):
    """A queue: what is written down before a message leaves, which holds no code."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = []
        self.told: list[str] = []

    def issued(self, _binding: Any, issued: Any, events: Any, _url: Any) -> str:
        self.rows.append((issued.challenge_id, issued.send))
        self.told += [event.kind for event in events]
        return "https://host.example/receipt"

    def delivered(self, challenge_id: Any, said: Any, events: Any) -> None:
        self.rows = [row for row in self.rows if row[0] != challenge_id]
        self.told += [event.kind for event in events]

    def heard(self, events: Any) -> None:
        self.told += [event.kind for event in events]


def fail(*_: Any) -> Any:
    raise OSError("planted")


def test_case_522_a_queue_sends_what_nobody_came_to_send(
    make: Callable[[], Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once; what is over, changed or sent already is refused, and the row is dropped."""
    host, kept = make(), Kept()
    host.signing._journal = kept
    with monkeypatch.context() as patched:
        patched.setattr(host.signing, "_hand_over", fail)
        with pytest.raises(OSError, match="planted"):
            host.send()
    assert (host.codes, len(kept.rows)) == ([], 1)
    [row] = kept.rows

    def deliver(case: flow.Case | None = None) -> str | None:
        refusal = host.signing.deliver(case or host.case, host.gateway, MESSAGE, *row)
        return None if refusal is None else refusal.reason

    plain = host.case.binding
    members = {name: getattr(plain, name) for name in ("tenant", "purpose", "target", "user")}
    assert deliver(flow.Case(otp.Binding(**members, mobile="60129999999"))) == "mismatch"
    assert host.codes == []
    assert deliver() is None
    assert (len(host.codes), kept.rows) == (1, [])
    assert host.fake.form()["dlr-url"] == "https://host.example/receipt"
    assert deliver() == "reported"
    assert kept.told == ["issued", "claimed", "delivered"]
    assert host.send()["message"] == AGAIN
    assert host.verify(host.codes[0])["status"] == 200
    assert deliver() == "already_used"
    assert len(host.codes) == 1


def test_case_522_what_a_queue_learns_later_is_reported(make: Callable[[], Host]) -> None:
    """The gateway of a host with a queue of texts answers None, and Send does not wait for it."""
    host, texts = make(), []

    class Queue:
        def send(self, to: str, text: str, reference: str) -> None:
            texts.append(text)

    sent = host.signing.send(host.case, Queue(), MESSAGE)
    assert (sent["message"], sent["esms_otp_response_status"]) == (SENT, "")
    assert host.send()["message"] == AGAIN, "it is claimed"
    challenge_id = sent["esms_otp_generation_id"][4:]
    host.signing.report(host.case, challenge_id, 1, SendResult(False, "5"))
    standing = host.engine.status(host.store, host.case.binding)
    assert standing is not None
    assert (standing.delivery, standing.gateway_status) == ("failed", "5")
    assert len(texts) == 1


class Said:
    """A gateway that says what it is told to."""

    def __init__(self, said: SendResult | Exception | None) -> None:
        self.said, self.texts = said, []

    def send(self, to: str, text: str, reference: str) -> SendResult | None:
        self.texts.append((to, text, reference))
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


TAKEN, FULL, SILENT = SendResult(True, "0"), SendResult(False, "5"), Timeout("planted")


@pytest.mark.parametrize(
    ("says", "asked", "status", "told"),
    [
        ([TAKEN, TAKEN], [1, 0], 200, "0"),
        ([FULL, TAKEN], [1, 1], 200, "0"),
        ([FULL, None, TAKEN], [1, 1, 0], 200, ""),
        ([FULL, SendResult(False, "9")], [1, 1], 502, "9"),
        ([SILENT, TAKEN], [1, 0], 502, ""),
        ([FULL, SILENT, TAKEN], [1, 1, 0], 502, ""),
    ],
)
def test_case_523_the_next_gateway_gets_what_one_refused_and_nothing_after_a_silence(
    make: Callable[[], Host], says: list[Any], asked: list[int], status: int, told: str
) -> None:
    """The same code, and one send of the limits, whichever took it."""
    host, gateways = make(), [Said(said) for said in says]
    sent = host.signing.send(host.case, InOrder(*gateways), MESSAGE)
    assert (sent["status"], sent["esms_otp_response_status"]) == (status, told)
    assert [len(gateway.texts) for gateway in gateways] == asked
    assert len({text for gateway in gateways for text in gateway.texts}) == 1
    standing = host.engine.status(host.store, host.case.binding)
    assert standing is not None and standing.sends == 1


def test_case_523_an_order_has_a_gateway() -> None:
    with pytest.raises(ValueError, match="gateways must be one or more"):
        InOrder()


def test_case_524_the_next_recipient_gets_a_code_of_its_own_after_a_refusal(
    make: Callable[[], Host],
) -> None:
    """At the next request, and never back again while that code is live."""
    host = make()
    plain = host.case.binding
    members = {name: getattr(plain, name) for name in ("tenant", "purpose", "target", "user")}
    order = [host.case, flow.Case(otp.Binding(**members, email="siti@example.com"))]

    def send(said: SendResult) -> tuple[flow.Case, dict[str, Any]]:
        case = host.signing.in_order(order, sending=True)
        return case, host.signing.send(case, Said(said), MESSAGE)

    assert host.signing.in_order(order) is order[0], "nothing is live"
    case, refused = send(FULL)
    assert (case, refused["status"]) == (order[0], 502)
    assert host.signing.in_order(order) is order[0], "its code is live, and may have come"
    case, early = send(TAKEN)
    assert (case, early["status"]) == (order[1], 429), "a refusal leaves ten seconds"
    host.clock.now += 10
    case, sent = send(TAKEN)
    assert (case, sent["status"]) == (order[1], 200)
    assert sent["recipient_mobile"] == "siti@example.com"
    for sending in (True, False):
        assert host.signing.in_order(order, sending=sending) is order[1]
    host.clock.now += COOLDOWN
    case, refused = send(FULL)
    assert (case, refused["status"]) == (order[1], 502)
    assert host.signing.in_order(order, sending=True) is order[1], "the last one stays"
    host.clock.now += 200
    assert host.signing.in_order(order, sending=True) is order[0], "no code is live"
