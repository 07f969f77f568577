"""Odoo runs a handler again after a serialization error: nothing happens twice, nothing is lost."""

import time

import pytest
from client import ALREADY, GENERATED, Refused, signatures, wrong

#: Odoo gives up after so many runs.
MOST_RUNS = 5
#: A lock is waited for 3 s; the engine may ask again after a lost race, but not without end.
LONGEST_WAIT = 60
FAULTS = ["post_dispatch", "serialization_after"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 3])
def test_a_send_that_is_run_again_sends_once_and_answers_the_same(
    server, borrower, gateway, fault, times
):
    before = len(server.runs())
    server.arm(fault, times)
    result = borrower.send()
    assert len(server.runs()) - before == 1 + times, "the handler was not run again"
    assert (result["status"], result["message"]) == (200, GENERATED)
    assert len(gateway.to(borrower.mobile)) == 1
    again = borrower.send()
    assert again["message"] == ALREADY
    assert again["esms_otp_generation_id"] == result["esms_otp_generation_id"]
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_code_that_is_judged_again_costs_one_attempt(server, borrower, gateway, fault):
    borrower.send()
    code = gateway.code(borrower.mobile)
    before = len(server.runs())
    server.arm(fault, 2)
    assert borrower.verify(wrong(code))["attempts_left"] == 4
    assert len(server.runs()) - before == 3, "the handler was not run again"
    assert borrower.verify(wrong(code))["attempts_left"] == 3


@pytest.mark.parametrize("fault", FAULTS)
def test_a_right_code_that_is_judged_again_stays_right(server, borrower, gateway, database, fault):
    borrower.send()
    code = gateway.code(borrower.mobile)
    server.arm(fault, 2)
    result = borrower.verify(code)
    assert result["status"] == 200
    assert signatures(database, borrower.record) == 1
    assert borrower.signature()["signature_id"] == result["signature_id"]
    assert borrower.verify(code)["status"] == 400


def test_a_request_that_never_ends_well_still_sent_once(server, borrower, gateway):
    server.arm("post_dispatch", MOST_RUNS)
    with pytest.raises(Refused, match="planted"):
        borrower.send()
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.send()["message"] == ALREADY
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


def test_a_handler_that_raises_after_a_wrong_code_does_not_give_the_attempt_back(
    server, borrower, gateway
):
    borrower.send()
    code = gateway.code(borrower.mobile)
    server.arm("raise_after")
    with pytest.raises(Refused, match="planted fault after the handler"):
        borrower.verify(wrong(code))
    assert borrower.verify(wrong(code))["attempts_left"] == 3


def test_a_handler_that_raises_after_a_right_code_does_not_take_the_signature_back(
    server, borrower, gateway, database
):
    sent = borrower.send()
    code = gateway.code(borrower.mobile)
    server.arm("raise_after")
    with pytest.raises(Refused, match="planted fault after the handler"):
        borrower.verify(code)
    assert signatures(database, borrower.record) == 1
    # What a client does that lost the answer.
    signature = borrower.signature()
    assert signature["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert borrower.verify(code)["status"] == 400


def test_a_handler_that_raises_after_a_send_does_not_send_again(server, borrower, gateway):
    server.arm("raise_after")
    with pytest.raises(Refused, match="planted fault after the handler"):
        borrower.send()
    assert borrower.send()["message"] == ALREADY
    assert len(gateway.to(borrower.mobile)) == 1


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT 1 FROM esms_otp_cell FOR UPDATE",
        "LOCK TABLE esms_otp_cell IN ACCESS EXCLUSIVE MODE",
    ],
    ids=["rows", "table"],
)
def test_a_locked_store_is_an_error_in_bounded_time_and_no_rerun(
    server, borrower, gateway, database, lock
):
    borrower.send()
    code = gateway.code(borrower.mobile)
    before = len(server.runs())
    blocker = database.connect()
    try:
        blocker.autocommit = False
        with blocker.cursor() as cursor:
            cursor.execute(lock)
        start = time.monotonic()
        result = borrower.verify(wrong(code))
        took = time.monotonic() - start
    finally:
        blocker.close()
    assert result["status"] == 500
    assert took < LONGEST_WAIT, f"{took:.1f} s"
    assert len(server.runs()) - before == 1, "the handler ran again"
    assert borrower.verify(wrong(code))["attempts_left"] == 4, "what was not judged was counted"
