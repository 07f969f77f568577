"""What cannot be meant is refused by the argument's name; what a client sent is an answer."""

import dataclasses
import enum
import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from support import INDEX, SECRET, START, DictStore, binding, engine, issue, key_ring, signer

import otp_engine as otp

WHERE = "loan.application", "signature"
TARGET = otp.Target("loan.application", "signature", "15")
NAIVE = datetime(1960, 1, 1)
HUGE = [2**64, 2**64 + 1, 2**70, -1]
NONE = ["1", 1.0, None, True, b"1"]


def signed() -> tuple[otp.Engine, otp.MemoryStore, otp.SignatureRecord]:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    verdict = maker.verify(store, binding(), issue(maker, store, binding()).code)
    assert verdict.record is not None
    return maker, store, verdict.record


@pytest.mark.parametrize("bad", HUGE + NONE)
def test_case_283_an_integer_that_would_not_arrive_is_refused_by_name(bad: Any) -> None:
    maker, store, record = signed()
    totp = otp.Totp(b"12345678901234567890")
    hotp = otp.Hotp(b"12345678901234567890")
    jwks = signer().public_jwks
    template = otp.MessageTemplate("#otp#")
    digest = maker.chain_head(store, "acme", TARGET).digest
    calls: list[tuple[str, Callable[[], object]]] = [
        ("sequence", lambda: maker.erase(store, "acme", TARGET, bad, ["typed"])),
        ("limit", lambda: maker.signatures(store, "acme", TARGET, limit=bad)),
        ("limit", lambda: maker.purge(store, limit=bad)),
        ("send", lambda: maker.report_delivery(store, binding(), "0" * 26, bad, delivered=True)),
        ("send", lambda: maker.claim_send(store, binding(), "0" * 26, bad)),
        (
            "chain_head.count",
            lambda: otp.verify_chain([record], jwks, expected(otp.ChainHead(bad, digest))),
        ),
        ("max_cells", lambda: otp.MemoryStore(max_cells=bad)),
        ("epoch", lambda: key_ring(epoch=bad)),
        ("counter", lambda: hotp.generate(bad)),
        ("look_ahead", lambda: hotp.verify("1", 0, look_ahead=bad)),
        ("window", lambda: maker.verify_totp(store, binding(), totp, "1", window=bad)),
        ("minutes", lambda: template.compose("123456", minutes=bad)),
        ("validity", lambda: otp.Policy(validity=bad)),
        ("user_sends_per_hour", lambda: otp.RateLimits(user_sends_per_hour=bad)),
    ]
    if bad != -1 and bad is not None:
        calls.append((r"retired\['2026a'\]", lambda: key_ring(retired={"2026a": bad})))
    error = TypeError if bad in NONE and bad != -1 else ValueError
    for name, call in calls:
        with pytest.raises(error, match=rf"^{name} (is|must be) "):
            call()
    assert maker.latest_signature(store, "acme", TARGET) == record  # nothing was erased


def expected(head: Any) -> otp.Expected:
    return otp.Expected(chain_head=head)


def test_case_283_a_chain_head_is_compared_as_it_is() -> None:
    maker, store, record = signed()
    head = maker.chain_head(store, "acme", TARGET)
    count, digest = head.count, head.digest
    jwks = signer().public_jwks
    assert otp.verify_chain([record], jwks, expected(head))
    assert not otp.verify_chain([record], jwks, expected(otp.ChainHead(count + 1, digest)))
    unfit: list[Any] = [otp.ChainHead(1, b"short")]
    unfit += [otp.ChainHead(1, "x" * 32), otp.ChainHead("1", None)]  # type: ignore[arg-type]
    for bad in ((1,), (1, digest), 1, "1", *unfit):
        with pytest.raises((TypeError, ValueError), match=r"^chain_head"):
            otp.verify_chain([record], jwks, expected(bad))


