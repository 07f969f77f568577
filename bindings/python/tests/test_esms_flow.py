"""The three routes without a framework: real stores, a gateway on loopback, a clock set by hand."""

from __future__ import annotations

import base64
import json
import pathlib
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from gateway_fake import Fake
from support import Clock, engine, signer
from test_surface import PNG

import otp_engine as otp
from otp_engine.esms import contract, events, flow, hold, journal, routes, signed_record
from otp_engine.esms.gateway.esms import EsmsGateway

WHERE: dict[str, Any] = {"model": "loan.application", "field": "signature", "id": 15}
MOBILE, MESSAGE = "60123456789", otp.MessageTemplate("Your code is #otp# for #duration# minutes.")
SENT, AGAIN = "OTP generated successfully", "OTP already sent"


class Host:
    """A back end that allows its one user everything."""

    def __init__(self, store: otp.Store, fake: Fake, kept: journal.Journal | None = None) -> None:
        self.clock, self.fake = Clock(), fake
        self.store = store
        self.engine = by = engine(clock=self.clock, signing_key=signer(), observer=events.hear)
        by.check_store(store)
        self.signing = flow.Signing(by, flow.lent(store), kept, wait=30)
        self.gateway = EsmsGateway(fake.endpoint, "key", "secret", 30)
        self.case = flow.Case(
            otp.Binding(
                tenant="acme",
                purpose="sign",
                target=otp.Target(WHERE["model"], WHERE["field"], str(WHERE["id"])),
                user="7",
                mobile="+60 12-345 6789",
            )
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now, timezone.utc)

    def send(self, **more: Any) -> contract.Result:
        asked = contract.parse_send({**WHERE, **more}, {})
        return self.signing.send(self.case, self.gateway, MESSAGE, redirect_url=asked.redirect_url)

    def verify(self, typed: str, **more: Any) -> contract.Result:
        asked = contract.parse_verify({**WHERE, "otp": typed, **more}, {})
        seen = flow.evidence_of(
            asked, user_name="Siti\n", consent="a loan\n", ip="192.0.2.1", agent="x" * 9000
        )
        assert seen.consent == "a loan"
        return self.signing.verify(self.case, asked, seen)

    def get(self, user: str = "7", **more: Any) -> contract.Result:
        return self.signing.get(contract.parse_get(WHERE, {}), "acme", user=user, **more)

    @property
    def codes(self) -> list[str]:
        """The code of each message."""
        forms = [body for _path, _headers, body in self.fake.requests]
        return [form.split("code+is+")[1][:6] for form in forms]

    @property
    def wrong(self) -> str:
        return f"{(int(self.codes[-1]) + 1) % 10**6:06}"


@pytest.fixture
def fake() -> Iterator[Fake]:
    fake = Fake()
    yield fake
    fake.close()


@pytest.fixture(params=["memory", "sqlite"])
def host(
    request: pytest.FixtureRequest,
    folder: pathlib.Path,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
) -> Host:
    store: otp.Store
    if request.param == "memory":
        store = otp.MemoryStore(keep_records=True)
    else:
        store = otp.SqliteStore(folder / "cells.db")
    host = Host(store, fake)
    monkeypatch.setattr(flow, "_now", host.now)
    return host


