"""Answers, row by row: the exact members, types, messages and statuses of the contract."""

import base64
import os
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

import otp_engine as otp
from otp_engine.esms import contract

ID = "6RA0A5PMRNHQZZG2AD16ZE75F9"
NOW = datetime(2024, 5, 15, 10, 0, tzinfo=timezone.utc)
EXPIRES = NOW + timedelta(minutes=3)
MALAYSIA = timezone(timedelta(hours=8))
MOBILE = "60123456789"
INVALID = {"status": 400, "message": "Invalid or expired OTP"}


def issued(recipient=MOBILE, expires=EXPIRES):
    """Return what the engine hands out, as far as an answer reads it."""
    return SimpleNamespace(challenge_id=ID, expires_at=expires, recipient=recipient)


def refusal(reason, retry_at, challenge_id=ID):
    """Return why there is no code now."""
    return SimpleNamespace(reason=reason, retry_at=retry_at, challenge_id=challenge_id)


def challenge(state="pending", delivery="sent", id_=ID):
    """Return how a challenge stands."""
    return SimpleNamespace(challenge_id=id_, state=state, delivery=delivery, expires_at=EXPIRES)


def accepted():
    """Return the verdict on the right code."""
    return SimpleNamespace(accepted=True, verified_at=NOW, challenge_id=ID)


def rejected(rejection, attempts_left=None, retry_at=None, evidence_fault=None):
    """Return the verdict on any other."""
    return SimpleNamespace(
        accepted=False,
        rejection=rejection,
        attempts_left=attempts_left,
        retry_at=retry_at,
        evidence_fault=evidence_fault,
        verified_at=None,
        challenge_id=None,
    )


def again(reason="cooldown", seconds=30.0, id_=ID, challenge_=None, mask=False):
    """Answer a send that the engine refused."""
    return contract.already_sent(
        refusal(reason, None if seconds is None else NOW + timedelta(seconds=seconds), id_),
        challenge=challenge_,
        recipient=MOBILE,
        mask=mask,
        now=NOW,
    )


def same(result, expected):
    """Compare with types: True equals 1, and "0" must be a string."""
    assert result == expected
    assert {name: type(value) for name, value in result.items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_sent_is_as_the_api_page_prints_it():
    """Names, types and the form of the time."""
    same(
        contract.sent(issued(), gateway_status="0", minutes=3, mask=False),
        {
            "status": 200,
            "message": "OTP generated successfully",
            "esms_otp_generation_id": "gen_" + ID,
            "esms_otp_response_status": "0",
            "duration": 3,
            "expiration_time": "2024-05-15 10:03:00",
            "recipient_mobile": MOBILE,
        },
    )


def test_times_are_utc():
    """Whatever zone an instant comes in, and without parts of a second."""
    there = EXPIRES.astimezone(MALAYSIA) + timedelta(microseconds=999_999)
    result = contract.sent(issued(expires=there), gateway_status="0", minutes=3, mask=False)
    assert result["expiration_time"] == "2024-05-15 10:03:00"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(MOBILE, "*******6789"), ("12345678", "****5678"), ("1234567", "*******"), ("1", "*")],
)
def test_a_masked_number_shows_four_digits(number, shown):
    """And a short one none."""
    result = contract.sent(issued(number), gateway_status="0", minutes=3, mask=True)
    assert result["recipient_mobile"] == shown


@pytest.mark.parametrize(("delivery", "status"), [("sent", "0"), ("unreported", "")])
def test_already_sent_names_the_same_code(delivery, status):
    """Within the cooldown of a live code; the gateway may not have answered yet."""
    same(
        again(challenge_=challenge(delivery=delivery)),
        {
            "status": 200,
            "message": "OTP already sent",
            "esms_otp_generation_id": "gen_" + ID,
            "esms_otp_response_status": status,
            "duration": 3,
            "expiration_time": "2024-05-15 10:03:00",
            "recipient_mobile": MOBILE,
            "retry_after": 30,
        },
    )
    assert again(challenge_=challenge(), mask=True)["recipient_mobile"] == "*******6789"


