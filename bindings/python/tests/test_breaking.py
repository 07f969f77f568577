"""Other inputs of the kinds that were mended: reports of variables, clocks, flags, secrets."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import random
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from support import START, Clock, DictStore, binding, engine, issue, signer

import otp_engine as otp
from otp_engine.oath import secret_of

KEY = b"12345678901234567890"
TYPED, NUMBER, PIN = "712349", "60123456789", "98761"
END = 253_402_300_800  # the year 10000


class Broken(DictStore):
    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        raise RuntimeError("the disk is gone")


def shown(call: Callable[[], object]) -> str:
    """Return what a report of an error shows of this package's variables, causes included."""
    error: BaseException | None = None
    try:
        answers = call()
        assert isinstance(answers, list)
        error = answers[0].error
    except Exception as raised:
        error = raised
    lines = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "otp_engine" in frame.f_code.co_filename:
                lines += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


def test_case_430_no_report_of_variables_shows_code_number_pin_or_secret() -> None:
    by, store, to = engine(signing_key=signer()), Broken(), binding()
    hotp, totp = otp.Hotp(KEY), otp.Totp(KEY)
    ocra = otp.Ocra("OCRA-1:HOTP-SHA256-8:QH16-PSHA1", KEY)
    device = otp.Device(ocra, pin=PIN)
    uri = "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=B"
    named = "0" * 26
    calls: list[Callable[[], object]] = [
        lambda: by.issue(store, to),
        lambda: by.verify(store, to, TYPED),
        lambda: by.issue_many(store, [to]),
        lambda: by.verify_many(store, [otp.Submission(to, TYPED)]),
        lambda: by.report_delivery(store, to, named, 1, delivered=True),
        lambda: by.claim_send(store, to, named, 1),
        lambda: by.cancel(store, to),
        lambda: by.status(store, to),
        lambda: by.reset_slot(store, to, "why"),
        lambda: by.reset_recipient(store, to, "why"),
        lambda: by.verify_hotp(store, to, hotp, TYPED),
        lambda: by.verify_totp(store, to, totp, TYPED),
        lambda: by.resynchronise_hotp(store, to, hotp, TYPED, TYPED),
        lambda: by.resynchronise_totp(store, to, totp, TYPED, TYPED),
        lambda: by.verify_ocra(store, to, ocra, TYPED + "00", pin=PIN),
        lambda: by.verify_devices(store, to, [totp, device], TYPED),
        lambda: by.reset_device(store, "acme", "7", device, "why"),
        lambda: ocra.generate(question="00", pin=PIN, session=b"x"),
        lambda: otp.Totp(KEY, digits=99),
        lambda: otp.Hotp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", digits=99),
        lambda: otp.Ocra("OCRA-2", KEY),
        lambda: otp.parse_uri(uri),
        lambda: otp.build_uri(KEY, ""),
        lambda: otp.KeyRing({"a": KEY}, index=KEY),
        lambda: otp.SigningKey.from_seed(KEY),
        lambda: otp.MessageTemplate("#otp#").compose(TYPED, minutes=0),
        lambda: otp.parse_mobile(NUMBER + "x"),
        lambda: binding(mobile=NUMBER + "x"),
    ]
    for at, call in enumerate(calls):
        report = shown(call)
        for secret in (TYPED, NUMBER, PIN, KEY.decode(), "GEZDGNBV"):
            assert secret not in report, (at, secret, report)
    assert shown(lambda: binding(mobile="1")) != ""  # the report is one


def test_case_430_what_a_host_raised_is_still_found_in_its_own_file() -> None:
    with pytest.raises(otp.StoreError) as caught:
        engine().verify_totp(Broken(), binding(), otp.Totp(KEY), TYPED)
    cause = caught.value.__cause__
    assert isinstance(cause, RuntimeError)
    files = [frame.filename for frame in traceback.extract_tb(cause.__traceback__)]
    assert files[-1] == __file__


