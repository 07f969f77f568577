"""Codes of the user's own device: the RFCs' vectors, bounds, URIs, and the engine's guard."""

import datetime
import doctest
import json
import threading
from typing import Any

import pytest
from support import REPOSITORY, START, Clock, binding, engine, key_ring

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
        assert hotp.generate(line["counter"]) == line["code"]
        assert hotp.verify(line["code"], 0, look_ahead=9) == line["counter"]
    assert len(file["codes"]) == 10


def test_codes_are_those_of_rfc_6238_appendix_b() -> None:
    file = read("totp")
    checked = 0
    for key in file["keys"]:
        totp = otp.Totp(key["secret"].encode(), file["digits"], key["algorithm"], file["period"])
        for line in key["codes"]:
            assert totp.generate(line["time"]) == line["code"]
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
        assert otp.Hotp(secret).generate(0) == "755224"
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
        (lambda: hotp.generate(-1), "counter"),
        (lambda: hotp.generate(2**64), "counter"),
        (lambda: hotp.verify("755224", 0, look_ahead=256), "look_ahead"),
        (lambda: totp.generate(-1), "unix_time"),
        (lambda: totp.generate(2.0**63), "unix_time"),
        (lambda: totp.generate(float("nan")), "unix_time"),
        (lambda: totp.generate(datetime.datetime(2026, 1, 1)), "unix_time"),
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
    assert hotp.verify(hotp.generate(last), last - 3, look_ahead=255) == last
    assert hotp.verify(hotp.generate(0), last, look_ahead=255) is None
    assert totp.verify(totp.generate(0), 0, window=255) == 0
    assert totp.verify(totp.generate(0), -1, window=1) == 0
    assert totp.verify(totp.generate(0.9), 29.9, window=0) == 0
    assert totp.verify("000000", -(2**63), window=255) is None
    end = 2**63 - 1
    assert totp.verify(totp.generate(end), end, window=255) == end // 30
    for text in ("", "12345", "1" * 10_000, "12345\udc80", "12345\0"):
        assert hotp.verify(text, 0) is None and totp.verify(text, 0) is None


def test_two_codes_in_a_row_find_a_device() -> None:
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    assert hotp.resynchronise(hotp.generate(700), hotp.generate(701), 3) == 701
    assert hotp.resynchronise(hotp.generate(700), hotp.generate(702), 3) is None
    assert totp.resynchronise(totp.generate(3000), totp.generate(3030), 600) == 101
    assert totp.resynchronise(totp.generate(3000), totp.generate(3000), 600) is None


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
    assert totp.generate(59) == otp.Totp(secret, 8, period=60).generate(59)
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


def test_case_373_the_longest_uri_that_is_written_is_read() -> None:
    secret, name, image = bytes(range(1, 252)) * 4 + b"\1" * 20, "é" * 128, "https://" + '"' * 504
    uri = otp.build_uri(secret, name, issuer=name, digits=10, algorithm="sha512", image=image)
    found = otp.parse_uri(uri)
    assert len(uri) > 5_500 and (found.secret, found.account, found.issuer) == (secret, name, name)


def test_an_engine_takes_a_code_once() -> None:
    clock = Clock()
    by, store, to = engine(clock=clock), otp.MemoryStore(keep_records=True), binding()
    hotp, totp = otp.Hotp(SECRET, counter=2), otp.Totp(SECRET)
    accepted = by.verify_hotp(store, to, hotp, hotp.generate(4))
    assert accepted and accepted.matched == 4 and accepted.verified_at is not None
    again = by.verify_hotp(store, binding("16"), hotp, hotp.generate(4))
    assert not again and (again.rejection, again.public) == ("already_used", "invalid")
    assert by.verify_hotp(store, to, hotp, hotp.generate(4 + 7)).rejection == "wrong"
    found = by.resynchronise_hotp(store, to, hotp, hotp.generate(900), hotp.generate(901))
    assert found and found.matched == 901
    assert by.resynchronise_hotp(store, to, hotp, hotp.generate(902), "").rejection == "malformed"

    ahead = by.verify_totp(store, to, totp, totp.generate(START + 30))
    assert ahead and (ahead.matched, ahead.drift) == (STEP + 1, 1)
    assert by.verify_totp(store, to, totp, totp.generate(START)).rejection == "already_used"
    far = by.resynchronise_totp(
        store, to, totp, totp.generate(START + 1200), totp.generate(START + 1230)
    )
    assert far and far.drift == 41
    with pytest.raises(otp.UnsupportedError, match="need one that keeps them for ever"):
        by.verify_hotp(otp.MemoryStore(), to, hotp, hotp.generate(902))


