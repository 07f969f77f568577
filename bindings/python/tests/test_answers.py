"""Answers say what they say, and show no code and no number to whoever looks at all variables."""

import base64
import copy
import dataclasses
import functools
import gc
import json
from pathlib import Path
from typing import Any

import pytest
from support import START, DictStore, binding, engine, issue, signer, submissions, wrong

import otp_engine as otp
from otp_engine import _callbacks
from otp_engine._handle import Owner, Uncopied
from otp_engine._result import Result

NUMBER = "60123456789"


class Third(DictStore):
    """Raises in one commit."""

    def __init__(self, error: BaseException, nth: int = 3) -> None:
        super().__init__()
        self.error, self.left = error, nth

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        self.left -= 1
        if self.left == 0:
            raise self.error
        return super().commit(writes, now)


def bindings(count: int) -> list[otp.Binding]:
    return [binding(str(at), user=str(at), mobile=f"6012345678{at}") for at in range(count)]


@pytest.mark.parametrize("error", [OSError("cut"), otp.UnavailableError("down"), KeyError("k")])
def test_case_282_a_fault_in_a_batch_is_false(error: Exception) -> None:
    maker, store, to = engine(), Third(error), bindings(5)
    issued = maker.issue_many(store, to)
    assert [bool(one) for one in issued] == [True, True, False, True, True]
    failed = issued[2]
    assert isinstance(failed, otp.Failure)
    assert failed.error is error or failed.error.__cause__ is error
    assert isinstance(failed.error, otp.StoreError)
    codes = [one.code if isinstance(one, otp.Issued) else "000000" for one in issued]

    store.left = 3
    verdicts = maker.verify_many(store, submissions(to, codes))
    admitted = [at for at, verdict in enumerate(verdicts) if verdict]
    # The third commit is of the item without a challenge no commit: it is that of the fourth.
    assert admitted == [0, 1, 4]
    assert isinstance(verdicts[3], otp.Failure) and not verdicts[3]
    assert maker.verify(store, to[3], codes[3])  # nothing was used up


def test_case_282_a_fault_of_the_library_s_own_stores_is_false_too() -> None:
    maker = engine(rate_limits=otp.RateLimits(unlimited=True))
    answers = maker.issue_many(otp.MemoryStore(max_cells=2), bindings(4))
    assert [bool(answer) for answer in answers] == [True, True, False, False]
    full = answers[3]
    assert isinstance(full, otp.Failure) and isinstance(full.error, otp.FullError)
    with pytest.raises(TypeError):
        json.dumps(answers)


def test_case_635_a_fault_in_a_batch_says_what_the_call_alone_says(tmp_path: Path) -> None:
    strict, signs = engine(policy=otp.Policy(content_required=True)), engine(signing_key=signer())
    gone = otp.SqliteStore(tmp_path / "otp.sqlite3")
    (tmp_path / "otp.sqlite3").rename(tmp_path / "away.sqlite3")
    cases: list[tuple[otp.Engine, otp.Store, str]] = [
        (strict, otp.MemoryStore(), "requires a content digest"),
        (signs, otp.MemoryStore(), "need one that keeps them for ever"),
        (engine(), gone, "otp.sqlite3 was replaced or removed"),
    ]
    for maker, store, words in cases:
        to = bindings(2)
        for answers, call in (
            (maker.issue_many(store, to), lambda m=maker, s=store, t=to: m.issue(s, t[1])),
            (
                maker.verify_many(store, submissions(to, ["000000"] * 2)),
                lambda m=maker, s=store, t=to: m.verify(s, t[1], "000000"),
            ),
        ):
            failed = answers[1]
            if not isinstance(failed, otp.Failure):
                continue  # what a policy says of codes that are issued is nothing to a verify
            with pytest.raises(type(failed.error)) as alone:
                call()
            assert str(failed.error) == str(alone.value)
            assert words in str(failed.error)
        assert isinstance(maker.issue_many(store, to)[0], otp.Failure)


def test_case_282_a_store_that_fails_the_suite_is_false() -> None:
    class Blind(DictStore):
        def commit(self, writes: list[otp.Write], now: int) -> bool:
            for write in writes:
                self.cells[write.key] = otp.Cell(write.expected + 1, None, write.body)
            return True

    failed, passed = Blind().check(), otp.MemoryStore(keep_records=True).check()
    assert passed and passed.passed and not failed and not failed.passed
    assert "ok" in failed.text and failed != passed


