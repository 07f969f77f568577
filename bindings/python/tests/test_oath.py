"""Codes of the user's own device: the RFCs' vectors, bounds, URIs, and the engine's guard."""

import datetime
import doctest
import json
import threading
from typing import Any

import pytest
from support import REPOSITORY, START, Clock, binding, engine

import otp_engine as otp
from otp_engine import oath

SECRET = b"12345678901234567890"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
STEP = START // 30


def read(name: str) -> Any:
    return json.loads((REPOSITORY / "tests" / "vectors" / f"oath-{name}.json").read_text())


def test_the_examples_of_the_documentation_hold() -> None:
    ran = doctest.testmod(oath)
    assert ran.attempted > 10 and ran.failed == 0


def test_codes_are_those_of_rfc_4226_appendix_d() -> None:
    file = read("hotp")
    hotp = otp.Hotp(file["secret"].encode(), file["digits"], file["algorithm"])
    for line in file["codes"]:
        assert hotp.at(line["counter"]) == line["code"]
        assert hotp.verify(line["code"], 0, look_ahead=9) == line["counter"]
    assert len(file["codes"]) == 10


def test_codes_are_those_of_rfc_6238_appendix_b() -> None:
    file = read("totp")
    checked = 0
    for key in file["keys"]:
        totp = otp.Totp(key["secret"].encode(), file["digits"], key["algorithm"], file["period"])
        for line in key["codes"]:
            assert totp.at(line["time"]) == line["code"]
            when = datetime.datetime.fromtimestamp(line["time"], datetime.timezone.utc)
            assert totp.verify(line["code"], when) == line["time"] // 30
            checked += 1
    assert checked == 18


def test_codes_are_those_of_rfc_6287_appendix_c() -> None:
    checked = 0
    for group in read("ocra")["groups"]:
        ocra = otp.Ocra(group["suite"], group["secret"].encode())
        for line in group["codes"]:
            first, second = line.get("mutual") or (line["question"], "")
            inputs = {
                "question": first,
                "other_question": second,
                "counter": line.get("counter"),
                "pin": group.get("pin"),
                "unix_time": group.get("time"),
            }
            assert ocra.generate(**inputs) == line["code"]
            found = ocra.verify(line["code"], **inputs)
            assert found is not None and found.counter == line.get("counter")
            checked += 1
    assert checked == 70


def test_secrets_are_bytes_or_base32_and_never_short() -> None:
    spaced = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq===="
    for secret in (SECRET, BASE32, spaced):
        assert otp.Hotp(secret).at(0) == "755224"
    for short in (b"x" * 15, "GEZDGNBVGY3TQOJQ", "not base32!", ""):
        with pytest.raises(otp.KeyRingError):
            otp.Hotp(short)
    with pytest.raises(TypeError, match="secret"):
        otp.Totp(bytearray(SECRET))  # type: ignore[arg-type]
    assert "1234" not in repr(otp.Hotp(SECRET)) + repr(otp.Totp(SECRET))


def test_what_is_out_of_bounds_names_itself() -> None:
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    ocra = otp.Ocra("OCRA-1:HOTP-SHA1-6:C-QN08", SECRET)
    for call, name in (
        (lambda: otp.Hotp(SECRET, 5), "digits"),
        (lambda: otp.Hotp(SECRET, 11), "digits"),
        (lambda: otp.Hotp(SECRET, algorithm="md5"), "algorithm"),
        (lambda: otp.Totp(SECRET, period=0), "period"),
        (lambda: otp.Ocra("OCRA-1:HOTP-SHA1-4:QN08", SECRET), "suite"),
        (lambda: hotp.at(-1), "counter"),
        (lambda: hotp.at(2**64), "counter"),
        (lambda: hotp.verify("755224", 0, look_ahead=256), "look_ahead"),
        (lambda: totp.at(-1), "unix_time"),
        (lambda: totp.at(2.0**63), "unix_time"),
        (lambda: totp.at(float("nan")), "unix_time"),
        (lambda: totp.at(datetime.datetime(2026, 1, 1)), "unix_time"),
        (lambda: totp.verify("755224", 0, window=256), "window"),
        (lambda: ocra.generate(question="12345678"), "counter"),
        (lambda: ocra.generate(question="1234567x", counter=0), "question"),
        (lambda: ocra.generate(question="1", counter=0, pin="1"), "pin"),
    ):
        with pytest.raises(ValueError, match=name):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(TypeError, match="code"):
        hotp.verify(755224, 0)  # type: ignore[arg-type]


