"""What goes in is refused by name where it cannot be meant."""

import copy
import ctypes
import dataclasses
import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from support import INDEX, SECRET, Clock, binding, engine, issue, key_ring, signer, wrong

import otp_engine as otp
from otp_engine import _bindings as c
from otp_engine.binding import Bound
from otp_engine.engine import _submissions

POLICY = [
    ("digits", 6, 10, {}), ("letters", 4, 26, {}), ("validity", 60, 600, {}),
    ("validity", 60, 604_800, {"token": True}), ("max_attempts", 1, 10, {}),
    ("lockout", 600, 86_400, {}), ("cooldown", 15, 600, {}), ("max_sends", 1, 10, {}),
]  # fmt: skip
SECONDS = "validity", "lockout", "cooldown"
RATE_LIMITS = [
    ("user_failures_per_day", 1, 32), ("consecutive_failures", 10, 100),
    ("recipient_failures_per_day", 1, 32), ("user_sends_per_hour", 1, 32),
    ("recipient_sends_per_ten_minutes", 1, 32), ("recipient_sends_per_day", 1, 32),
]  # fmt: skip


def edges(make: Callable[..., object], name: str, least: int, most: int, **other: Any) -> None:
    unit = " s" if name in SECONDS else ""
    for value in (least, most):
        make(**{name: value}, **other)
    for value in (least - 1, most + 1, -1, 2**31, 2**64):
        said = f"^{name} is {value}{unit}; it must be {least} to {most}{unit}$"
        with pytest.raises(ValueError, match=said):
            make(**{name: value}, **other)
    for bad in ("6", 6.0, True):
        with pytest.raises(TypeError, match=name):
            make(**{name: bad}, **other)


@pytest.mark.parametrize(("name", "least", "most", "other"), POLICY)
def test_case_35_a_policy_out_of_bounds_is_named(
    name: str, least: int, most: int, other: dict[str, Any]
) -> None:
    edges(otp.Policy, name, least, most, **other)


@pytest.mark.parametrize(("name", "least", "most"), RATE_LIMITS)
def test_a_budget_out_of_bounds_is_named(name: str, least: int, most: int) -> None:
    edges(otp.RateLimits, name, least, most)