def test_wrong_guesses_lock_a_user() -> None:
    by, store, to, totp = engine(), otp.MemoryStore(), binding(), otp.Totp(SECRET)
    right = totp.generate(START)
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
    code, heard = totp.generate(START), []
    codes = [totp.generate(30 * step) for step in range(200)]

    def work() -> None:
        assert [totp.generate(30 * step) for step in range(200)] == codes
        heard.append(by.verify_totp(store, to, totp, code))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdict.rejection or "" for verdict in heard) == ["", *["already_used"] * 7]


def test_case_121_bytes_that_look_like_base32_need_a_name() -> None:
    for text in (
        BASE32.encode(),
        BASE32.lower().encode(),
        b"GEZD GNBV GY3T QOJQ GEZD GNBV\n",
        BASE32.encode() + b"====",
    ):
        for make in (
            otp.Totp,
            otp.Hotp,
            lambda secret: otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08", secret),
            lambda secret: otp.build_uri(secret, "ann"),
        ):
            with pytest.raises(ValueError, match="RawSecret"):
                make(text)  # type: ignore[operator]
            assert make(otp.RawSecret(text)) is not None  # type: ignore[operator]
    # What was drawn does not look so, and what a URI holds is taken as it is.
    for secret in (SECRET, bytes(range(20)), b"ABCDEFGHIJKLMNO0", b"AbCDEFGHIJKLMNOPQRST"):
        assert otp.Totp(secret).generate(59)
    raw = otp.RawSecret(b"ABCDEFGHIJKLMNOPQRST")
    found = otp.parse_uri(otp.build_uri(raw, "ann"))
    assert found.secret == raw and found.key().generate(59) == otp.Totp(raw).generate(59)
    assert otp.build_uri(found.secret, "ann") == otp.build_uri(raw, "ann")


def test_case_122_a_match_is_true_even_at_counter_and_step_0() -> None:
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    for match in (
        hotp.verify(hotp.generate(0), 0),
        totp.verify(totp.generate(0), 0),
        totp.verify(totp.generate(0), 29, window=0),
    ):
        assert match == 0 and match
    assert not hotp.verify(hotp.generate(7), 0)
    assert hotp.resynchronise(hotp.generate(7), hotp.generate(8), 0) == 8


def test_case_123_an_encoder_is_refused_and_a_fragment_and_empty_parameters_are_skipped() -> None:
    base = f"otpauth://totp/ACME:ann?secret={BASE32}"
    for other in ("encoder=steam", "ENCODER=x", "encoder=%20"):
        with pytest.raises(ValueError, match="encoder"):
            otp.parse_uri(f"{base}&{other}")
    empty = "&issuer=&digits=&period=&algorithm=&encoder="
    for same in ("#digits=8", "&image=x#y&digits=8", empty):
        assert otp.parse_uri(base + same) == otp.parse_uri(base)
    colon = otp.parse_uri(base.replace("ann", "ann%3Abob+1"))
    assert (colon.issuer, colon.account) == ("ACME", "ann:bob+1")
    url = "https://acme.example/logo.png?size=64"
    uri = otp.build_uri(SECRET, "ann", issuer="ACME", image=url)
    assert uri.endswith("&image=https%3A%2F%2Facme.example%2Flogo.png%3Fsize%3D64")
    assert otp.parse_uri(uri).image == url and otp.parse_uri(base).image is None
    for unfit in ("http://a", "https://a b", "https://" + "a" * 600, "https://a\0"):
        with pytest.raises(ValueError, match="image"):
            otp.build_uri(SECRET, "ann", image=unfit)