def test_digits_that_promise_too_much_warn() -> None:
    for digits in (9, 10):
        with pytest.warns(UserWarning, match="31 bits"):
            otp.Hotp(SECRET, digits)
        with pytest.warns(UserWarning, match="31 bits"):
            otp.Ocra(f"OCRA-1:HOTP-SHA1-{digits}:QN08", SECRET)


def test_windows_end_where_counters_and_time_do() -> None:
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    last = 2**64 - 1
    assert hotp.verify(hotp.at(last), last - 3, look_ahead=255) == last
    assert hotp.verify(hotp.at(0), last, look_ahead=255) is None
    assert totp.verify(totp.at(0), 0, window=255) == 0
    assert totp.verify(totp.at(0), -1, window=1) == 0
    assert totp.verify(totp.at(0.9), 29.9, window=0) == 0
    assert totp.verify("000000", -(2**63), window=255) is None
    end = 2**63 - 1
    assert totp.verify(totp.at(end), end, window=255) == end // 30
    for text in ("", "12345", "1" * 10_000, "12345\udc80", "12345\0"):
        assert hotp.verify(text, 0) is None and totp.verify(text, 0) is None


def test_two_codes_in_a_row_find_a_device() -> None:
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    assert hotp.resynchronise(hotp.at(700), hotp.at(701), 3) == 701
    assert hotp.resynchronise(hotp.at(700), hotp.at(702), 3) is None
    assert totp.resynchronise(totp.at(3000), totp.at(3030), 600) == 101
    assert totp.resynchronise(totp.at(3000), totp.at(3000), 600) is None


def test_uris_are_read_and_written() -> None:
    secret = b"\0zero bytes are bytes\0"
    uri = otp.build_uri(secret, "ann@example.com", issuer="ACME Bänk", digits=8, period=60)
    assert uri.startswith("otpauth://totp/ACME%20B%C3%A4nk:ann%40example.com?secret=")
    found = otp.parse_uri(uri)
    assert found == otp.Credential(
        "totp", secret, "ann@example.com", "ACME Bänk", "sha1", 8, 60, None
    )
    totp = found.key()
    assert isinstance(totp, otp.Totp)
    assert totp.at(59) == otp.Totp(secret, 8, period=60).at(59)
    hotp = otp.parse_uri(otp.build_uri(BASE32, "ann", kind="hotp", counter=2**64 - 1))
    assert (hotp.secret, hotp.counter, hotp.period, hotp.issuer) == (SECRET, 2**64 - 1, None, None)
    assert "zero bytes" not in repr(found)
    for unfit in ("", "http://x", "otpauth://totp/a", f"otpauth://hotp/a?secret={BASE32}"):
        with pytest.raises(ValueError, match="uri"):
            otp.parse_uri(unfit)
    with pytest.raises(ValueError, match="colon"):
        otp.build_uri(SECRET, "a:b")
    with pytest.raises(ValueError, match="account"):
        otp.build_uri(SECRET, "a\0b")
    with pytest.raises(ValueError, match="kind"):
        otp.build_uri(SECRET, "a", kind="yaotp")


