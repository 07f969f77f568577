"""Every call of the surface, on memory, under a clock that is set by hand."""

import hashlib
import json
import time
from datetime import datetime, timezone

import pytest
from support import START, Clock, binding, engine, issue, key_ring, signer, submissions, wrong

import otp_engine as otp

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000008000000080100000000ec748326000000194944415478da63f8"
    "c7f097e137c37786f70cf719f633d403003ce306faa1674f5a0000000049454e44ae426082"
)
TARGET = otp.Target("loan.application", "signature", "15")


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(START + seconds, timezone.utc)


def test_an_issued_code_is_accepted_once() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    assert len(issued.code) == 6 and issued.code.isdecimal()
    assert len(issued.challenge_id) == 26
    assert (issued.recipient, issued.send) == ("60123456789", 1)
    assert (issued.issued_at, issued.expires_at) == (at(0), at(180))
    verdict = maker.verify(store, to, issued.code)
    assert verdict.accepted and verdict and verdict.rejection is None
    assert verdict.verified_at == at(0)
    assert verdict.challenge_id == issued.challenge_id
    assert verdict.record is None


def test_case_55_the_same_right_code_twice_is_already_used() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    assert maker.verify(store, to, code)
    again = maker.verify(store, to, code)
    assert not again and not again.accepted
    assert (again.rejection, again.public) == ("already_used", "invalid")


def test_case_13_five_wrong_guesses_then_the_right_code_is_refused() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    answers = [maker.verify(store, to, wrong(code, nth)) for nth in range(1, 6)]
    assert [answer.attempts_left for answer in answers[:4]] == [4, 3, 2, 1]
    assert {answer.rejection for answer in answers[:4]} == {"wrong"}
    last = maker.verify(store, to, code)
    assert (last.rejection, last.public) == ("exhausted", "invalid")
    refusal = maker.issue(store, to)
    assert isinstance(refusal, otp.Refusal)
    assert (refusal.reason, refusal.retry_at) == ("exhausted", at(900))


def test_case_14_four_wrong_guesses_then_the_right_code_is_accepted() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    for nth in range(1, 5):
        assert not maker.verify(store, to, wrong(code, nth))
    assert maker.verify(store, to, code)


def test_case_27_a_code_expires_at_its_expiry_not_before() -> None:
    for seconds, rejection in ((179, None), (180, "expired")):
        clock = Clock()
        maker, store, to = engine(clock=clock), otp.MemoryStore(), binding()
        code = issue(maker, store, to).code
        clock.now += seconds
        assert maker.verify(store, to, code).rejection == rejection


def test_case_28_a_clock_that_went_back_is_a_fault_and_costs_nothing() -> None:
    clock = Clock()
    maker, store, to = engine(clock=clock), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    clock.now -= 31
    with pytest.raises(otp.ClockError):
        maker.verify(store, to, code)
    clock.now += 1
    assert maker.verify(store, to, code)


def test_case_42_a_second_send_comes_at_60_seconds_not_at_59() -> None:
    clock = Clock()
    maker, store, to = engine(clock=clock), otp.MemoryStore(), binding()
    first = issue(maker, store, to)
    clock.now += 59
    early = maker.issue(store, to)
    assert isinstance(early, otp.Refusal) and not early
    assert (early.reason, early.retry_at) == ("cooldown", at(60))
    assert early.challenge_id == first.challenge_id
    clock.now += 1
    again = issue(maker, store, to)
    assert (again.send, again.code) == (2, first.code)
    assert (again.challenge_id, again.expires_at) == (first.challenge_id, first.expires_at)


def test_case_54_under_rotate_only_the_newest_code_is_valid() -> None:
    clock = Clock()
    maker = engine(clock=clock, policy=otp.Policy(resend="rotate"))
    store, to = otp.MemoryStore(), binding()
    first = issue(maker, store, to)
    clock.now += 60
    second = issue(maker, store, to)
    assert second.challenge_id != first.challenge_id
    old = maker.verify(store, to, first.code, challenge_id=first.challenge_id)
    assert old.rejection == "superseded"
    assert maker.verify(store, to, second.code, challenge_id=second.challenge_id)