@pytest.mark.parametrize(
    "row",
    [
        {"id_": None},  # for another number or content
        {"id_": None, "challenge_": challenge()},
        {"challenge_": None},
        {"challenge_": challenge("verified")},
        {"challenge_": challenge("expired")},
        {"challenge_": challenge("cancelled")},
        {"challenge_": challenge(id_="0" * 26)},
        {"challenge_": challenge(delivery="failed")},  # no SMS to look for
        {"reason": "send_limit", "challenge_": challenge()},
        {"reason": "send_limit", "id_": None},
    ],
)
def test_every_other_refusal_within_limits_is_429(row):
    """With the seconds to wait."""
    same(again(**row), {"status": 429, "message": "OTP send limit reached", "retry_after": 30})


@pytest.mark.parametrize("reason", ["exhausted", "locked"])
def test_too_many_attempts_refuse_a_send(reason):
    """A live challenge changes nothing about it."""
    expected = {"status": 423, "message": "Too many wrong attempts", "retry_after": 30}
    same(again(reason, challenge_=challenge()), expected)
    same(contract.refused(refusal(reason, NOW + timedelta(seconds=30), ID), NOW), expected)


def test_who_must_be_unlocked_has_nothing_to_wait_for():
    """None, where only an unlock helps."""
    same(
        again("locked", seconds=None),
        {"status": 423, "message": "Too many wrong attempts", "retry_after": None},
    )


@pytest.mark.parametrize(
    ("seconds", "wait"), [(29.0, 29), (29.001, 30), (0.5, 1), (0.0, 1), (-5.0, 1)]
)
def test_who_waits_so_long_is_admitted(seconds, wait):
    """Rounded up, and never none."""
    assert again("send_limit", seconds=seconds)["retry_after"] == wait


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("5", "SMS gateway refused the message"),
        ("h403", "SMS gateway refused the message"),
        ("", "SMS gateway did not answer"),
        ("conn", "SMS gateway could not be reached"),
        ("tls", "SMS gateway could not be reached"),
        ("none", "No SMS gateway is set up"),
    ],
)
def test_a_gateway_that_failed_is_502(status, message):
    """Its own status, or none after a time-out."""
    same(
        contract.gateway_failed(status),
        {"status": 502, "message": message, "esms_otp_response_status": status},
    )


@pytest.mark.parametrize(("url", "told"), [("/my/home", "/my/home"), (None, False), ("", False)])
def test_verified(url, told):
    """Where the client goes next was said at Send."""
    verdict = accepted()
    same(
        contract.verified(verdict, signature_id=7, redirect_url=url),
        {
            "status": 200,
            "message": "OTP verified successfully",
            "esms_otp_generation_id": "gen_" + ID,
            "verified_at": "2024-05-15 10:00:00",
            "signature_id": 7,
            "redirect_url": told,
        },
    )


def test_a_rejection_never_reads_as_verified():
    """Nor an acceptance as rejected: a mix-up is an error, and so a 500."""
    with pytest.raises(ValueError, match="accepted"):
        contract.verified(rejected("wrong"), signature_id=7, redirect_url=None)
    with pytest.raises(ValueError, match="rejected"):
        contract.rejected(accepted(), NOW)


@pytest.mark.parametrize(
    "rejection", ["expired", "already_used", "superseded", "cancelled", "mismatch", "unknown"]
)
def test_a_guesser_hears_one_message(rejection):
    """Whatever the reason was."""
    same(contract.rejected(rejected(rejection), NOW), INVALID)


@pytest.mark.parametrize("left", [4, 1, 0])
def test_a_wrong_code_tells_the_attempts_that_are_left(left):
    """To the OTP's own user: the engine names the number only then."""
    same(
        contract.rejected(rejected("wrong", attempts_left=left), NOW),
        {**INVALID, "attempts_left": left},
    )


@pytest.mark.parametrize("rejection", ["exhausted", "locked"])
@pytest.mark.parametrize(("seconds", "wait"), [(900, 900), (None, None)])
def test_no_attempts_are_left(rejection, seconds, wait):
    """423, with the seconds to wait if waiting helps."""
    at = None if seconds is None else NOW + timedelta(seconds=seconds)
    same(
        contract.rejected(rejected(rejection, retry_at=at), NOW),
        {"status": 423, "message": "Too many wrong attempts", "retry_after": wait},
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (otp.EvidenceFault("image", "missing"), "signature is required"),
        (otp.EvidenceFault("image", "too_large"), "signature is too large"),
        (otp.EvidenceFault("image", "unfit"), "signature is not usable"),
        (otp.EvidenceFault("signer_name", "missing"), "signer_name is required"),
        (otp.EvidenceFault("other", "unfit"), "evidence is not usable"),
        (None, "evidence is not usable"),
    ],
)
def test_missing_evidence_is_named(fault, message):
    """The code is not used up by it."""
    verdict = rejected("evidence", evidence_fault=fault)
    same(contract.rejected(verdict, NOW), {"status": 400, "message": message})


