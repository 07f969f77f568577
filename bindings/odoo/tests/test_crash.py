"""A worker is killed around the message, and the gateway refuses or stays silent."""

import time

import pytest
import requests
from client import ALREADY, GENERATED, Borrower, at_once, signatures
from fake_gateway import FakeGateway

COOLDOWN = 15


@pytest.fixture
def quick(admin, borrower):
    """Return a borrower whose codes may be asked for again after the shortest cooldown."""
    policies = admin.call("esms.otp.policy", "search", [])
    before = admin.call("esms.otp.policy", "read", policies, ["cooldown"])
    admin.call("esms.otp.policy", "write", policies, {"cooldown": COOLDOWN})
    yield borrower
    for policy in before:
        admin.call("esms.otp.policy", "write", [policy["id"]], {"cooldown": policy["cooldown"]})


def test_case_525_after_a_worker_killed_before_its_claim_the_next_request_sends(
    server, database, borrower, gateway
):
    """The same code at once, in the cooldown, and counted once."""
    server.arm("kill_before_claim")
    with pytest.raises(requests.ConnectionError):
        borrower.send()
    assert gateway.to(borrower.mobile) == []
    sent = borrower.send()
    assert (sent["status"], sent["message"]) == (200, GENERATED)
    assert sent["esms_otp_response_status"] == "0"
    generation = sent["esms_otp_generation_id"]
    rows = database.query(
        "SELECT generation, sends, waiting_since FROM esms_otp_generation WHERE res_id = %s",
        borrower.record,
    )
    assert rows == [(generation, 1, None)], "one challenge, sent once"
    assert borrower.send()["message"] == ALREADY
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


def test_case_525_four_who_find_a_code_that_never_left_send_it_once(server, borrower, gateway):
    server.arm("kill_before_claim")
    with pytest.raises(requests.ConnectionError):
        borrower.send()
    results = at_once([borrower.send] * 4)
    assert sorted(result["message"] for result in results) == [ALREADY] * 3 + [GENERATED]
    assert len({result["esms_otp_generation_id"] for result in results}) == 1
    assert len(gateway.to(borrower.mobile)) == 1


def test_case_525_the_scheduled_action_sends_what_nobody_asks_for_again(
    server, database, admin, borrower, gateway
):
    """And nothing that a worker had claimed before it was killed."""

    def run_what_waits():
        database.query(
            "UPDATE esms_otp_generation SET waiting_since = waiting_since - interval '1 minute'"
        )
        _, cron = admin.call(
            "ir.model.data", "check_object_reference", "esms_otp", "ir_cron_waiting"
        )
        admin.call("ir.cron", "method_direct_trigger", [cron])

    server.arm("kill_before_claim")
    with pytest.raises(requests.ConnectionError):
        borrower.send()
    claimed = Borrower(server, admin)
    server.arm("kill_before_sms")
    with pytest.raises(requests.ConnectionError):
        claimed.send()
    server.arm("kill_before_claim")  # that of the scheduled action itself
    with pytest.raises(requests.ConnectionError):
        run_what_waits()
    assert gateway.to(borrower.mobile) == gateway.to(claimed.mobile) == []
    for _ in range(2):
        run_what_waits()
        assert len(gateway.to(borrower.mobile)) == 1
        assert gateway.to(claimed.mobile) == []
    left = "SELECT count(*) FROM esms_otp_generation WHERE waiting_since IS NOT NULL"
    assert database.query(left) == [(0,)]
    assert borrower.send()["message"] == ALREADY
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


def test_case_527_what_a_gateway_refuses_goes_to_the_next_one(admin, borrower, gateway):
    """The same text; whether it leaves twice is seen by the gateways alone."""
    second = FakeGateway()
    senders = admin.call("esms.otp.gateway", "search", [("provider", "=", "esms")])
    values = {"name": "Second", "endpoint": second.endpoint, "user": "key", "password": "secret"}
    [added] = admin.call("esms.otp.gateway", "create", [{**values, "company_id": False}])
    admin.call("esms.otp.gateway", "write", senders, {"next_id": added})
    try:
        gateway.answer_next(status=5)
        sent = borrower.send()
        assert (sent["status"], sent["esms_otp_response_status"]) == (200, "0")
        assert gateway.to(borrower.mobile) == second.to(borrower.mobile)
        assert len(second.to(borrower.mobile)) == 1
        assert borrower.verify(second.code(borrower.mobile))["status"] == 200
    finally:
        admin.call("esms.otp.gateway", "write", senders, {"next_id": False})
        second.close()