@pytest.mark.parametrize("said", [2**64, 2**64 + 1_800_000_000, -(2**63) - 1, 1e300])
def test_case_283_a_clock_is_never_cut(said: Any) -> None:
    with pytest.raises(otp.ClockError) as caught:
        engine(clock=lambda: said).issue(otp.MemoryStore(), binding())
    assert isinstance(caught.value.__cause__, ValueError)
    assert "clock" in str(caught.value.__cause__)


@pytest.mark.parametrize("said", ["now", None, float("nan"), float("inf"), True, [1]])
def test_case_283_a_clock_tells_a_number(said: Any) -> None:
    with pytest.raises(otp.ClockError) as caught:
        engine(clock=lambda: said).issue(otp.MemoryStore(), binding())
    assert isinstance(caught.value.__cause__, (TypeError, ValueError))


@pytest.mark.parametrize("said", [2**64, 2**64 + 1, 3, -1, 1.0, "1", None])
def test_case_283_a_purge_that_counts_wrongly_is_a_fault(said: Any) -> None:
    class Store(DictStore):
        def purge(self, now: int, limit: int) -> int:
            return said  # type: ignore[no-any-return]

    with pytest.raises(otp.StoreError):
        engine().purge(Store(), limit=2)


@pytest.mark.parametrize(
    "challenge_id",
    ["gen_839210", "x", "0" * 25, "0" * 26, "Z" * 26, "é" * 26, "\0" * 26, "\ud800", "a" * 10_000],
)
def test_case_292_a_challenge_id_of_a_client_s_is_an_answer(challenge_id: str) -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    verdict = maker.verify(store, to, issued.code, challenge_id=challenge_id)
    assert not verdict and verdict.public == "invalid"
    assert maker.report_delivery(store, to, challenge_id, 1, delivered=True).outcome == "ignored"
    status = maker.status(store, to)
    assert status is not None and status.attempts_left == 5 and status.delivery == "unreported"
    assert maker.verify(store, to, issued.code, challenge_id=issued.challenge_id.lower())


def test_case_292_of_a_challenge_that_is_none_nothing_is_said() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    assert maker.verify(store, to, "123456", challenge_id="gen_839210").rejection == "unknown"


@pytest.mark.parametrize(
    ("said", "kept"),
    [("INVALID_NUMBER", "INVAL"), ("no credit", "nocre"), ("❌ 10", "10"), ("", ""), ("\0", ""),
     ("1\n0", "10"), ("x" * 10_000, "xxxxx"), ("E007", "E007")],
)  # fmt: skip
def test_case_293_a_gateway_s_status_is_kept_as_far_as_it_fits(said: str, kept: str) -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    done = maker.report_delivery(store, to, issued.challenge_id, 1, delivered=False, status=said)
    status = maker.status(store, to)
    assert done.outcome == "refunded" and status is not None
    assert (status.delivery, status.gateway_status) == ("failed", kept)


@pytest.mark.parametrize("name", ["signer_name", "consent", "user_name", "ip", "agent"])
def test_case_292_no_text_of_a_client_s_is_an_exception(name: str) -> None:
    maker, store, to = engine(signing_key=signer()), otp.MemoryStore(keep_records=True), binding()
    code = issue(maker, store, to).code
    for text in ("Siti \ud800", "\udfff", "a\0b", "x" * 100_000):
        verdict = maker.verify(store, to, code, evidence=otp.Evidence(**{name: text}))
        assert verdict.rejection == "evidence" and verdict.evidence_fault is not None
        assert verdict.evidence_fault.kind == name
    with pytest.raises(TypeError, match=f"^{name} must be str"):
        maker.verify(store, to, code, evidence=otp.Evidence(**{name: 7}))  # type: ignore[arg-type]
    assert maker.verify(store, to, code)


class Unready(otp.HostStore):
    """Forgets what every store must do first."""

    def __init__(self) -> None:
        self.cells: dict[bytes, otp.Cell] = {}


class HalfBound(otp.Binding):
    """Likewise."""

    def __init__(self) -> None:
        pass