def test_a_policy_takes_one_kind_of_code_and_known_words() -> None:
    for bad, named in (
        ({"digits": 6, "letters": 8}, "one of digits"),
        ({"letters": 8, "token": True}, "one of digits"),
        ({"resend": "again"}, "resend"),
        ({"evidence": ["selfie"]}, "selfie"),
    ):
        with pytest.raises(ValueError, match=named):
            otp.Policy(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("typed", [123456, b"123456", None, 123456.0, ["123456"]])
def test_case_02_what_was_typed_is_text_or_a_type_error(typed: Any) -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issue(maker, store, to)
    with pytest.raises(TypeError, match="code must be str"):
        maker.verify(store, to, typed)
    with pytest.raises(TypeError, match="code must be str"):
        maker.verify_many(store, [otp.Submission(to, typed)])
    status = maker.status(store, to)
    assert status is not None and status.attempts_left == 5


MALFORMED = [
    "", "12345", "1234567", "+12345", "1e5", "0x1234", "123456.0", "12345a", "\ud800",
    "12345\ud800", "²²²²²²", "your code is 123456", "1" * 4096, "1" * 2**20, "\u200b" * 300,
]  # fmt: skip


@pytest.mark.parametrize("typed", MALFORMED, ids=range(len(MALFORMED)))
def test_case_08_what_is_no_code_is_malformed_and_costs_no_attempt(typed: str) -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issue(maker, store, to)
    verdict = maker.verify(store, to, typed)
    assert (verdict.rejection, verdict.public) == ("malformed", "malformed")
    status = maker.status(store, to)
    assert status is not None and status.attempts_left == 5


def test_case_07_a_nul_never_truncates() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    for typed in (f"{code}\0", f"{code}\0x", f"\0{code}", f"{code[:3]}\0{code[3:]}"):
        assert maker.verify(store, to, typed).rejection == "malformed"
    assert maker.verify(store, to, code)


def test_case_03_and_04_spaces_and_other_digits_are_the_same_code() -> None:
    for form in (
        lambda code: f" {code[:3]} {code[3:]}\n",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: "\u200f".join(code),
        lambda code: "".join(chr(0x660 + int(digit)) for digit in code),
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
    ):
        maker, store, to = engine(), otp.MemoryStore(), binding()
        assert maker.verify(store, to, form(issue(maker, store, to).code))


@pytest.mark.parametrize("mobile", ["", "abc", "12", "6012345678901234567890", "60 12 x"])
def test_case_47_a_number_that_is_none_is_named(mobile: str) -> None:
    with pytest.raises(ValueError, match=r"^mobile "):
        binding(mobile=mobile)


def test_a_binding_names_what_is_wrong_with_it() -> None:
    def with_member(name: str, value: Any) -> otp.Binding:
        member = name.removeprefix("target.")
        if member == name:
            return binding(**{name: value})
        return binding(target=dataclasses.replace(binding().target, **{member: value}))

    for name in ("tenant", "purpose", "target.model", "target.field", "target.id", "user"):
        # Users and records are numbered in most databases.
        for value in (None, True if name in ("target.id", "user") else 15, b"15"):
            with pytest.raises(TypeError, match=f"{name} must be str"):
                with_member(name, value)
        for text in ("x" * 300, "x" * 100_000, "\ud800"):
            with pytest.raises(ValueError, match=name):
                with_member(name, text)
    for target in (None, ("m", "f", "1"), "m"):
        with pytest.raises(TypeError, match="target must be Target"):
            binding(target=target)
    for size in (0, 31, 33):
        with pytest.raises(ValueError, match=f"^content is {size} bytes; it must be 32 bytes"):
            binding(content=bytes(size))
    for content, kind in (("x" * 32, "str"), (bytearray(32), "bytearray")):
        with pytest.raises(TypeError, match=f"^content must be bytes, not {kind}$"):
            binding(content=content)
    for given, said in (({"email": "a@example.com"}, "both are"), ({"mobile": None}, "neither is")):
        with pytest.raises(ValueError, match=f"exactly one of mobile and email; {said} given$"):
            binding(**given)


def test_case_60_parts_of_a_binding_are_told_apart() -> None:
    maker, store = engine(), otp.MemoryStore()
    one, other = binding(model="ab", field="c"), binding(model="a", field="bc")
    assert not maker.verify(store, other, issue(maker, store, one).code)


def test_case_652_secrets_of_zeros_are_refused_by_name() -> None:
    said = r"^the code secret a is all zero bytes; it must be random$"
    with pytest.raises(otp.KeyRingError, match=said):
        otp.KeyRing({"a": bytes(32)}, index=INDEX)
    with pytest.raises(otp.KeyRingError, match=r"^the index secret is all zero bytes; "):
        otp.KeyRing({"a": SECRET}, index=bytes(64))
    with pytest.raises(otp.KeyRingError, match=r"^the signing key's secret is all zero bytes; "):
        otp.SigningKey.from_seed(bytes(32))


def test_case_80_secrets_are_long_enough_and_differ() -> None:
    for codes, index in (
        ({"a": bytes(31)}, INDEX), ({"a": SECRET}, bytes(31)), ({"a": SECRET}, SECRET),
        ({"a": SECRET, "b": SECRET}, INDEX), ({}, INDEX), ({"": SECRET}, INDEX),
    ):  # fmt: skip
        with pytest.raises((otp.KeyRingError, ValueError)):
            otp.KeyRing(codes, index=index)
    with pytest.raises(TypeError, match=r"^codes\['a'\] must be bytes, not str$"):
        otp.KeyRing({"a": "x" * 32}, index=INDEX)  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"^index must be bytes, not str$"):
        otp.KeyRing({"a": SECRET}, index="x" * 32)  # type: ignore[arg-type]
    with pytest.raises(otp.KeyRingError, match=r"^the index secret is 31 bytes; .* at least 32"):
        otp.KeyRing({"a": SECRET}, index=bytes(31))
    with pytest.raises((otp.KeyRingError, ValueError)):
        key_ring(current="no-such")
    with pytest.raises(ValueError, match="retired"):
        key_ring(retired={"no-such": datetime.now(timezone.utc)})
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises((otp.KeyRingError, ValueError)):
            otp.SigningKey.from_seed(seed)
    with pytest.raises((otp.KeyRingError, ValueError)):
        otp.SigningKey.from_pem("no key")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="retired"):
        key_ring(current="b", retired={"2026a": datetime(2026, 1, 1)})


def test_a_delivery_names_what_is_wrong_with_it() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)

    def report(named: str = issued.challenge_id, send: Any = 1, status: Any = "10") -> str:
        told = maker.report_delivery(store, to, named, send, delivered=False, status=status)
        return told.outcome

    for send in (0, 256, -1):
        with pytest.raises(ValueError, match="send"):
            report(send=send)
    for send in ("1", None, 1.0, True):
        with pytest.raises(TypeError, match="send"):
            report(send=send)
    with pytest.raises(TypeError, match="status"):
        report(status=10)
    with pytest.raises(TypeError, match="challenge_id"):
        report(None)  # type: ignore[arg-type]
    assert report() == "refunded"