def test_case_57_a_code_is_worth_nothing_for_another_binding() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    others = {
        "unknown": [{"record": "16"}, {"user": "8"}, {"tenant": "other"}, {"field": "f"}],
        "mismatch": [{"mobile": "60123456780"}, {"content": bytes(32)}],
    }
    for rejection, changes in others.items():
        for change in changes:
            other = binding(**change)
            assert maker.verify(store, other, code).rejection == rejection, change
    assert maker.verify(store, to, code)  # and none of that cost an attempt or the code


def test_case_41_a_refused_delivery_is_refunded_once() -> None:
    clock = Clock()
    maker, store, to = engine(clock=clock), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    sent = (store, to, issued.challenge_id, issued.send)
    assert maker.report_delivery(*sent, delivered=False, status="10").outcome == "refunded"
    assert maker.report_delivery(*sent, delivered=False, status="10").outcome == "ignored"
    status = maker.status(store, to)
    assert status is not None
    assert (status.delivery, status.gateway_status) == ("failed", "10")
    clock.now += 9
    assert isinstance(maker.issue(store, to), otp.Refusal)
    clock.now += 1  # ten seconds of the cooldown stay
    again = issue(maker, store, to)
    assert maker.report_delivery(store, to, again.challenge_id, again.send, delivered=True)
    status = maker.status(store, to)
    assert status is not None and status.delivery == "sent"


def test_case_517_a_send_that_waited_is_claimed_once_and_reported() -> None:
    clock, told = Clock(), []
    maker, store, to = engine(clock=clock, observer=told.append), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    sent = (store, to, issued.challenge_id, issued.send)
    clock.now += 50
    claimed = maker.claim_send(*sent)
    assert isinstance(claimed, otp.Issued) and claimed
    assert (claimed.challenge_id, claimed.code, claimed.send, claimed.recipient) == (
        issued.challenge_id, issued.code, 1, issued.recipient,
    )  # fmt: skip
    assert (claimed.issued_at, claimed.expires_at) == (at(0), at(180))
    assert (claimed.valid_for, claimed.minutes) == (130, 2)
    assert issued.code not in repr(claimed)
    assert [(event.kind, event.count) for event in told] == [("issued", 0), ("claimed", 1)]
    assert told[1].challenge_id == issued.challenge_id
    status = maker.status(store, to)
    assert status is not None and status.delivery == "claimed"
    twice = maker.claim_send(*sent)
    assert not twice and isinstance(twice, otp.ClaimRefusal)
    assert (twice.reason, twice.retry_at) == ("claimed", None)
    assert repr(twice) == "ClaimRefusal(reason='claimed', retry_at=None)"
    assert maker.report_delivery(*sent, delivered=False).outcome == "refunded"
    assert maker.claim_send(*sent) == otp.ClaimRefusal(("reported", None))
    clock.now += 10
    assert issue(maker, store, to).send == 2
    assert maker.claim_send(*sent) == otp.ClaimRefusal(("superseded", None))