def test_case_295_what_cannot_be_meant_is_named() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    none: Any = None
    calls: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (ValueError, "^path ':memory:' is a name that SQLite gives to no file; .*use MemoryStore$",
         lambda: otp.SqliteStore(":memory:")),
        (ValueError, "^codes has 0 items; it must have 1 to 64$",
         lambda: otp.KeyRing({}, index=INDEX)),
        (ValueError, "^path .*MemoryStore", lambda: otp.SqliteStore("file::memory:?cache=shared")),
        (TypeError, "^path must be", lambda: otp.SqliteStore(none)),
        (TypeError, "Unready was never set up: .*super", lambda: maker.issue(Unready(), to)),
        (TypeError, "HalfBound was never set up", lambda: maker.issue(store, HalfBound())),
        (TypeError, "^a SigningKey is made by", otp.SigningKey),
        (TypeError, "^binding must be Binding", lambda: maker.issue(store, none)),
        (TypeError, "^binding must be Binding", lambda: maker.verify(store, none, "1")),
        (TypeError, "^binding must be Binding", lambda: maker.status(store, none)),
        (TypeError, "^binding must be Binding", lambda: maker.cancel(store, none)),
        (TypeError, r"^bindings\[1\] must be", lambda: maker.issue_many(store, [to, none])),
        (TypeError, "^bindings must be a list", lambda: maker.issue_many(store, none)),
        (TypeError, r"^submissions\[0\] must", lambda: maker.verify_many(store, [none])),
        (TypeError, r"^submissions\[0\]\.binding",
         lambda: maker.verify_many(store, [otp.Submission(none, "1")])),
        (TypeError, r"^submissions\[1\]\.code must be str, not NoneType",
         lambda: maker.verify_many(store, [otp.Submission(to, "1"), otp.Submission(to, none)])),
        (TypeError, "^evidence must be", lambda: maker.verify(store, to, "1", evidence="x")),  # type: ignore[arg-type]
        (TypeError, "^evidence must be a list", lambda: otp.Policy(evidence="image")),  # type: ignore[arg-type]
        (ValueError, "evidence names", lambda: otp.Policy(evidence=["selfie"])),  # type: ignore[list-item]
        (TypeError, "^token must be bool", lambda: otp.Policy(token=1)),  # type: ignore[arg-type]
        (TypeError, "^content_required", lambda: otp.Policy(content_required="no")),  # type: ignore[arg-type]
        (TypeError, "^unlimited must be bool", lambda: otp.RateLimits(unlimited="no")),  # type: ignore[arg-type]
        (TypeError, "^keep_records", lambda: otp.MemoryStore(keep_records=2)),  # type: ignore[arg-type]
        (TypeError, "^content_guessable", lambda: binding(content_guessable=2)),
        (TypeError, "^codes must be Mapping", lambda: otp.KeyRing(none, index=INDEX)),
        (TypeError, "^retired must be", lambda: key_ring(retired=["2026a"])),
        (TypeError, r"^retired\['2026a'\] must", lambda: key_ring(retired={"2026a": 1.5e9})),
        (ValueError, "without a time zone", lambda: key_ring(retired={"2026a": NAIVE})),
        (ValueError, "^unix_time", lambda: otp.Totp(SECRET).generate(NAIVE)),
        (ValueError, "^unix_time", lambda: otp.Totp(SECRET).generate(-0.5)),
        (ValueError, "^unix_time", lambda: otp.Totp(SECRET).generate(float("inf"))),
        (TypeError, "^unix_time", lambda: otp.Totp(SECRET).generate("0")),  # type: ignore[arg-type]
        (ValueError, "^unix_time",
         lambda: otp.Totp(SECRET).generate(NAIVE.astimezone(timezone.utc))),
        (TypeError, "^clock must be callable", lambda: engine(clock=1_800_000_000)),
        (TypeError, "^observer must be callable", lambda: engine(observer=[])),
        (TypeError, "^delivered must be bool",
         lambda: maker.report_delivery(store, to, "0" * 26, 1, delivered="no")),  # type: ignore[arg-type]
        (TypeError, "^details must be a list",
         lambda: maker.erase(store, "acme", TARGET, 1, "typed")),
        (TypeError, "^disclosures must be a list",
         lambda: otp.verify_record("a.b.c", "{}", disclosures="abc")),
        (TypeError, "^records must be a list", lambda: otp.verify_chain("a.b.c", "{}")),
        (TypeError, "^jws must be", lambda: otp.verify_record(none, "{}")),
        (TypeError, "^expected must be", lambda: otp.verify_record("a.b.c", "{}", expected={})),  # type: ignore[arg-type]
        (ValueError, "^content_guessable is 1 and", lambda: binding(content_guessable=True)),
        (ValueError, "^path holds a lone surrogate", lambda: otp.SqliteStore("a\ud800")),
        (ValueError, "^bindings has 65537 items.*65536",
         lambda: maker.issue_many(store, [to] * 65_537)),
        (ValueError, "^submissions has 65537 items.*65536",
         lambda: maker.verify_many(store, [otp.Submission(to, "1")] * 65_537)),
        (ValueError, "^tenant is 0 bytes; it must be 1", lambda: maker.unlock(store, "", "7")),
        (ValueError, "^user is 129 bytes", lambda: maker.reset_user(store, "a", "7" * 129, "why")),
        (ValueError, r"^target\.id is 0 bytes",
         lambda: maker.signatures(store, "acme", otp.Target("loan", "field", ""))),
        (ValueError, "^sequence is 0", lambda: maker.erase(store, "acme", TARGET, 0, ["typed"])),
        (ValueError, "^details must be one or more of name, typed",
         lambda: maker.erase(store, "acme", TARGET, 1, [])),
        (ValueError, "^details must be one or more of name, typed",
         lambda: maker.erase(store, "acme", TARGET, 1, ["phone"])),
        (TypeError, "^device must be Device, Hotp, Totp or Ocra, not int",
         lambda: maker.device_odds([5])),  # type: ignore[list-item]
        (TypeError, "^device must be Device, Hotp, Totp or Ocra, not NoneType",
         lambda: maker.reset_device(store, "acme", "7", none, "why")),
        (ValueError, "^pin, pin_digest, session and counter",
         lambda: maker.device_odds([otp.Device(otp.Totp(SECRET), pin="1234")])),
        (ValueError, "^pin, pin_digest, session and counter",
         lambda: maker.device_odds([otp.Device(otp.Hotp(SECRET), counter=7)])),
        (TypeError, "^domain must be", lambda: otp.MessageTemplate("#otp#", domain=0)),  # type: ignore[arg-type]
    ]  # fmt: skip
    for error, named, call in calls:
        with pytest.raises(error, match=named):
            call()
    assert issue(maker, store, to)