@functools.cache
def answers_of_each_kind() -> tuple[dict[str, Any], list[str]]:
    """Return an answer of each kind, and what none of them may show."""
    events: list[otp.Event] = []
    maker = engine(signing_key=signer(), observer=events.append)
    store, to = otp.MemoryStore(keep_records=True), binding()
    issued = issue(maker, store, to)
    reported = maker.report_delivery(store, to, issued.challenge_id, 1, delivered=True)
    unclaimed = maker.claim_send(store, to, issued.challenge_id, 1)
    verdict = maker.verify(store, to, issued.code, evidence=otp.Evidence(signer_name="Siti"))
    assert verdict.record is not None
    answers = {
        "issued": issued,
        "refused": maker.issue(store, to),
        "accepted": verdict,
        "record": verdict.record,
        "rejected": maker.verify(store, to, wrong(issued.code)),
        "failure": otp.Failure((otp.StoreError("lost", 12),)),
        "status": maker.status(store, to),
        "message": otp.MessageTemplate("#otp#").compose(issued.code),
        "binding": to,
        "submission": otp.Submission(to, issued.code, evidence=otp.Evidence(signer_name="Siti")),
        "cell": otp.Cell(1, None, verdict.record.sd_jwt.encode()),
        "write": otp.Write(bytes(32), 4, 0, None, verdict.record.sd_jwt.encode()),
        "verified": otp.verify_record(verdict.record, signer().public_jwks),
        "reported": reported,
        "unclaimed": unclaimed,
        "evidence": otp.Evidence(signer_name="Siti"),
        "chain head": maker.chain_head(store, "acme", to.target),
        "chain": otp.verify_chain([verdict.record], signer().public_jwks),
        "expected": otp.Expected(tenant="acme"),
        "checked": maker.check_store(otp.MemoryStore(keep_records=True)),
        "suite": otp.MemoryStore(keep_records=True).check(),
        "odds": maker.odds(),
        "finding": otp.recipient_findings("mobile")[0],
        "policy": otp.Policy(),
        "rate limits": otp.RateLimits(),
        "target": to.target,
    }
    other = binding("16")
    sent = issue(maker, store, other)
    answers["claimed"] = maker.claim_send(store, other, sent.challenge_id, sent.send)
    unfit = engine(signing_key=signer(), policy=otp.Policy(evidence=["image"]))
    answers["evidence fault"] = unfit.verify(
        store, other, sent.code, evidence=otp.Evidence(image=b"no image")
    ).evidence_fault
    # Devices: what they are made of is a secret, and what they make a code.
    totp, ocra = otp.Totp(KEY), otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08-PSHA1", KEY)
    made, said = totp.generate(START), ocra.generate(question="11111111", pin=PIN)
    answers |= {
        "device's": maker.verify_totp(store, to, totp, made),
        "device's, refused": maker.verify_totp(store, to, totp, made),
        "device": otp.Device(ocra, pin=PIN, pin_digest=b"d" * 20, session=b"s" * 64),
        "match": ocra.verify(said, question="11111111", pin=PIN),
        "credential": otp.parse_uri(otp.build_uri(KEY, "ann")),
        "event": next(event for event in events if event.kind == "accepted"),
    }
    hidden = [issued.code, NUMBER, "Siti", verdict.record.jws, *verdict.record.disclosures]
    hidden += [sent.code, made, said, PIN, "dddd", "ssss", *(str(KEY)[2:-1], KEY.hex(), BASE32)]
    return answers, hidden


KEY, PIN = b"a key of twenty oct!", "98761"
BASE32 = base64.b32encode(KEY).decode()


def test_case_648_an_answer_of_each_kind_is_looked_at() -> None:
    answers, _hidden = answers_of_each_kind()
    kinds = {type(answer) for answer in answers.values()}
    told = [getattr(otp, name) for name in otp.__all__]
    made = [
        kind for kind in told
        if isinstance(kind, type) and not issubclass(kind, (Owner, int, bytes))
        and (issubclass(kind, (Result, Uncopied)) or dataclasses.is_dataclass(kind))
    ]  # fmt: skip
    assert len(made) > 30 and {otp.Device, otp.Credential, otp.OathVerdict} <= set(made)
    assert not [kind.__name__ for kind in made if kind not in kinds]
    assert isinstance(answers["claimed"], otp.Issued) and answers["device's"].record is not None
    # Bytes are a sequence, whatever they are; these show nothing by themselves.
    raw = otp.RawSecret(KEY)
    shown = f"{raw!r}{raw}{[raw]}" + json.dumps({"raw": raw}, default=repr)
    assert "twenty" not in shown and KEY.hex() not in shown


