"""Codes by e-mail: from a thread's memory to the mail server, and into no table or log."""

import pytest
from client import GENERATED, Borrower
from fake_smtp import FakeSmtp


@pytest.fixture(scope="module")
def smtp():
    """Return a mail server that takes every mail."""
    fake = FakeSmtp()
    yield fake
    fake.close()


@pytest.fixture
def mailed(server, admin, smtp):
    """Return what gives a borrower an address in place of a mobile; policies fall back on it."""
    values = {
        "name": "Loopback",
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp.port,
        "smtp_encryption": "none",
    }
    mail_server = admin.call("ir.mail_server", "create", [values])[0]
    companies = admin.call("res.company", "search", [])
    admin.call("res.company", "write", companies, {"email": "lender@example.com"})
    policies = admin.call("esms.otp.policy", "search", [])
    admin.call("esms.otp.policy", "write", policies, {"otherwise": "user_email"})
    borrower = Borrower(server, admin)

    def reached_at(address):
        values = {"esms_otp_mobile": False, "esms_otp_email": address}
        admin.call("res.users", "write", [borrower.uid], values)
        return borrower

    yield reached_at
    admin.call("esms.otp.policy", "write", policies, {"otherwise": False})
    admin.call("ir.mail_server", "unlink", [mail_server])


def test_case_494_a_code_goes_by_mail_to_who_has_no_mobile(server, database, gateway, smtp, mailed):
    """Nothing of the message is kept."""
    borrower, messages = mailed("siti.aminah@example.com"), len(gateway.messages)
    sent = borrower.send()
    assert (sent["status"], sent["message"]) == (200, GENERATED)
    assert sent["esms_otp_response_status"] == "0"
    assert sent["recipient_mobile"] == "siti.aminah@example.com"
    [mail] = smtp.to("siti.aminah@example.com")
    code = smtp.code("siti.aminah@example.com")
    assert code not in mail["Subject"] and "RM0.00" not in mail.get_content()
    kept = database.dump().decode() + server.text()
    assert "siti.aminah@example.com" in kept and code not in kept
    assert borrower.verify(code)["status"] == 200
    signed = borrower.signature()
    assert signed["recipient_mobile"] == "siti.aminah@example.com"
    assert len(gateway.messages) == messages, "an SMS went out"


def test_case_526_a_mail_waits_in_odoos_queue_only_where_the_policy_says_so(
    database, admin, smtp, mailed
):
    """And is gone from there, whether it was sent or not."""
    policies = admin.call("esms.otp.policy", "search", [])
    _, queue = admin.call(
        "ir.model.data", "check_object_reference", "mail", "ir_cron_mail_scheduler_action"
    )
    admin.call("esms.otp.policy", "write", policies, {"odoo_queues": True})
    try:
        borrower = mailed("queue@example.com")
        sent = borrower.send()
        assert (sent["status"], sent["message"]) == (200, GENERATED)
        assert sent["esms_otp_response_status"] == ""
        assert smtp.to("queue@example.com") == []
        waiting = "SELECT count(*) FROM mail_mail WHERE email_to = 'queue@example.com'"
        assert database.query(waiting) == [(1,)]
        admin.call("ir.cron", "method_direct_trigger", [queue])
        code = smtp.code("queue@example.com")
        assert database.query(waiting) == [(0,)]
        assert code not in database.dump().decode()
        assert borrower.send()["esms_otp_response_status"] == "0", "it was reported"
        assert len(smtp.to("queue@example.com")) == 1
        assert borrower.verify(code)["status"] == 200
    finally:
        admin.call("esms.otp.policy", "write", policies, {"odoo_queues": False})


def test_case_494_a_mail_that_is_refused_is_a_502_and_refunded(smtp, mailed):
    """With the mail server's own status."""
    borrower = mailed("refused@example.com")
    refused = borrower.send()
    assert (refused["status"], refused["esms_otp_response_status"]) == (502, "m550")
    assert borrower.send()["retry_after"] <= 10, "the short wait after a refusal"
    assert smtp.to("refused@example.com") == []