def test_case_476_ids_of_users_and_records_may_be_numbers() -> None:
    class Loan(enum.IntEnum):
        FIRST = 15

    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    named = otp.Target(*WHERE, 15)
    assert named == otp.Target(*WHERE, "15") and named.id == "15"
    assert hash(named) == hash(otp.Target(*WHERE, "15"))
    assert otp.Target("m", "f", Loan.FIRST).id == "15" and otp.Target("m", "f", -1).id == "-1"
    assert dataclasses.replace(named, id=16).id == "16"
    to = binding(user=7, target=named)
    assert (to, to.user) == (binding(user="7"), "7") and pickle.loads(pickle.dumps(to)) == to

    code = issue(maker, store, to).code
    verdict = maker.verify(store, binding(), code)
    assert verdict.record is not None
    assert maker.latest_signature(store, "acme", named)
    assert maker.chain_head(store, "acme", named).count == 1
    assert maker.erase(store, "acme", named, 1, ["number"])
    jwks = signer().public_jwks
    for number, fits in ((15, True), (16, False)):
        expected = otp.Expected(target_id=number)
        assert bool(otp.verify_record(verdict.record, jwks, expected=expected)) == fits
    other = binding("16", user=7)
    issue(maker, store, other)
    assert maker.verify(store, other, "1").rejection
    assert maker.reset_user(store, "acme", 7, "a new telephone")
    assert not maker.unlock(store, "acme", 7)
    hotp = otp.Hotp(b"12345678901234567890")
    assert not maker.reset_device(store, "acme", 7, hotp, "a new key")

    # No flag is an id, and a bound is the engine's own.
    for bad, error, said in (
        (True, TypeError, "must be str, not bool"), (1.0, TypeError, "must be str, not float"),
        (10**128, ValueError, "is 129 bytes; it must be 1 to 128 bytes"),
        (-(10**127), ValueError, "is 129 bytes; it must be 1 to 128 bytes"),
        (10**5000, ValueError, "is more than 600 bytes; it must be 1 to 128 bytes"),
    ):  # fmt: skip
        which: Any = bad
        calls: list[tuple[str, Callable[[Any], object]]] = [
            ("user", lambda id: binding(user=id)),
            ("user", lambda id: maker.unlock(store, "acme", id)),
            ("user", lambda id: maker.reset_user(store, "acme", id, "why")),
            ("user", lambda id: maker.reset_device(store, "acme", id, hotp, "why")),
            ("target.id", lambda id: binding(target=otp.Target(*WHERE, id))),
            ("target.id", lambda id: maker.latest_signature(store, "acme", otp.Target(*WHERE, id))),
        ]
        for name, call in calls:
            with pytest.raises(error, match=f"^{name} {said}"):
                call(which)
    five: Any = 5
    with pytest.raises(TypeError, match=r"^model must be str, not int"):
        otp.verify_record("", jwks, expected=otp.Expected(model=five))