def test_a_malformed_code_is_no_guess():
    """So its message may differ."""
    verdict = rejected("malformed")
    same(contract.rejected(verdict, NOW), {"status": 400, "message": "otp is malformed"})


def signature(**changed):
    """Answer Get signature."""
    said = {
        "signature_id": 7,
        "challenge_id": ID,
        "verified_at": NOW,
        "signer_name": "Siti",
        "image": b"\x89PNG",
        "recipient": MOBILE,
        "jws": "a.b.c",
        "mask": False,
    }
    return contract.signature(**{**said, **changed})


def test_a_signature_in_full():
    """All members of the contract."""
    same(
        signature(),
        {
            "status": 200,
            "message": "OTP signature retrieved successfully",
            "signer_name": "Siti",
            "signature": base64.b64encode(b"\x89PNG").decode(),
            "signature_id": 7,
            "verified_at": "2024-05-15 10:00:00",
            "esms_otp_generation_id": "gen_" + ID,
            "recipient_mobile": MOBILE,
            "signature_record": "a.b.c",
        },
    )
    assert signature(mask=True)["recipient_mobile"] == "*******6789"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("image", "signature"), ("signer_name", "signer_name"), ("recipient", "recipient_mobile"),
        ("jws", "signature_record"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_false(given, told):
    """Masked or not."""
    for mask in (False, True):
        assert signature(**{given: None}, mask=mask)[told] is False


def test_the_plain_answers():
    """Status and message, and a reference where there is a line in the log."""
    same(contract.not_found("No such model"), {"status": 404, "message": "No such model"})
    same(contract.forbidden("Not yours"), {"status": 403, "message": "Not yours"})
    same(
        contract.failed("a1b2"),
        {"status": 500, "message": "Internal error", "reference": "a1b2"},
    )


def test_the_engine_itself_is_understood():
    """Its own answers have what is read from them."""
    store = otp.MemoryStore(keep_records=True)
    ring = otp.KeyRing({"k": os.urandom(32)}, index=os.urandom(32))
    key = otp.SigningKey.from_seed(os.urandom(32))
    engine = otp.Engine(ring, policy=otp.Policy(evidence=("image",)), signing_key=key)
    binding = otp.Binding(
        tenant="t", purpose="sign", target=otp.Target("m", "f", "15"), user="7", mobile=MOBILE
    )
    now = datetime.now(timezone.utc)

    first = engine.issue(store, binding)
    sent = contract.sent(first, gateway_status="0", minutes=3, mask=False)
    assert (sent["status"], sent["recipient_mobile"]) == (200, MOBILE)
    second = contract.already_sent(
        engine.issue(store, binding),
        challenge=engine.status(store, binding),
        recipient=MOBILE,
        mask=False,
        now=now,
    )
    assert second["message"] == "OTP already sent"
    same_code = ("esms_otp_generation_id", "expiration_time", "recipient_mobile", "duration")
    assert [second[name] for name in same_code] == [sent[name] for name in same_code]
    assert 58 <= second["retry_after"] <= 120  # by the clock before the first one

    def verify(typed, **evidence):
        verdict = engine.verify(store, binding, typed, evidence=otp.Evidence(**evidence))
        if verdict:
            return contract.verified(verdict, signature_id=7, redirect_url=None)
        return contract.rejected(verdict, now)

    assert verify(first.code) == {"status": 400, "message": "signature is required"}
    line = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQAAAADsdIMmAAAAGUlEQVR42mP4x/CX4TfDd4b3DPcZ9jPUAwA84wb6"
        "oWdPWgAAAABJRU5ErkJggg=="
    )
    blank = base64.b64decode(  # one pixel
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    )
    for unusable in (blank, b"\xff\xd8\xff", line[:-12]):
        refused = verify(first.code, image=unusable)
        assert refused == {"status": 400, "message": "signature is not usable"}
    wrong = str((int(first.code) + 1) % 10**6).zfill(6)
    assert verify(wrong, image=line) == {**INVALID, "attempts_left": 4}
    assert verify("12", image=line) == {"status": 400, "message": "otp is malformed"}
    done = verify(first.code, image=line)
    assert done["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert verify(first.code, image=line) == INVALID