def test_a_worker_killed_after_its_claim_costs_one_cooldown(server, quick, gateway):
    server.arm("kill_before_sms")
    with pytest.raises(requests.ConnectionError):
        quick.send()
    assert gateway.to(quick.mobile) == []
    waiting = quick.send()
    assert waiting["message"] == ALREADY
    assert gateway.to(quick.mobile) == [], "a message left within the cooldown"
    time.sleep(waiting["retry_after"] + 1)
    sent = quick.send()
    assert (sent["status"], sent["message"]) == (200, GENERATED)
    assert sent["esms_otp_generation_id"] == waiting["esms_otp_generation_id"]
    assert len(gateway.to(quick.mobile)) == 1
    assert quick.verify(gateway.code(quick.mobile))["status"] == 200


def test_a_worker_killed_after_the_message_does_not_send_it_again(server, borrower, gateway):
    server.arm("kill_after_sms")
    with pytest.raises(requests.ConnectionError):
        borrower.send()
    assert borrower.send()["message"] == ALREADY
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


def test_case_490_a_worker_killed_after_the_signature_still_owes_what_follows(
    server, database, admin, borrower, gateway
):
    """The row of the outbox came with the signature, and goes with what it brings about."""

    def state():
        [loan] = admin.call("loan.application", "read", borrower.records, ["state"])
        return loan["state"]

    def run_what_is_due():
        database.query("UPDATE esms_otp_outbox SET next_at = now() - interval '1 day'")
        _, cron = admin.call(
            "ir.model.data", "check_object_reference", "esms_otp", "ir_cron_outbox"
        )
        admin.call("ir.cron", "method_direct_trigger", [cron])

    borrower.send()
    server.arm("kill_in_hook", times=2)
    with pytest.raises(requests.ConnectionError):
        borrower.verify(gateway.code(borrower.mobile))
    assert signatures(database, borrower.record) == 1, "the answer was lost, the signature was not"
    assert (state(), len(owed(database, borrower))) == ("draft", 1)
    with pytest.raises(requests.ConnectionError):
        run_what_is_due()
    assert (state(), len(owed(database, borrower))) == ("draft", 1)
    run_what_is_due()
    assert (state(), len(owed(database, borrower))) == ("accepted", 0)


def owed(database, borrower):
    """Return the rows of the outbox of a borrower's record."""
    return database.query(
        """SELECT esms_otp_outbox.id FROM esms_otp_outbox
        JOIN esms_otp_signature ON signature_id = esms_otp_signature.id WHERE res_id = %s""",
        borrower.record,
    )


def test_case_490_four_who_run_at_once_what_follows_run_it_once(
    server, database, admin, borrower, gateway
):
    borrower.send()
    server.arm("kill_in_hook")
    with pytest.raises(requests.ConnectionError):
        borrower.verify(gateway.code(borrower.mobile))
    before, [row] = len(server.runs("hooks")), owed(database, borrower)
    server.arm("slow_hook")
    at_once([lambda: admin.call("esms.otp.outbox", "action_retry", row)] * 4)
    assert len(server.runs("hooks")) - before == 1
    assert owed(database, borrower) == []


def test_a_refusal_by_the_gateway_is_a_502_and_refunded(server, borrower, gateway):
    gateway.answer_next(status=5)
    refused = borrower.send()
    assert (refused["status"], refused["esms_otp_response_status"]) == (502, "5")
    waiting = borrower.send()
    assert 0 < waiting["retry_after"] <= 10
    time.sleep(waiting["retry_after"] + 1)
    sent = borrower.send()
    assert (sent["status"], sent["esms_otp_response_status"]) == (200, "0")
    assert len(gateway.to(borrower.mobile)) == 2
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


@pytest.fixture
def impatient(admin, borrower):
    """Return a borrower whose messages go through a gateway that is soon given up."""
    senders = admin.call("esms.otp.gateway", "search", [])
    before = admin.call("esms.otp.gateway", "read", senders, ["timeout"])
    admin.call("esms.otp.gateway", "write", senders, {"timeout": 5})
    yield borrower
    for sender in before:
        admin.call("esms.otp.gateway", "write", [sender["id"]], {"timeout": sender["timeout"]})


def test_a_silent_gateway_is_a_502_and_nothing_is_sent_again(server, impatient, gateway):
    borrower = impatient
    gateway.answer_next(delay=60)
    silent = borrower.send()
    assert (silent["status"], silent["esms_otp_response_status"]) == (502, "")
    waiting = borrower.send()
    assert waiting["message"] == ALREADY and waiting["retry_after"] > 10
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200, "it may have arrived"