def test_no_text_takes_a_risk_and_no_timeout_is_endless() -> None:
    pool = pytest.importorskip("psycopg_pool").ConnectionPool("", open=False)
    connect = pytest.importorskip("psycopg2").connect
    client = pytest.importorskip("redis").Redis(port=1, socket_timeout=1)
    from otp_engine.stores import psycopg2 as on_psycopg2
    from otp_engine.stores.psycopg import PsycopgStore, migrate
    from otp_engine.stores.redis import RedisStore

    no: Any = "no"
    none: Any = None
    makers: list[tuple[Any, Any]] = [
        (PsycopgStore, pool), (on_psycopg2.Psycopg2Store, connect)
    ]  # fmt: skip
    for make, of in makers:
        for name in ("connection_wait", "lock_timeout", "statement_timeout", "answer_timeout"):
            for bad in (0, -1.0, float("nan"), float("inf")):
                with pytest.raises(ValueError, match=f"^{name} is .* more than 0 seconds"):
                    make(of, **{name: bad})
            with pytest.raises(TypeError, match=f"^{name} must be a number of seconds"):
                make(of, **{name: "5"})
        with pytest.raises(TypeError, match=r"^may_lose_commits_on_crash must be bool"):
            make(of, may_lose_commits_on_crash=no)
        with pytest.raises(TypeError, match=r"^schema must be str"):
            make(of, schema=none)
    for name in (
        "may_evict_counted_attempts", "may_lose_commits_on_crash", "states_appendfsync_always"
    ):  # fmt: skip
        with pytest.raises(TypeError, match=f"^{name} must be bool"):
            RedisStore(client, **{name: no})
    for bring in (migrate, on_psycopg2.migrate):
        with pytest.raises(TypeError, match=r"^schema must be str"):
            bring(none, schema=none)