def test_limits_are_whole_and_not_negative() -> None:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    for limit, error in ((-1, ValueError), (2**64, ValueError), (1.0, TypeError), ("1", TypeError)):
        with pytest.raises(error, match="limit"):
            maker.purge(store, limit=limit)  # type: ignore[arg-type]
        with pytest.raises(error, match="limit"):
            maker.signatures(store, "t", otp.Target("m", "f", "r"), limit=limit)  # type: ignore[arg-type]


def test_what_is_closed_refuses() -> None:
    maker, store, to, ring, key = engine(), otp.MemoryStore(), binding(), key_ring(), signer()
    with otp.MemoryStore() as short:
        assert maker.issue(short, to)
    with pytest.raises(ValueError, match="MemoryStore is closed"):
        maker.issue(short, to)
    for owner in (maker, ring, key):
        owner.close()
        owner.close()
    for call in (
        lambda: maker.issue(store, to), lambda: maker.verify(store, to, "123456"),
        lambda: maker.with_policy(otp.Policy()), lambda: maker.odds(), lambda: maker.purge(store),
        lambda: maker.issue_many(store, [to]),
        lambda: maker.verify_many(store, [otp.Submission(to, "1")]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="Engine is closed"):
            call()
    with pytest.raises(ValueError, match="KeyRing is closed"):
        otp.Engine(ring)
    with pytest.raises(ValueError, match="SigningKey is closed"):
        engine(signing_key=key)


def test_an_answer_is_true_only_where_it_is_good() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    assert bool(issued) and not bool(maker.issue(store, to))
    assert not maker.verify(store, to, "12")
    assert maker.verify(store, to, issued.code)
    assert not otp.verify_record("a.b.c", signer().public_jwks)


PACKED: list[dict[str, Any]] = [
    {},
    {"content": bytes(range(32))},
    {"content": bytes(range(32)), "content_guessable": True},
    {"mobile": None, "email": "ali@example.com"},
    {"tenant": "t", "purpose": "π", "target": otp.Target("é" * 20, "signature", "名前")},
]


def seen(view: c.otp_view) -> bytes:
    """Return what a view shows."""
    return ctypes.string_at(view.data, view.len) if view.len else b""


@pytest.mark.parametrize("members", PACKED, ids=range(len(PACKED)))
def test_bindings_are_laid_out_as_the_library_reads_them(members: dict[str, Any]) -> None:
    """The layout is written twice, in the binding and in the header: member for member the same."""
    to = binding(**members)
    given: dict[str, Any] = {
        "tenant": "acme", "purpose": "sign", "target": to.target, "user": "7",
        "mobile": "60123456789", **members,
    }  # fmt: skip
    named = given["target"]
    read = c.otp_binding_options.from_buffer_copy(to._options)
    target = read.target
    views = (read.tenant, read.purpose, target.model, target.field, target.id, read.user)
    texts = (given["tenant"], given["purpose"], named.model, named.field, named.id, given["user"])
    assert [seen(view) for view in views] == [text.encode() for text in texts]
    assert seen(read.recipient) == (given["mobile"] or given["email"]).encode()
    assert seen(read.content) == (given.get("content") or b"")
    assert read.struct_size == ctypes.sizeof(read)
    assert read.recipient_kind == (1 if given["mobile"] else 2)
    assert read.content_guessable == given.get("content_guessable", False)


def test_submissions_are_laid_out_as_the_library_reads_them() -> None:
    """The same of a batch."""
    made, codes = [Bound(0), Bound(0)], [b"123456", "\uff11\uff12\uff13".encode()]
    run, kept = _submissions([(to, code, b"", None) for to, code in zip(made, codes, strict=True)])
    read = (c.otp_submission * 2).from_buffer_copy(run)
    assert [seen(one.code) for one in read] == codes
    assert not any(one.binding or one.evidence or one.challenge_id.len for one in read)
    del kept


def test_a_binding_keeps_its_handle_for_the_engines_of_one_key_ring() -> None:
    ring, to, store = key_ring(), binding(), otp.MemoryStore()
    clock = Clock()
    first, second = otp.Engine(ring, clock=clock), otp.Engine(ring, clock=clock)
    code = issue(first, store, to).code
    handle = to._bound
    assert handle is not None
    assert not second.verify(store, to, wrong(code))
    assert first.with_policy(otp.Policy(digits=8)).status(store, to)
    assert to._bound is handle
    stranger = otp.Engine(key_ring(), clock=clock)  # the same secrets, and another ring
    assert stranger.verify(store, to, code)
    assert to._bound is not None and to._bound is not handle
    assert binding() == to and hash(binding()) == hash(to)
    assert copy.copy(to)._bound is None and pickle.loads(pickle.dumps(to))._bound is None
    with pytest.raises(TypeError, match="Bound cannot be copied"):
        copy.copy(to._bound[1])