def test_case_517_a_code_that_is_over_is_not_claimed_and_the_refusal_says_why() -> None:
    for reason, retry_at in (
        ("expired", None),
        ("already_used", None),
        ("cancelled", None),
        ("exhausted", at(900)),
        ("locked", at(86_400)),
    ):
        clock = Clock()
        maker, store, to = engine(clock=clock), otp.MemoryStore(), binding()
        issued = issue(maker, store, to)
        if reason == "expired":
            clock.now += 180
        elif reason == "already_used":
            assert maker.verify(store, to, issued.code)
        elif reason == "cancelled":
            assert maker.cancel(store, to)
        for record in {"exhausted": ["15"], "locked": ["a", "b", "c"]}.get(reason, []):
            guessed = issued if record == "15" else issue(maker, store, binding(record))
            for _ in range(5):
                maker.verify(store, binding(record), wrong(guessed.code))
        told = maker.claim_send(store, to, issued.challenge_id, 1)
        assert isinstance(told, otp.ClaimRefusal)
        assert (told.reason, told.retry_at) == (reason, retry_at)
    maker, store, to = engine(), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    for reason, other in (
        ("unknown", binding("16")),
        ("mismatch", binding(mobile="60123456780")),
    ):
        told = maker.claim_send(store, other, issued.challenge_id, 1)
        assert isinstance(told, otp.ClaimRefusal) and told.reason == reason
    told = maker.claim_send(store, to, issued.challenge_id, 2)
    assert isinstance(told, otp.ClaimRefusal) and told.reason == "unknown"
    told = maker.claim_send(store, to, "no such challenge", 1)
    assert isinstance(told, otp.ClaimRefusal) and told.reason == "superseded"
    assert maker.claim_send(store, to, issued.challenge_id, 1)


def test_status_tells_how_a_challenge_stands() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    assert maker.status(store, to) is None
    issued = issue(maker, store, to)
    maker.verify(store, to, wrong(issued.code))
    status = maker.status(store, to)
    assert status == otp.Status(
        challenge_id=issued.challenge_id, state="pending", delivery="unreported",
        gateway_status="", attempts_left=4, sends=1, issued_at=at(0), expires_at=at(180),
        next_send_at=at(60), locked=False, locked_until=None,
    )  # fmt: skip


def test_a_cancelled_code_is_not_accepted() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    assert not maker.cancel(store, to)
    code = issue(maker, store, to).code
    assert maker.cancel(store, to) is True
    assert maker.cancel(store, to) is False
    assert maker.verify(store, to, code).rejection == "cancelled"


def test_unlock_lifts_a_lock_and_nothing_where_there_is_none() -> None:
    limits = otp.RateLimits(user_failures_per_day=1)
    maker, store, to = engine(rate_limits=limits), otp.MemoryStore(), binding()
    assert maker.unlock(store, "acme", "7") is False
    code = issue(maker, store, to).code
    assert maker.verify(store, to, wrong(code)).rejection == "wrong"
    locked = maker.verify(store, to, code)
    assert (locked.rejection, locked.public) == ("locked", "invalid")
    status = maker.status(store, to)
    assert status is not None and status.locked and status.locked_until is not None
    assert maker.unlock(store, "acme", "7") is True
    assert maker.verify(store, to, code)


def test_purge_drops_what_is_over_and_not_more_than_the_limit() -> None:
    clock = Clock()
    maker, store = (
        engine(clock=clock, rate_limits=otp.RateLimits(unlimited=True)),
        otp.MemoryStore(),
    )
    for record in range(5):
        issue(maker, store, binding(str(record)))
    assert maker.purge(store) == 0
    clock.now += 10 * 86_400
    assert maker.purge(store, limit=0, confirmed=True) == 0
    assert maker.purge(store, limit=2) == 2
    assert maker.purge(store) == 3


def test_odds_and_findings_tell_of_policy_and_budgets() -> None:
    odds = engine().odds()
    assert 0 < odds.per_code < odds.per_day < odds.per_year < 1
    assert odds.per_code == pytest.approx(5e-6)
    loose = engine(policy=otp.Policy(validity=600), rate_limits=otp.RateLimits(unlimited=True))
    findings = loose.findings()
    assert findings and all(f.standard and f.clause and f.text for f in findings)
    assert [f.clause for f in otp.recipient_findings("email")] == ["v5.0.0-6.3.6", "3.1.3.1"]
    assert [f.clause for f in otp.recipient_findings("mobile")] == ["v5.0.0-6.6.1", "3.1.3.3"]
    with pytest.raises(ValueError, match="kind must be"):
        otp.recipient_findings("fax")  # type: ignore[arg-type]