def test_case_296_settings_are_values_that_can_be_read() -> None:
    policy = otp.Policy(letters=8, evidence=["image", "consent"], validity=300)
    assert policy == otp.Policy(letters=8, evidence=("consent", "image"), validity=300)
    assert policy != otp.Policy(letters=8) and hash(policy) != hash(otp.Policy())
    assert (policy.letters, policy.digits, policy.token, policy.validity) == (8, None, False, 300)
    assert policy.evidence == {"image", "consent"} and policy.max_attempts == 5
    assert "letters=8" in repr(policy) and "validity=300" in repr(policy)
    assert otp.Policy() == otp.Policy(digits=6) and otp.Policy().digits == 6
    assert otp.Policy(token=True).digits is None
    limits = otp.RateLimits(user_sends_per_hour=3)
    assert limits == otp.RateLimits(user_sends_per_hour=3) != otp.RateLimits()
    assert limits.user_sends_per_hour == 3 and "user_sends_per_hour=3" in repr(limits)
    assert eval(repr(limits), {"RateLimits": otp.RateLimits}) == limits
    to = binding(content=bytes(range(32)), content_guessable=True)
    assert to == binding(content=bytes(range(32)), content_guessable=True) != binding()
    assert len({to, binding(), binding()}) == 2
    assert (to.tenant, to.purpose, to.user) == ("acme", "sign", "7")
    assert to.target == otp.Target("loan.application", "signature", "15")
    assert (to.mobile, to.email) == ("60123456789", None)
    assert to.content == bytes(range(32)) and to.content_guessable
    assert "purpose='sign'" in repr(to) and "6012" not in repr(to)
    with pytest.raises(AttributeError):
        policy.validity = 60  # type: ignore[misc]


HANGS = """
import datetime, enum
import otp_engine as otp

class Instant(enum.IntEnum):
    PAST = 5
    LATE = 2**64

def ring(at):
    secrets = {"o": b"o" * 32, "a": bytes(range(32))}
    return otp.KeyRing(secrets, current="a", index=bytes(range(32, 64)), retired={"o": at})

assert ring(Instant.PAST)
try:
    ring(Instant.LATE)
except ValueError as error:
    assert str(error) == "retired['o'] is 18446744073709551616; it must fit into 64 bits", error
else:
    raise AssertionError
assert otp.Totp(b"12345678901234567890").verify("1", Instant.PAST) is None
"""


def test_case_640_an_integer_of_an_enum_is_that_integer() -> None:
    # In a process of its own: what asked a range for it went through 2^64 numbers.
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", HANGS], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("huge", [10**700, -(10**700), 10**5000, -(10**5000)], ids=range(4))
def test_case_644_an_integer_that_python_does_not_write_is_refused_by_name(huge: int) -> None:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    totp, hotp = otp.Totp(b"12345678901234567890"), otp.Hotp(b"12345678901234567890")
    ocra = otp.Ocra("OCRA-1:HOTP-SHA1-6:C-QN08", b"12345678901234567890")
    calls: list[tuple[str, Callable[[], object]]] = [
        ("validity", lambda: otp.Policy(validity=huge)),
        ("digits", lambda: otp.Policy(digits=huge)),
        ("user_sends_per_hour", lambda: otp.RateLimits(user_sends_per_hour=huge)),
        ("lock_ends_after", lambda: otp.RateLimits(lock_ends_after=huge)),
        ("epoch", lambda: key_ring(epoch=huge)),
        (r"retired\['2026a'\]", lambda: key_ring(retired={"2026a": huge})),
        ("max_cells", lambda: otp.MemoryStore(max_cells=huge)),
        ("limit", lambda: maker.purge(store, limit=huge)),
        ("sequence", lambda: maker.erase(store, "acme", TARGET, huge, ["typed"])),
        ("send", lambda: maker.claim_send(store, binding(), "0" * 26, huge)),
        ("digits", lambda: otp.Totp(b"12345678901234567890", digits=huge)),
        ("period", lambda: otp.Totp(b"12345678901234567890", period=huge)),
        ("counter", lambda: hotp.generate(huge)),
        ("look_ahead", lambda: hotp.verify("1", 0, look_ahead=huge)),
        ("unix_time", lambda: totp.generate(huge)),
        ("unix_time", lambda: totp.verify("1", huge)),
        ("window", lambda: totp.resynchronise("1", "2", 0, window=huge)),
        ("counter", lambda: ocra.generate(question="1", counter=huge)),
        ("counter", lambda: otp.build_uri(bytes(20), "ann", kind="hotp", counter=huge)),
        ("minutes", lambda: otp.MessageTemplate("#otp#").compose("123456", minutes=huge)),
        ("country_code", lambda: otp.parse_mobile("0123456789", country_code=huge)),
        ("chain_head.count", lambda: otp.verify_chain([], "", expected(otp.ChainHead(huge, None)))),
        ("user", lambda: binding(user=huge)),
        ("target.id", lambda: otp.Target("loan", "signature", huge)),
    ]  # fmt: skip
    before = sys.get_int_max_str_digits()
    for name, call in calls:
        try:
            sys.set_int_max_str_digits(640)  # the least that a process may set
            with pytest.raises(ValueError, match=rf"^{name} is .*; it must (be|fit) ") as caught:
                call()
        finally:
            sys.set_int_max_str_digits(before)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("huge", [10**700, 10**5000], ids=range(2))