def test_an_engine_takes_a_code_once() -> None:
    clock = Clock()
    by, store, to = engine(clock=clock), otp.MemoryStore(keep_records=True), binding()
    hotp, totp = otp.Hotp(SECRET, counter=2), otp.Totp(SECRET)
    accepted = by.verify_hotp(store, to, hotp, hotp.at(4))
    assert accepted and accepted.matched == 4 and accepted.verified_at is not None
    again = by.verify_hotp(store, binding("16"), hotp, hotp.at(4))
    assert not again and (again.rejection, again.public) == ("already_used", "invalid")
    assert by.verify_hotp(store, to, hotp, hotp.at(4 + 7)).rejection == "wrong"
    found = by.resynchronise_hotp(store, to, hotp, hotp.at(900), hotp.at(901))
    assert found and found.matched == 901
    assert by.resynchronise_hotp(store, to, hotp, hotp.at(902), "").rejection == "malformed"

    ahead = by.verify_totp(store, to, totp, totp.at(START + 30))
    assert ahead and (ahead.matched, ahead.drift) == (STEP + 1, 1)
    assert by.verify_totp(store, to, totp, totp.at(START)).rejection == "already_used"
    far = by.resynchronise_totp(store, to, totp, totp.at(START + 1200), totp.at(START + 1230))
    assert far and far.drift == 41
    with pytest.raises(otp.StoreError):
        by.verify_hotp(otp.MemoryStore(), to, hotp, hotp.at(902))


def test_wrong_guesses_lock_a_user() -> None:
    by, store, to, totp = engine(), otp.MemoryStore(), binding(), otp.Totp(SECRET)
    right = totp.at(START)
    wrong = f"{(int(right) + 500_000) % 1_000_000:06}"
    for left in reversed(range(15)):
        assert by.verify_totp(store, to, totp, wrong, window=0).attempts_left == left
    locked = by.verify_totp(store, to, totp, right)
    assert locked.rejection == "locked" and locked.retry_at is not None
    assert by.unlock(store, "acme", "7")
    assert by.verify_totp(store, to, totp, right)


def test_an_answer_approves_one_binding() -> None:
    by, store = engine(), otp.MemoryStore(keep_records=True)
    ocra = otp.Ocra("OCRA-1:HOTP-SHA256-8:C-QH32-PSHA256-T1M", SECRET)
    question = by.ocra_question(binding(), ocra)
    assert len(question) == 32 and question != by.ocra_question(binding("16"), ocra)
    code = ocra.generate(question=question, counter=2, pin="1234", unix_time=START)
    assert by.verify_ocra(store, binding("16"), ocra, code, pin="1234").rejection == "wrong"
    assert by.verify_ocra(store, binding(), ocra, code, pin="1235").rejection == "wrong"
    accepted = by.verify_ocra(store, binding(), ocra, code, pin="1234")
    assert accepted and accepted.matched == 2
    again = by.verify_ocra(store, binding(), ocra, code, pin="1234")
    assert again.rejection == "already_used"
    with pytest.raises(ValueError, match="pin"):
        by.verify_ocra(store, binding(), ocra, code)
    with pytest.raises(ValueError, match="QH16"):
        by.ocra_question(binding(), otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08", SECRET))
    still = otp.Ocra("OCRA-1:HOTP-SHA1-6:QH16", SECRET)
    answer = still.generate(question=by.ocra_question(binding(), still))
    first = by.verify_ocra(store, binding(), still, answer)
    assert first and first.matched is None
    assert by.verify_ocra(store, binding(), still, answer).rejection == "already_used"


def test_threads_with_one_key_and_one_code() -> None:
    by, store, to, totp = engine(), otp.MemoryStore(), binding(), otp.Totp(SECRET)
    code, heard = totp.at(START), []
    codes = [totp.at(30 * step) for step in range(200)]

    def work() -> None:
        assert [totp.at(30 * step) for step in range(200)] == codes
        heard.append(by.verify_totp(store, to, totp, code))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdict.rejection or "" for verdict in heard) == ["", *["already_used"] * 7]


def test_a_closed_key_is_refused() -> None:
    hotp = otp.Hotp(SECRET)
    hotp.close()
    with pytest.raises(ValueError, match="closed"):
        hotp.at(0)
