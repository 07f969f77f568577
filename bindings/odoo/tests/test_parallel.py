"""Many requests at once, over four workers: each guess counts, each message leaves once."""

from functools import partial

from client import Borrower, at_once, signatures, wrong

INVALID = "Invalid or expired OTP"
ATTEMPTS = 5
PARALLEL = 100


def compared(results):
    """Return how many attempts each compared and rejected guess left, in falling order."""
    left = [result["attempts_left"] for result in results if "attempts_left" in result]
    return sorted(left, reverse=True)


def test_of_100_right_codes_at_once_one_is_accepted(server, borrower, gateway, database):
    borrower.send()
    code = gateway.code(borrower.mobile)
    before = len(server.runs())
    results = at_once([lambda: borrower.verify(code)] * PARALLEL)
    statuses = sorted(result["status"] for result in results)
    assert statuses == [200] + [400] * (PARALLEL - 1)
    assert {r["message"] for r in results if r["status"] == 400} == {INVALID}
    assert len(server.runs()) - before == PARALLEL, "a handler ran again"
    assert signatures(database, borrower.record) == 1
    assert borrower.signature()["status"] == 200


def test_of_100_wrong_codes_at_once_as_many_are_compared_as_there_are_attempts(
    server, borrower, gateway, database
):
    borrower.send()
    code = gateway.code(borrower.mobile)
    before = len(server.runs())
    guesses = [lambda at=at: borrower.verify(wrong(code, at)) for at in range(PARALLEL)]
    results = at_once(guesses)
    assert compared(results) == list(reversed(range(ATTEMPTS)))
    statuses = sorted(result["status"] for result in results)
    assert statuses.count(423) >= PARALLEL - ATTEMPTS and set(statuses) <= {400, 423}
    assert len(server.runs()) - before == PARALLEL, "a handler ran again"
    assert borrower.verify(code)["status"] == 423, "the right code came too late"
    assert signatures(database, borrower.record) == 0


def test_a_right_code_among_fewer_wrong_ones_than_attempts_is_accepted_once(
    borrower, gateway, database
):
    borrower.send()
    code = gateway.code(borrower.mobile)
    guesses = [lambda at=at: borrower.verify(wrong(code, at)) for at in range(ATTEMPTS - 1)]
    rights = [lambda: borrower.verify(code)] * (PARALLEL - len(guesses))
    results = at_once(guesses + rights)
    assert [result["status"] for result in results].count(200) == 1
    assert {result["status"] for result in results} <= {200, 400}
    assert signatures(database, borrower.record) == 1


def test_half_right_half_wrong_is_one_success_or_all_attempts(borrower, gateway, database):
    borrower.send()
    code = gateway.code(borrower.mobile)
    calls = []
    for at in range(PARALLEL // 2):
        calls.append(lambda at=at: borrower.verify(wrong(code, at)))
        calls.append(lambda: borrower.verify(code))
    results = at_once(calls)
    accepted = [result["status"] for result in results].count(200)
    left = compared(results)
    assert accepted <= 1 and signatures(database, borrower.record) == accepted
    assert left == list(reversed(range(ATTEMPTS)))[: len(left)], "an attempt was lost or doubled"
    assert accepted == 1 or len(left) == ATTEMPTS


def test_of_50_sends_at_once_one_message_leaves(server, borrower, gateway):
    before = len(server.runs())
    results = at_once([lambda: borrower.send()] * 50)
    assert len(gateway.to(borrower.mobile)) == 1
    assert {result["status"] for result in results} == {200}
    messages = [result["message"] for result in results]
    assert messages.count("OTP generated successfully") == 1
    assert messages.count("OTP already sent") == 49
    assert len({result["esms_otp_generation_id"] for result in results}) == 1
    assert len({result["expiration_time"] for result in results}) == 1
    assert len(server.runs()) - before == 50, "a handler ran again"


def test_sends_for_two_records_at_once_are_two_messages(server, admin, gateway):
    borrower = Borrower(server, admin, applications=2)
    results = at_once([lambda at=at: borrower.send(at) for at in borrower.records])
    assert len(gateway.to(borrower.mobile)) == 2, "the gateway counts what it is sent"
    assert len({result["esms_otp_generation_id"] for result in results}) == 2


def test_sends_and_guesses_at_once_neither_lose_an_attempt_nor_send_twice(borrower, gateway):
    borrower.send()
    code = gateway.code(borrower.mobile)
    calls = [lambda at=at: borrower.verify(wrong(code, at)) for at in range(3)]
    calls += [lambda: borrower.send()] * 20
    results = at_once(calls)
    assert compared(results) == [4, 3, 2]
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.verify(code)["status"] == 200


def test_case_407_of_two_users_who_sign_at_once_one_does_where_it_is_signed_once(
    server, admin, gateway, database
):
    """Each has a right code, and both are asked for before either has signed."""
    policies = admin.call("esms.otp.policy", "search", [])
    signed = []
    for once in (True, False):
        admin.call("esms.otp.policy", "write", policies, {"sign_once": once})
        for _ in range(3):
            first = Borrower(server, admin)
            second = Borrower(server, admin, group="group_user")  # sees all applications
            calls = []
            for user in (first, second):
                assert user.send(first.record)["status"] == 200
                code = gateway.code(user.mobile)
                calls.append(partial(user.verify, code, first.record))
            results = at_once(calls)
            signed.append((once, sorted(result["status"] for result in results)))
            accepted = [result["status"] for result in results].count(200)
            assert signatures(database, first.record) == accepted
            if once:
                again = [call() for call in calls]
                assert again == [{"status": 400, "message": INVALID}] * 2, "nothing was spent"
    # The control: where it may be signed again, both sign.
    assert signed == [(True, [200, 400])] * 3 + [(False, [200, 200])] * 3