def test_case_644_a_time_that_has_no_end_is_refused_by_name(huge: int) -> None:
    from otp_engine import _checks
    from otp_engine.esms import flow

    with pytest.raises(ValueError, match=r"^lock_timeout is .* at most 2147483$"):
        _checks.timeout(huge, "lock_timeout")
    maker, store = engine(), otp.MemoryStore()
    with pytest.raises(ValueError, match=r"^workers is .*; it must be 0 or more$"):
        flow.Signing(maker, flow.lent(store), workers=-huge)
    with pytest.raises(otp.ClockError) as caught:
        engine(clock=lambda: huge).issue(store, binding())
    assert "what the clock returned is" in str(caught.value.__cause__)


@pytest.mark.parametrize("bad", [-1, 11, 255, 256, 262, 2**31, 2**32, 2**32 + 6])
def test_case_645_digits_are_told_as_they_were_given(bad: int) -> None:
    key = bytes(range(20))
    for make in (
        lambda: otp.Totp(key, digits=bad), lambda: otp.Hotp(key, digits=bad),
        lambda: otp.build_uri(key, "ann", digits=bad),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"^digits is {bad}; it must be 6 to 10$"):
            make()


@pytest.mark.parametrize("bad", [-1, 2**31, 2**32, 2**32 + 1])
def test_case_645_bounds_are_told(bad: int) -> None:
    maker, store, key = engine(), otp.MemoryStore(keep_records=True), bytes(range(20))
    totp, hotp, to = otp.Totp(key), otp.Hotp(key), binding()
    ocra = otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08", key)
    template = otp.MessageTemplate("#otp#")
    if bad != 2**31:
        with pytest.raises(ValueError, match=f"^minutes is {bad}; it must be 1 to 4294967295$"):
            template.compose("123456", minutes=bad)
    for make in (lambda: otp.Totp(key, period=bad), lambda: otp.build_uri(key, "a", period=bad)):
        with pytest.raises(ValueError, match=f"^period is {bad} s; it must be 1 to 86400 s$"):
            make()
    calls: list[tuple[str, int, Callable[[], object]]] = [
        ("look_ahead", 255, lambda: hotp.verify("1", 0, look_ahead=bad)),
        ("look_ahead", 65535, lambda: hotp.resynchronise("1", "2", 0, look_ahead=bad)),
        ("window", 255, lambda: totp.verify("1", 0, window=bad)),
        ("window", 65535, lambda: totp.resynchronise("1", "2", 0, window=bad)),
        ("look_ahead", 255, lambda: ocra.verify("1", question="1", look_ahead=bad)),
        ("window", 255, lambda: ocra.verify("1", question="1", window=bad)),
        ("look_ahead", 255, lambda: maker.verify_hotp(store, to, hotp, "1", bad)),
        ("look_ahead", 65535, lambda: maker.resynchronise_hotp(store, to, hotp, "1", "2", bad)),
        ("window", 255, lambda: maker.verify_totp(store, to, totp, "1", bad)),
        ("window", 65535, lambda: maker.resynchronise_totp(store, to, totp, "1", "2", bad)),
        ("look_ahead", 255, lambda: maker.verify_ocra(store, to, ocra, "1", look_ahead=bad)),
        ("look_ahead", 255, lambda: maker.device_odds([otp.Device(hotp, look_ahead=bad)])),
        ("window", 255, lambda: maker.device_odds([otp.Device(totp, window=bad)])),
    ]  # fmt: skip
    for name, most, call in calls:
        with pytest.raises(ValueError, match=f"^{name} is {bad}; it must be 0 to {most}$"):
            call()