def test_a_sibling_shares_slots_and_differs_in_policy() -> None:
    clock = Clock()
    maker, store = engine(clock=clock), otp.MemoryStore()
    strict = maker.with_policy(otp.Policy(digits=8))
    assert len(issue(strict, store, binding("a")).code) == 8
    refusal = maker.issue(store, binding("a"))
    assert isinstance(refusal, otp.Refusal) and refusal.reason == "cooldown"
    maker.close()
    clock.now += 60
    assert issue(strict, store, binding("a")).send == 2  # the clock is still there


@pytest.mark.parametrize(
    ("policy", "length"), [({"letters": 8}, 8), ({"token": True}, 26), ({"digits": 10}, 10)]
)
def test_codes_of_each_kind_are_accepted(policy: dict[str, int], length: int) -> None:
    maker, store = engine(policy=otp.Policy(**policy)), otp.MemoryStore()  # type: ignore[arg-type]
    to = binding(mobile=None, email="ali@example.com")
    issued = issue(maker, store, to)
    assert len(issued.code) == length
    assert issued.recipient == "ali@example.com"
    assert maker.verify(store, to, issued.code)


def signed() -> tuple[otp.Engine, otp.MemoryStore, otp.Verdict]:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    to = binding(content=hashlib.sha256(b"offer").digest())
    evidence = otp.Evidence(
        signer_name="Siti binti Ali", image=PNG, document=b"offer", consent="I agree",
        user_name="Siti", revision="3", ip="192.0.2.1", agent="test",
    )  # fmt: skip
    return maker, store, maker.verify(store, to, issue(maker, store, to).code, evidence=evidence)


def test_a_signature_leaves_a_record_that_verifies_with_public_keys() -> None:
    maker, store, verdict = signed()
    assert verdict, verdict
    record = verdict.record
    assert record is not None and record.sequence == 1
    assert maker.latest_signature(store, "acme", TARGET) == record
    assert maker.signatures(store, "acme", TARGET) == [record]
    jwks = signer().public_jwks
    expected = otp.Expected("acme", "loan.application", "signature", "15")
    held = otp.verify_record(record, jwks, expected=expected)
    assert held and held.valid and held.payload is not None
    assert held.payload["jti"] == record.id
    for same in (record.sd_jwt, record.jws):
        assert otp.verify_record(same, jwks)
    assert otp.verify_record(record.jws, jwks, record.disclosures)
    assert "PUBLIC KEY" in signer().public_pem