def test_case_124_short_secrets_are_taken_by_those_who_say_so() -> None:
    ten, text = b"Hello!\xde\xad\xbe\xef", "JBSWY3DPEHPK3PXP"
    uri = f"otpauth://totp/ann?secret={text}"
    for refused in (
        lambda: otp.Totp(ten),
        lambda: otp.Hotp(text),
        lambda: otp.parse_uri(uri),
        lambda: otp.build_uri(ten, "ann"),
        lambda: otp.Totp(ten[:9], legacy_secret=True),
    ):
        with pytest.raises(otp.KeyRingError, match="bytes"):
            refused()  # type: ignore[no-untyped-call]
    totp = otp.Totp(ten, legacy_secret=True)
    assert totp.generate(1_111_111_109) == "071271"
    assert otp.Hotp(text, legacy_secret=True).generate(1_111_111_109 // 30) == "071271"
    found = otp.parse_uri(uri, legacy_secret=True)
    assert found.secret == ten and found.legacy_secret
    assert found.key().generate(1_111_111_109) == "071271"
    assert text in otp.build_uri(ten, "ann", legacy_secret=True)
    for constant in (bytes(20), b"\xff" * 16, "A" * 32):
        with pytest.raises(otp.KeyRingError, match="same"):
            otp.Totp(constant)


def test_case_125_after_a_restored_backup_devices_begin_anew() -> None:
    clock = Clock()
    by, to = engine(clock=clock), binding()
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    store = otp.MemoryStore(keep_records=True)
    assert by.verify_hotp(store, to, hotp, hotp.generate(0))
    assert by.verify_totp(store, to, totp, totp.generate(START))
    after, restored = otp.Engine(key_ring(epoch=1), clock=clock), otp.MemoryStore(keep_records=True)
    again = after.verify_hotp(restored, to, hotp, hotp.generate(0))
    assert not again and (again.rejection, again.public) == ("resynchronise", "invalid")
    assert after.resynchronise_hotp(restored, to, hotp, hotp.generate(3), hotp.generate(4))
    assert after.verify_hotp(restored, to, hotp, hotp.generate(5)).matched == 5
    assert after.verify_totp(restored, to, totp, totp.generate(START)).rejection == "already_used"
    clock.now += 60
    assert after.verify_totp(restored, to, totp, totp.generate(clock.now))


def test_case_126_a_device_counts_its_guesses_without_meters_and_locks_itself_alone() -> None:
    clock = Clock()
    by = engine(clock=clock, rate_limits=otp.RateLimits(unlimited=True))
    store, to, totp = otp.MemoryStore(), binding(), otp.Totp(SECRET)
    wrong = f"{(int(totp.generate(START)) + 500_000) % 1_000_000:06}"
    for left in reversed(range(30)):
        assert by.verify_totp(store, to, totp, wrong, window=0).attempts_left == left
    locked = by.verify_totp(store, to, totp, totp.generate(START), window=0)
    assert locked.rejection == "locked" and locked.retry_at is not None
    clock.now += 86_400
    assert by.verify_totp(store, to, totp, totp.generate(clock.now), window=0)

    by, store = engine(), otp.MemoryStore()
    for _ in range(20):
        by.verify_totp(store, to, totp, wrong, window=0)
    issued = by.issue(store, to)
    assert isinstance(issued, otp.Issued)
    assert by.verify(store, to, issued.code)

    stopping = otp.RateLimits(consecutive_failures=10, device_hard_stop=True)
    by, store = engine(rate_limits=stopping), otp.MemoryStore()
    for _ in range(10):
        by.verify_totp(store, to, totp, wrong, window=0)
    stopped = by.verify_totp(store, to, totp, totp.generate(START), window=0)
    assert (stopped.rejection, stopped.retry_at) == ("locked", None)


def test_case_127_several_devices_are_one_call_and_one_charge() -> None:
    by, store, to = engine(), otp.MemoryStore(keep_records=True), binding()
    phone, tablet = otp.Totp(SECRET), otp.Totp(bytes(range(20)))
    token = otp.Hotp(bytes(range(20, 40)))
    devices = [otp.Device(phone, window=0), otp.Device(tablet, window=0), token]
    accepted = by.verify_devices(store, to, devices, tablet.generate(START))
    assert accepted and (accepted.device, accepted.matched) == (1, STEP)
    assert by.verify_devices(store, to, devices, tablet.generate(START)).rejection == "already_used"
    found = by.verify_devices(store, to, devices, token.generate(3))
    assert found and (found.device, found.matched) == (2, 3)
    right = {phone.generate(START), tablet.generate(START), *(token.generate(n) for n in range(20))}
    wrong = next(code for code in map("{:06}".format, range(99)) if code not in right)
    assert by.verify_devices(store, to, devices, wrong).attempts_left == 14
    for unfit in ([], [phone] * 2, [phone, tablet, token, otp.Totp(b"x" * 10 + bytes(10))]):
        with pytest.raises(ValueError, match="devices"):
            by.verify_devices(store, to, unfit, "123456")
    one, three = by.device_odds([devices[0]]), by.device_odds(devices)
    assert one.per_day == pytest.approx(2 * 15e-6, rel=1e-3)
    assert three.per_day == pytest.approx((2 + 2 + 6) * 15e-6, rel=1e-3)
    assert [found.clause for found in by.device_findings([phone])] == ["v5.0.0-6.5.5", "3.2.2"]
    ocra = otp.Ocra("OCRA-1:HOTP-SHA256-8:C-QH16-PSHA1", SECRET)
    answering = otp.Device(ocra, pin="1234")
    assert "1234" not in repr(answering)
    code = ocra.generate(question=by.ocra_question(to, ocra), counter=0, pin="1234")
    answered = by.verify_devices(store, to, [phone, answering], code)
    assert answered and answered.device == 1


def test_case_131_a_reset_sets_a_device_right_and_says_why() -> None:
    heard: list[otp.Event] = []
    stopping = otp.RateLimits(consecutive_failures=10, device_hard_stop=True)
    by = engine(rate_limits=stopping, observer=heard.append)
    store, to = otp.MemoryStore(keep_records=True), binding()
    token = otp.Hotp(SECRET)
    assert not by.reset_device(store, "acme", "7", token, "nobody used it")
    assert by.verify_hotp(store, to, token, token.generate(3))
    for _ in range(10):
        assert not by.verify_hotp(store, to, token, "000000")
    assert by.verify_hotp(store, to, token, token.generate(4)).rejection == "locked"
    for unfit in ("", " ", "a\nb", "x" * 257):
        with pytest.raises((ValueError, otp.OtpError)):
            by.reset_device(store, "acme", "7", token, unfit)
    heard.clear()
    assert by.reset_device(store, "acme", "7", otp.Device(token), "at the branch")
    assert [(event.kind, event.reset_reason) for event in heard] == [
        ("device_reset", "at the branch")
    ]
    assert by.verify_hotp(store, to, token, token.generate(3)).rejection == "already_used"
    assert by.verify_hotp(store, to, token, token.generate(4))


def test_case_111_a_code_typed_late_moves_no_window() -> None:
    clock = Clock()
    by, store, to, totp = engine(clock=clock), otp.MemoryStore(), binding(), otp.Totp(SECRET)

    def ask(late: int) -> otp.OathVerdict:
        clock.now += 300
        return by.verify_totp(store, to, totp, totp.generate(clock.now - 30 * late))

    assert ask(1)
    assert ask(2).rejection == "wrong"
    assert ask(0)


def test_case_132_a_device_whose_clock_was_put_right_is_taken_again_after_a_reset() -> None:
    clock = Clock()
    by, store, to, totp = engine(clock=clock), otp.MemoryStore(), binding(), otp.Totp(SECRET)
    ahead = START + 18_000
    found = by.resynchronise_totp(
        store, to, totp, totp.generate(ahead), totp.generate(ahead + 30), 1000
    )
    assert found and found.drift == 601
    clock.now += 300
    assert by.verify_totp(store, to, totp, totp.generate(clock.now)).rejection == "already_used"
    assert by.reset_device(store, "acme", "7", otp.Device(totp, window=1), "its clock")
    assert by.verify_totp(store, to, totp, totp.generate(clock.now)).rejection == "already_used"
    clock.now += 60
    assert by.verify_totp(store, to, totp, totp.generate(clock.now))


def test_a_closed_key_is_refused() -> None:
    hotp = otp.Hotp(SECRET)
    hotp.close()
    with pytest.raises(ValueError, match="closed"):
        hotp.generate(0)