@pytest.mark.parametrize("now", [-(2**62), -62_135_596_801, -1, END - 1, END, 2**40, 2**62])
def test_case_431_an_instant_that_no_datetime_holds_is_never_an_error(
    now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    heard: list[otp.Event] = []
    by = engine(clock=Clock(now), observer=heard.append)
    store, ocra = otp.MemoryStore(keep_records=True), otp.Ocra("OCRA-1:HOTP-SHA1-6:QH16", KEY)
    answer = ocra.generate(question=by.ocra_question(binding(), ocra))
    verdict = by.verify_ocra(store, binding(), ocra, answer)
    assert verdict.accepted and verdict.verified_at is not None
    assert len(heard) == 1 and not lost
    assert heard[0].at == verdict.verified_at
    signing = engine(clock=Clock(now), signing_key=signer())
    if 0 <= now < 2**48 // 1000:
        issued = issue(signing, store, binding("16"))
        assert repr(issued) and signing.status(store, binding("16")) is not None
        assert signing.verify(store, binding("16"), issued.code).verified_at == verdict.verified_at
    if not 0 <= now < 2**53:  # an instant that no record holds is no answer, right or wrong
        with pytest.raises(otp.ClockError):
            signing.verify_ocra(store, binding(), ocra, answer)


def test_case_431_instants_outside_are_the_first_and_the_last() -> None:
    from otp_engine._result import moment

    zone = datetime.timezone.utc
    assert moment(END) == moment(2**63 - 1) == datetime.datetime.max.replace(tzinfo=zone)
    assert moment(-(2**63)) == datetime.datetime.min.replace(tzinfo=zone)
    assert moment(START).timestamp() == START


@pytest.mark.parametrize("said", ["no", "", 0, 1, None, 1.0, [False]])
def test_case_432_only_true_confirms_a_purge(said: Any) -> None:
    with pytest.raises(TypeError, match=r"^confirmed must be bool"):
        engine().purge(otp.MemoryStore(), confirmed=said)


def test_case_432_another_kind_of_argument_is_named() -> None:
    by, store = engine(), otp.MemoryStore()
    wrong: Any
    for wrong in (None, 1, 1.0, b"sha1", ["sha1"]):
        for make in (otp.Hotp, otp.Totp):
            with pytest.raises((TypeError, ValueError), match=r"^algorithm "):
                make(KEY, algorithm=wrong)
        for reset in (by.reset_slot, by.reset_recipient):
            with pytest.raises(TypeError, match=r"^binding must be Binding"):
                reset(store, wrong, "why")


@pytest.mark.parametrize(
    "text",
    [
        b"GEZDGNBVGY3TQOJQ",
        b"gezd-gnbv-gy3t-qojq-gezd-gnbv-gy3t-qojq",
        b"GEZD GNBV\nGY3T QOJQ====",
        b"c2VjcmV0IG9mIGEgZGV2aWNlLi4=",
        b"2b7e151628aed2a6abf7158809cf4f3c",
        b"2B7E1516 28AED2A6 ABF71588 09CF4F3C",
        b"8PHy8_T19vf4-fr7_P3-______8=",
        b"BwgJCgsMDQ4PEBESExQVFhcYGRob",
        b"fx-Nmb_1RfLPrhjvYWnIIQ",
        b"0x31323334353637383930313233343536",
        b"2b:7e:15:16:28:ae:d2:a6:ab:f7:15:88:09:cf:4f:3c",
    ],
)
def test_case_433_bytes_that_are_text_are_no_secret(text: bytes) -> None:
    for make in (
        lambda: otp.Totp(text, legacy_secret=True),
        lambda: otp.Hotp(text, legacy_secret=True),
        lambda: otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08", text),
        lambda: otp.build_uri(text, "ann", legacy_secret=True),
    ):
        with pytest.raises(ValueError, match=r"^secret is bytes that look like "):
            make()
    assert otp.Totp(otp.RawSecret(text)).generate(59)


BASE32 = base64.b32encode(KEY).decode()  # GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
# Without padding and, as most of them, with digits; and a key of 10 bytes.
BASE32_HEX = [base64.b32hexencode(bytes(range(90, 90 + size))).strip(b"=") for size in (10, 16, 20)]


@pytest.mark.parametrize(
    "text",
    [
        # Hexadecimal that happens to have digits alone.
        binascii.hexlify(KEY),
        binascii.hexlify(KEY, ":"),
        binascii.hexlify(KEY, " ", 2) + b"\n",
        binascii.hexlify(KEY[:16]),
        binascii.hexlify(KEY).decode().encode("utf-16"),
        # Base32 with what a file, a form or a table put around it.
        BASE32.encode("utf-8-sig"),
        *(BASE32.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        BASE32.encode() + b"\0",
        BASE32.encode() + b"\r\n\0\0\0\0",
        BASE32.encode() + b"\x0c",
        b"\x0b" + BASE32.encode(),
        f'"{BASE32}"'.encode(),
        f"'{BASE32}',".encode(),
        f"`{BASE32}`;".encode(),
        *(
            between.join(re.findall("....", BASE32)).encode(encoding)
            for between in ("_", ",", ", ", ".", "\xa0", ":")
            for encoding in ("utf-8", "latin-1", "utf-16")
        ),
        "\u2009-\u2011\u200b\u202f".join(re.findall("....", BASE32)).encode(),
        # That of other digits.
        *BASE32_HEX,
        *(text.lower() for text in BASE32_HEX),
        # All of it.
        f"otpauth://totp/ACME:ann?secret={BASE32}&issuer=ACME".encode(),
        f"OTPAUTH://hotp/ann?secret={BASE32}&counter=0\n".encode("utf-8-sig"),
        f'"otpauth://totp/ann?secret={BASE32}"'.encode("utf-16"),
        b"otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoH",
    ],
)
def test_case_642_bytes_of_text_are_no_secret(text: bytes) -> None:
    for make in (
        lambda: otp.Totp(text, legacy_secret=True),
        lambda: otp.Hotp(text, legacy_secret=True),
        lambda: otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08", text),
        lambda: otp.build_uri(text, "ann", legacy_secret=True),
    ):
        with pytest.raises(ValueError, match=r"^secret is bytes that look like ") as caught:
            make()
    named = "parse_uri" if b"auth" in text.replace(b"\0", b"").lower() else "bytes.fromhex"
    assert named in str(caught.value)
    assert otp.Totp(otp.RawSecret(text)).generate(59)


def test_case_642_what_was_drawn_is_a_secret() -> None:
    draw = random.Random(642)
    for size in (16, 20, 32, 64):
        for _ in range(5000):
            assert secret_of(draw.randbytes(size))
    # Sixteen symbols of sixteen, so that a secret of sixteen bytes has one that is none.
    for other in (*range(0x80, 0xA0), *range(0xA1, 0xC0), 0x01, *b"!#$%&()*<>?@[]^{|}~"):
        assert secret_of(b"JBSWY3DPEHPK3PX" + bytes([other]))
    # The keys of the RFCs are known to everybody, and in every test.
    for size in (16, 20, 32, 64):
        assert secret_of((b"1234567890" * 7)[:size])
    assert secret_of(b"123456789012345678901234567890123")  # not in pairs
    assert secret_of(bytes(20)) and secret_of(b"1" * 30)


def test_case_433_a_secret_is_not_shown() -> None:
    secret = otp.RawSecret(KEY)
    assert repr(secret) == str(secret) == f"{secret}" == "RawSecret(..)"
    assert json.dumps({"secret": secret}, default=repr) == '{"secret": "RawSecret(..)"}'
    assert secret == KEY and otp.Totp(secret).generate(59) == "287082"


@pytest.mark.parametrize(
    ("said", "kept"), [("\ud800 12", "12"), ("\udcff\udcfe", ""), ("F\udc80AIL\ud8001", "FAIL1")]
)
def test_case_434_no_status_of_a_gateway_undoes_its_report(said: str, kept: str) -> None:
    by, store = engine(), otp.MemoryStore()
    issued = issue(by, store, binding())
    told = by.report_delivery(
        store, binding(), issued.challenge_id, 1, delivered=False, status=said
    )
    assert told and told.outcome == "refunded"
    standing = by.status(store, binding())
    assert standing is not None and standing.gateway_status == kept


def test_case_435_disclosures_are_given_once() -> None:
    by, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    record = by.verify(store, binding(), issue(by, store, binding()).code).record
    assert record is not None and record.disclosures
    keys = signer().public_jwks
    assert otp.verify_record(record.jws, keys, record.disclosures)
    for given in (["other"], list(record.disclosures)):
        with pytest.raises(ValueError, match=r"^disclosures "):
            otp.verify_record(record, keys, given)


def test_case_435_the_first_step_of_a_device_is_true() -> None:
    by, store = engine(clock=Clock(0)), otp.MemoryStore(keep_records=True)
    verdict = by.verify_totp(store, binding(), otp.Totp(KEY), otp.Totp(KEY).generate(0))
    assert verdict.matched == 0 and verdict.matched