def test_case_285_an_answer_is_no_sequence_and_no_dictionary() -> None:
    answers, hidden = answers_of_each_kind()
    for name, answer in answers.items():
        for walk in (iter, list, tuple, len, dict):
            with pytest.raises(TypeError):
                walk(answer)
        with pytest.raises(TypeError):
            answer[0]
        with pytest.raises(TypeError):
            json.dumps({name: answer})
        shown = (
            json.dumps({name: answer}, default=repr) + repr([answer]) + f"{answer}" + str(answer)
        )
        assert not [text for text in hidden if text in shown], name


def test_answers_cannot_be_changed_and_are_equal_by_what_they_say() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    for member in ("code", "recipient", "send"):
        with pytest.raises(AttributeError):
            setattr(issued, member, "1")
    for make in (lambda: maker.verify(store, to, "1"), lambda: maker.issue(store, to)):
        one, other = make(), make()
        assert one == other and hash(one) == hash(other) and one is not other
    assert maker.verify(store, to, wrong(issued.code)) != maker.verify(store, to, "1")
    assert issued != ("", issued.code)
    with pytest.raises(AttributeError):
        to.user = "16"  # type: ignore[misc]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), BaseException("other")]
)
@pytest.mark.parametrize("where", ["load", "commit", "purge", "clock", "observer"])
def test_case_291_what_is_no_exception_passes_through_unchanged(
    error: BaseException, where: str
) -> None:
    armed = False

    def raise_it(*_: object) -> int:
        if armed:
            raise error
        return START

    class Store(DictStore):
        pass

    options: dict[str, Any] = {}
    if where in ("clock", "observer"):
        options[where] = raise_it
    else:
        setattr(Store, where, raise_it)
    maker, store = engine(**options), Store()
    armed = True
    calls = [lambda: maker.purge(store)] if where == "purge" else [
        lambda: maker.issue(store, binding()), lambda: maker.issue_many(store, [binding("16")]),
    ]  # fmt: skip
    if where == "clock":
        calls.append(lambda: engine(clock=raise_it))  # which asks it at once
    gc.collect()
    before = _callbacks.registered()
    for call in calls:
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error
    error.__traceback__ = None
    del caught
    gc.collect()
    assert _callbacks.registered() <= before


class Lagging(otp.UnavailableError):
    """A host's own word for it."""


ERRORS = [
    otp.UnavailableError("replica lags"), Lagging("9 s"), otp.FullError("disk"),
    otp.UnsupportedError("read only"), otp.StoreError("lost", 12), otp.ForkedError("inherited"),
    otp.StoreError("no number"),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("where", ["load", "commit"])
def test_case_290_what_a_host_store_raises_is_what_the_caller_catches(
    error: otp.OtpError, where: str
) -> None:
    error = copy.copy(error)  # a store makes its own each time

    class Store(DictStore):
        broken = False

    def call(self: Store, *arguments: Any) -> Any:
        if self.broken:
            raise error
        return getattr(super(Store, self), where)(*arguments)

    setattr(Store, where, call)
    maker, store, to = engine(), Store(), binding()
    code = issue(maker, store, to).code
    store.broken = True
    for each in (lambda: maker.issue(store, binding("16")), lambda: maker.verify(store, to, code)):
        with pytest.raises(type(error)) as caught:
            each()
        assert caught.value is error
    if where == "commit":
        sure = isinstance(error, (otp.UnavailableError, otp.FullError, otp.UnsupportedError))
        assert error.unknown is not sure
    store.broken = False
    assert maker.verify(store, to, code)


def test_case_290_a_clock_s_own_fault_is_what_the_caller_catches() -> None:
    said = otp.ClockError("no time server")

    def clock() -> float:
        raise said

    with pytest.raises(otp.ClockError) as caught:
        engine(clock=clock).issue(otp.MemoryStore(), binding())
    assert caught.value is said