def test_case_645_the_bounds_themselves_are_the_library_s() -> None:
    maker, store, key = engine(), otp.MemoryStore(keep_records=True), bytes(range(20))
    totp, hotp, to = otp.Totp(key), otp.Hotp(key), binding()
    for reach in (0, 255):
        assert hotp.verify(hotp.generate(reach), 0, look_ahead=reach) == reach
        assert totp.verify(totp.generate(30 * reach), 0, window=reach) == reach
        assert maker.device_odds([otp.Device(hotp, look_ahead=reach)])
        assert maker.device_odds([otp.Device(totp, window=reach)])
    pair = hotp.generate(65_535), hotp.generate(65_536)
    assert hotp.resynchronise(*pair, 0, look_ahead=65_535) == 65_536
    assert maker.resynchronise_hotp(store, to, hotp, *pair, 65_535).matched == 65_536
    ahead = totp.generate(START + 30 * 65_534), totp.generate(START + 30 * 65_535)
    assert totp.resynchronise(*ahead, START, window=65_535) == START // 30 + 65_535
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ten digits
        assert [len(otp.Totp(key, digits).generate(0)) for digits in (6, 10)] == [6, 10]
    for period in (1, 86_400):
        assert otp.Totp(key, period=period).generate(0)
    assert otp.MessageTemplate("#otp#").compose("123456", minutes=2**32 - 1).text == "123456"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (otp.Cell(2**64 + 1, None, b""), "version of a loaded cell is 18446744073709551617; it"),
        (otp.Cell(-1, None, b""), "version of a loaded cell is -1; it must be 0 to"),
        (otp.Cell(1, 2**63, b""), "discard_after of a loaded cell is 9223372036854775808; it"),
        (otp.Cell(1.0, None, b""), "version of a loaded cell must be int, not float"),  # type: ignore[arg-type]
        (otp.Cell(1, "1", b""), "discard_after of a loaded cell must be int, not str"),  # type: ignore[arg-type]
        (otp.Cell(10**5000, None, b""), "version of a loaded cell is .a number of more than"),
    ],
    ids=range(6),
)
def test_case_645_a_cell_that_cannot_be_told_is_named(cell: otp.Cell, said: str) -> None:
    class Store(DictStore):
        def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
            return [cell for _ in keys]

    with pytest.raises(otp.UnavailableError) as caught:
        engine().issue(Store(), binding())
    assert re.match(said, str(caught.value.__cause__)), caught.value.__cause__


@pytest.mark.parametrize("count", [-1, 2**64, 10**5000], ids=range(3))
def test_case_645_a_purge_that_counts_wrongly_tells_the_bounds(count: int) -> None:
    class Store(DictStore):
        def purge(self, now: int, limit: int) -> int:
            return count

    with pytest.raises(otp.StoreError) as caught:
        engine().purge(Store())
    cause = str(caught.value.__cause__)
    assert cause.startswith("purge returned ") and cause.endswith(
        "an int of 0 to " + str(2**64 - 1)
    )


def test_case_647_what_was_never_set_up_says_so() -> None:
    bare: list[tuple[Any, Callable[[Any], object]]] = [
        (otp.Hotp, lambda made: made.generate(0)),
        (otp.Issued, lambda made: made.code),
        (otp.Issued, lambda made: made.expires_at),
        (otp.Issued, repr),
        (otp.Verdict, bool),
        (otp.Binding, lambda made: made.user),
        (otp.MessageTemplate, lambda made: made.compose("123456")),
    ]
    for kind, use in bare:
        with pytest.raises(TypeError, match=f"^this {kind.__name__} was never set up"):
            use(kind.__new__(kind))