def test_case_84_a_flipped_bit_fails_verification() -> None:
    _, _, verdict = signed()
    assert verdict.record is not None
    jws = verdict.record.jws
    jwks = signer().public_jwks
    assert otp.verify_record(jws, jwks)
    for place in (5, len(jws) // 2, len(jws) - 10):
        flipped = "A" if jws[place] != "A" else "B"
        held = otp.verify_record(jws[:place] + flipped + jws[place + 1 :], jwks)
        assert not held and held.reason and held.payload is None
    other = otp.SigningKey.from_seed(bytes([1]) * 32).public_jwks
    assert not otp.verify_record(jws, other)
    assert not otp.verify_record(jws, jwks, expected=otp.Expected(tenant="other"))


def test_case_85_a_chain_fails_when_a_record_is_taken_out_or_moved() -> None:
    clock = Clock()
    maker, store = engine(clock=clock, signing_key=signer()), otp.MemoryStore(keep_records=True)
    for _ in range(3):
        assert maker.verify(store, binding(), issue(maker, store, binding()).code)
        clock.now += 60
    records = maker.signatures(store, "acme", TARGET)
    assert [record.sequence for record in records] == [3, 2, 1]
    assert maker.signatures(store, "acme", TARGET, limit=1) == records[:1]
    jwks, head = signer().public_jwks, maker.chain_head(store, "acme", TARGET)
    assert head == otp.ChainHead(3, hashlib.sha256(records[0].jws.encode()).digest())
    expected = otp.Expected("acme", "loan.application", "signature", "15", head)
    assert otp.verify_chain(records, jwks, expected)
    for spoilt in (records[1:], [records[0], records[2]], records[::-1], records[:2]):
        held = otp.verify_chain(spoilt, jwks, expected)
        assert not held, held
        assert any(answer.startswith("bad") for answer in held.answers.values())


def test_an_erased_detail_is_gone_and_the_record_verifies() -> None:
    maker, store, verdict = signed()
    assert verdict.record is not None
    left = maker.erase(store, "acme", TARGET, 1, ["typed", "number"])
    assert left is not None and left.jws == verdict.record.jws
    assert len(left.disclosures) == len(verdict.record.disclosures) - 2
    assert maker.latest_signature(store, "acme", TARGET) == left
    assert otp.verify_record(left, signer().public_jwks)
    assert maker.erase(store, "acme", TARGET, 2, ["typed"]) is None
    with pytest.raises(ValueError, match="details"):
        maker.erase(store, "acme", TARGET, 1, ["no-such"])


def test_case_655_a_detail_that_a_record_does_not_have_erases_nothing() -> None:
    maker, store, verdict = signed()
    assert verdict.record is not None
    assert maker.erase(store, "acme", TARGET, 1, ["email", "dig"]) == verdict.record
    assert maker.latest_signature(store, "acme", TARGET) == verdict.record
    assert otp.Engine.erase.__doc__ is not None
    assert "does not have erases nothing" in " ".join(otp.Engine.erase.__doc__.split())


def test_case_86_required_evidence_that_is_missing_costs_no_attempt() -> None:
    policy = otp.Policy(evidence=["signer_name", "image"])
    maker = engine(policy=policy, signing_key=signer())
    store, to = otp.MemoryStore(keep_records=True), binding()
    code = issue(maker, store, to).code
    missing = maker.verify(store, to, code)
    assert (missing.rejection, missing.public) == ("evidence", "evidence")
    assert missing.evidence_fault == otp.EvidenceFault("signer_name", "missing")
    unfit = maker.verify(
        store, to, code, evidence=otp.Evidence(signer_name="S", image=b"<svg onload=..>")
    )
    assert unfit.evidence_fault == otp.EvidenceFault("image", "unfit")
    assert maker.verify(store, to, code, evidence=otp.Evidence(signer_name="S", image=PNG))


def test_case_90_where_nothing_is_signed_there_is_no_record() -> None:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    assert maker.latest_signature(store, "acme", TARGET) is None
    assert maker.signatures(store, "acme", TARGET) == []
    assert maker.chain_head(store, "acme", TARGET) == otp.ChainHead(0, None)


def test_an_engine_that_signs_refuses_a_store_that_loses_records() -> None:
    maker, to = engine(signing_key=signer()), binding()
    with pytest.raises(otp.StoreError):
        maker.issue(otp.MemoryStore(), to)
    assert maker.issue(otp.MemoryStore(keep_records=True), to)


def test_batches_answer_each_item_in_order() -> None:
    maker, store = engine(rate_limits=otp.RateLimits(unlimited=True)), otp.MemoryStore()
    to = [binding(str(record)) for record in range(20)]
    answers = maker.issue_many(store, [*to, to[0]])
    codes = [answer.code for answer in answers if isinstance(answer, otp.Issued)]
    assert len(codes) == 20
    assert isinstance(answers[20], otp.Refusal)
    entered = [
        *submissions(to, codes),
        otp.Submission(to[0], codes[0]),
        otp.Submission(to[1], "12"),
        otp.Submission(binding("x"), "123456"),
    ]
    verdicts = maker.verify_many(store, entered)
    assert all(verdicts[:20])
    rejections = [v.rejection for v in verdicts[20:] if isinstance(v, otp.Verdict)]
    assert rejections == ["already_used", "malformed", "unknown"]
    assert maker.issue_many(store, []) == []
    assert maker.verify_many(store, []) == []


def test_a_batch_takes_challenge_ids_and_evidence() -> None:
    policy = otp.Policy(evidence=["signer_name"])
    maker = engine(policy=policy, signing_key=signer())
    store, to = otp.MemoryStore(keep_records=True), binding()
    issued, given = issue(maker, store, to), otp.Evidence(signer_name="Siti")
    answers = maker.verify_many(
        store,
        [
            otp.Submission(to, issued.code),
            otp.Submission(to, issued.code, "gen_839210", given),
            otp.Submission(to, issued.code, issued.challenge_id, given),
        ],
    )
    verdicts = [one for one in answers if isinstance(one, otp.Verdict)]
    assert [one.rejection for one in verdicts] == ["evidence", "superseded", None]
    assert verdicts[2].record is not None


def test_a_batch_over_a_full_store_has_the_fault_in_its_place() -> None:
    maker = engine(rate_limits=otp.RateLimits(unlimited=True))
    store = otp.MemoryStore(max_cells=2)
    answers = maker.issue_many(store, [binding(str(record)) for record in range(3)])
    assert [type(answer) for answer in answers] == [otp.Issued, otp.Issued, otp.Failure]
    assert isinstance(answers[2], otp.Failure) and isinstance(answers[2].error, otp.FullError)


def test_events_tell_what_happened_with_a_masked_number() -> None:
    seen: list[otp.Event] = []
    maker, store, to = engine(observer=seen.append), otp.MemoryStore(), binding()
    issued = issue(maker, store, to)
    maker.issue(store, to)
    maker.verify(store, to, wrong(issued.code))
    fullwidth = chr(0xFF10 + int(issued.code[0])) + issued.code[1:]
    maker.verify(store, to, fullwidth)
    assert [event.kind for event in seen] == ["issued", "refused", "rejected", "accepted"]
    assert [event.refusal_reason for event in seen] == [None, "cooldown", None, None]
    assert [event.rejection for event in seen] == [None, None, "wrong", None]
    assert seen[3].mixed_scripts and not seen[2].mixed_scripts  # case 5
    first = seen[0]
    assert (first.tenant, first.user, first.target) == ("acme", "7", to.target)
    assert (first.challenge_id, first.at) == (issued.challenge_id, at(0))
    assert first.recipient.endswith("6789") and "0123456" not in first.recipient  # case 75
    assert not any(issued.code in repr(event) for event in seen)


def test_without_a_clock_it_is_now() -> None:
    maker = otp.Engine(key_ring())
    before = time.time()
    issued = issue(maker, otp.MemoryStore(), binding())
    assert before - 1 <= issued.issued_at.timestamp() <= time.time() + 1
    assert issued.issued_at.tzinfo is timezone.utc


def test_a_clock_that_raises_is_a_fault_with_its_cause() -> None:
    def broken() -> float:
        raise OSError("no time")

    with pytest.raises(otp.ClockError) as caught:
        engine(clock=broken).issue(otp.MemoryStore(), binding())
    assert isinstance(caught.value.__cause__, OSError)


def test_case_62_a_raised_epoch_voids_live_codes() -> None:
    store, to = otp.MemoryStore(), binding()
    code = issue(engine(), store, to).code
    raised = otp.Engine(key_ring(epoch=1), clock=Clock())
    assert not raised.verify(store, to, code)


def test_case_78_a_live_code_verifies_under_its_own_key_after_a_rotation() -> None:
    store, to = otp.MemoryStore(), binding()
    code = issue(engine(), store, to).code
    secrets = {"2026a": bytes(range(32)), "2026b": bytes(range(96, 128))}
    ring = otp.KeyRing(
        secrets, current="2026b", index=bytes(range(32, 64)), retired={"2026a": at(0)}
    )
    assert otp.Engine(ring, clock=Clock()).verify(store, to, code)


def test_the_suite_of_stores_passes_on_memory() -> None:
    report = otp.MemoryStore(keep_records=True).check()
    assert report, report.text


def test_a_record_is_json_that_others_read() -> None:
    _, _, verdict = signed()
    assert verdict.record is not None
    assert json.loads(signer().public_jwks)["keys"][0]["crv"] == "Ed25519"