def test_case_460_from_the_code_to_the_signature(host: Host) -> None:
    assert host.get() == {"status": 404, "message": "Nothing is signed yet"}
    sent = host.send(redirect_url="/my/home")
    assert sent == {
        "status": 200,
        "message": SENT,
        "esms_otp_generation_id": sent["esms_otp_generation_id"],
        "esms_otp_response_status": "0",
        "duration": 3,
        "expiration_time": contract.utc(datetime.fromtimestamp(host.clock.now + 180, timezone.utc)),
        "recipient_mobile": MOBILE,
    }
    assert host.verify(host.wrong) == {
        "status": 400,
        "message": "Invalid or expired OTP",
        "attempts_left": 4,
    }
    image = base64.b64encode(PNG).decode()
    done = host.verify(host.codes[0], signature=image, signer_name="Siti Aminah")
    assert done == {
        "status": 200,
        "message": "OTP verified successfully",
        "esms_otp_generation_id": sent["esms_otp_generation_id"],
        "verified_at": contract.utc(host.now()),
        "signature_id": 1,
        "redirect_url": False,  # this host keeps no journal
    }
    assert host.verify(host.codes[0]) == {"status": 400, "message": "Invalid or expired OTP"}
    told = host.get()
    assert (told["status"], told["signature_id"], told["signer_name"]) == (200, 1, "Siti Aminah")
    assert told["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert (told["recipient_mobile"], told["signature"]) == (MOBILE, False)
    assert otp.verify_record(told["signature_record"], signer().public_jwks)
    assert host.get(user="8")["recipient_mobile"] == "*******6789"
    assert host.get(mask=True)["recipient_mobile"] == "*******6789"


def test_case_494_get_tells_the_signer_alone_what_the_record_commits_to(host: Host) -> None:
    host.send()
    host.verify(host.codes[0], signer_name="Siti Aminah")
    assert "signature_disclosures" not in host.get()
    assert "signature_disclosures" not in host.get(user="8", disclose=True)
    told = host.get(disclose=True)
    disclosures = told["signature_disclosures"]
    assert otp.verify_record(told["signature_record"], signer().public_jwks, disclosures)
    details = signed_record.details(disclosures)
    assert (details["number"], details["typed"]) == (MOBILE, "Siti Aminah")


def test_case_460_get_tells_where_the_record_was_changed(host: Host) -> None:
    plain, digest = host.case.binding, bytes(range(32))
    members = {name: getattr(plain, name) for name in ("tenant", "purpose", "target", "user")}
    bound = otp.Binding(**members, mobile=MOBILE, content=digest, content_guessable=True)
    host.case = flow.Case(bound)
    host.send()
    assert host.verify(host.codes[0])["status"] == 200
    as_signed = "OTP signature retrieved successfully"
    assert host.get(content=digest)["message"] == as_signed
    assert host.get()["message"] == as_signed
    changed = host.get(content=bytes(32))
    assert (changed["status"], changed["message"]) == (
        200, "The record was changed after it was signed",
    )  # fmt: skip


def test_case_461_a_code_goes_out_again_only_after_its_cooldown(host: Host) -> None:
    first = host.send()
    host.clock.now += 20
    again = host.send()
    assert (again["message"], again["duration"], again["retry_after"]) == (AGAIN, 2, 40)
    assert again["esms_otp_generation_id"] == first["esms_otp_generation_id"]
    assert again["esms_otp_response_status"] == "0"
    assert again["recipient_mobile"] == MOBILE
    assert len(host.codes) == 1
    host.clock.now += 40
    assert host.send() == {**first, "duration": 2}
    assert host.codes == [host.codes[0]] * 2
    assert ["for+3+minutes" in body for _, _, body in host.fake.requests] == [True, False]


def test_case_462_a_refusal_is_refunded_and_a_silence_is_not(host: Host) -> None:
    host.fake.reply = (200, b'{"status": 5}')
    refused = host.send()
    assert (refused["status"], refused["esms_otp_response_status"]) == (502, "5")
    host.clock.now += 10  # what is left of the cooldown after a refund
    host.fake.hang_up = True
    unknown = host.send()
    assert (unknown["status"], unknown["esms_otp_response_status"]) == (502, "")
    host.clock.now += 10
    again = host.send()
    assert (again["message"], again["esms_otp_response_status"]) == (AGAIN, "")
    assert host.verify(host.codes[-1])["status"] == 200, "it may have come all the same"


@pytest.mark.parametrize(("status", "told"), [(0, "0"), (5, "5")])
def test_case_463_a_slow_gateways_report_is_taken_when_it_comes(
    host: Host, monkeypatch: pytest.MonkeyPatch, status: int, told: str
) -> None:
    reported = threading.Event()
    report = host.signing._report

    def heard(*what: Any) -> None:
        report(*what)
        reported.set()

    monkeypatch.setattr(host.signing, "_report", heard)
    monkeypatch.setattr(host.signing, "_wait", 0.05)
    host.fake.before, host.fake.reply = 0.5, (200, json.dumps({"status": status}).encode())
    sent = host.send()
    assert (sent["status"], sent["message"]) == (200, SENT)
    assert sent["esms_otp_response_status"] == "", "it is on its way"
    assert reported.wait(30)
    host.fake.before, host.fake.reply = 0.0, (200, b'{"status": 0}')
    monkeypatch.setattr(host.signing, "_wait", 30)
    host.clock.now += 10
    again = host.send()
    if status:  # refunded: the same code goes out
        assert (again["message"], host.codes) == (SENT, [host.codes[0]] * 2)
    else:
        assert (again["message"], again["esms_otp_response_status"]) == (AGAIN, told)


def test_case_498_where_no_place_is_free_send_waits_for_no_gateway(host: Host) -> None:
    """Of a server whose workers may all wait but one; the report is taken when it comes."""
    host.signing = flow.Signing(host.engine, flow.lent(host.store), wait=30, workers=2)
    host.fake.before = 0.5
    with hold.place(hold.GATEWAY, 1) as is_free:
        assert is_free
        sent = host.send()
        assert (sent["message"], sent["esms_otp_response_status"]) == (SENT, "")
    for _ in range(300):  # a request that comes before the claim would send in its place
        standing = host.engine.status(host.store, host.case.binding)
        if standing and standing.delivery != "unreported":
            break
        time.sleep(0.01)
    for _ in range(300):
        if (again := host.send())["esms_otp_response_status"]:
            break
        time.sleep(0.1)
    assert (again["message"], again["esms_otp_response_status"]) == (AGAIN, "0")
    assert len(host.codes) == 1
    assert host.verify(host.codes[0])["status"] == 200
    # The control: with a free place the answer is that of the gateway.
    host.clock.now += 60
    assert host.send()["esms_otp_response_status"] == "0"


@pytest.mark.parametrize(("workers", "is_held"), [(0, True), (1, False), (2, True)])
def test_rejections_wait_in_all_workers_but_one(
    host: Host, monkeypatch: pytest.MonkeyPatch, workers: int, is_held: bool
) -> None:
    slept: list[float] = []
    clock = types.SimpleNamespace(monotonic=time.monotonic, sleep=slept.append)
    monkeypatch.setattr("otp_engine.esms.hold.time", clock)
    host.signing = flow.Signing(host.engine, flow.lent(host.store), workers=workers)
    answers = routes.Routes(lambda: host.signing, host.gateway, MESSAGE)

    def reject() -> None:
        asked = {**WHERE, "otp": "000000"}
        told = answers.answer("verify_esms_otp", lambda _: host.case, asked, {}, b"{}")
        assert told["status"] == 400

    reject()
    assert len(slept) == is_held
    with hold.place("esms_otp", 1) as is_free:
        assert is_free
        reject()
    assert len(slept) == (2 if workers == 0 else is_held), "a thread needs no place"
    with pytest.raises(ValueError, match="workers is -1"):
        flow.Signing(host.engine, flow.lent(host.store), workers=-1)


def test_case_464_a_request_that_is_run_again_sends_once_and_answers_the_same(host: Host) -> None:
    environ: dict[str, Any] = {}
    answers = [flow.once(environ, host.send) for _ in range(3)]
    assert answers[0]["message"] == SENT
    assert answers[1:] == answers[:1] * 2
    assert len(host.codes) == 1
    # A wrong code that is judged again costs one attempt, and is held once.
    environ, held = {}, []
    for _ in range(3):
        told = flow.once(environ, lambda: host.verify(host.wrong), held.append)
        assert told["attempts_left"] == 4
    assert len(held) == 1
    assert flow.once({}, lambda: host.verify(host.codes[0]), held.append)["status"] == 200
    assert len(held) == 1


class Failing(journal.Journal):
    """Fails at each call that is made after the engine's answer."""

    def issued(self, *_: Any) -> str:
        raise RuntimeError("planted")

    delivered = heard = redirect_url = issued  # type: ignore[assignment]


def test_case_465_a_journal_that_fails_changes_no_answer(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(host.signing, "_journal", Failing())
    assert host.send()["message"] == SENT
    assert host.send()["message"] == AGAIN
    assert host.verify(host.wrong)["attempts_left"] == 4
    assert host.verify(host.codes[0])["status"] == 200
    assert host.get()["status"] == 200
    lacks = [line for line in caplog.messages if "lacks an entry" in line]
    assert len(lacks) == 6  # issued, delivered; a refusal; a rejection; an acceptance, its URL


def test_case_465_the_journal_hears_what_happened(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Heard(journal.Journal):
        """Keeps the kinds of events, and awaits receipts."""

        def issued(self, binding: Any, issued: Any, events: Any, redirect_url: Any) -> str:
            told.extend(event.kind for event in events)
            return f"https://host.example{redirect_url}/{issued.challenge_id}"

        def delivered(self, challenge_id: Any, said: Any, events: Any) -> None:
            told.extend(event.kind for event in events)

        def heard(self, events: Any) -> None:
            told.extend(event.kind for event in events)

        def redirect_url(self, challenge_id: str) -> str:
            return f"/{challenge_id}"

    monkeypatch.setattr(host.signing, "_journal", Heard())
    named = host.send(redirect_url="/r")["esms_otp_generation_id"][4:]
    assert host.fake.form()["dlr-url"] == f"https://host.example/r/{named}"
    host.send()
    host.verify(host.wrong)
    assert host.verify(host.codes[0])["redirect_url"] == f"/{named}"
    assert told == ["issued", "claimed", "delivered", "refused", "rejected", "accepted"]


def test_case_466_a_message_that_does_not_fit_shows_before_there_is_a_code(host: Host) -> None:
    template = otp.MessageTemplate("#otp# signs #subject#")
    with pytest.raises(ValueError):
        # Autofill could take it for the code.
        host.signing.send(host.case, host.gateway, template, subject="12345678")
    assert not host.fake.requests
    sent = host.signing.send(host.case, host.gateway, template, subject="RM 250")
    assert sent["message"] == SENT, "there was no code"


class Passing(Exception):
    """As a framework's that runs a request again."""


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (otp.FullError("x"), "full"),
        (otp.UnavailableError("x"), "unavailable"),
        (otp.ContendedError("x"), "contended"),
        (RuntimeError("x"), "internal"),
    ],
)
def test_case_467_what_is_no_answer_is_told_by_a_reference(
    raised: Exception, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def serve(_asked: object) -> contract.Result:
        raise raised

    told = answer(serve)
    assert (told["status"], told["message"]) == (500, contract.FAILURES[message])
    assert told["reference"] in caplog.text


def answer(serve: Callable[[Any], contract.Result], **body: Any) -> contract.Result:
    params = {**WHERE, **body}
    return flow.answered(
        contract.parse_get, serve, params, {}, json.dumps(params), passing=(Passing,)
    )


def test_case_467_early_answers_and_what_passes() -> None:
    def refuses(_asked: object) -> contract.Result:
        raise flow.NotAllowed(contract.forbidden("no"))

    def passes(_asked: object) -> contract.Result:
        raise Passing

    assert answer(refuses) == {"status": 403, "message": "no"}
    assert answer(refuses, id="x")["status"] == 400
    with pytest.raises(Passing):
        answer(passes)


def test_case_467_a_journal_with_rows_needs_a_store_that_writes_them(host: Host) -> None:
    host.send()
    rows = journal.SqlJournal(lambda: None)
    host.signing._journal = rows
    asked = contract.parse_verify({**WHERE, "otp": host.codes[0]}, {})
    with pytest.raises(TypeError, match="beside"):
        host.signing.verify(host.case, asked)
    host.signing._journal = journal.Journal()
    assert host.verify(host.codes[0])["status"] == 200, "nothing was used up"


def test_case_469_the_package_alone_imports_nothing_that_sends() -> None:
    program = (
        "import sys, otp_engine, otp_engine.esms.flow, otp_engine.esms.journal;"
        "print({'requests', 'urllib3', 'psycopg', 'psycopg2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
