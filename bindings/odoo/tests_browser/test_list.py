"""What waits and what is signed, on the portal: seen, signed, taken away, and disputed."""

import re

import pytest
import requests
from client import FIELD, MODEL, Borrower
from conftest import STARTED
from playwright.sync_api import expect
from signing import ask_for_code, judged, part, photograph, says, tab_to

PLACE = f"/my/esms_otp/{MODEL}/"


@pytest.fixture
def offer(admin, borrower):
    """Return the document that the borrower approves."""
    made = admin.call("ir.model.data", "check_object_reference", "esms_otp_demo", "loan_offer")[1]
    admin.call(MODEL, "write", [borrower.record], {"document_id": made})
    raw = admin.call("ir.attachment", "read", [made], ["raw"])[0]["raw"]
    return raw if isinstance(raw, bytes) else raw.encode()


def fetched(borrower, url):
    """Return what a link of the borrower's leads to."""
    answer = requests.get(borrower.server.url + url, cookies=borrower.cookies, timeout=120)
    assert answer.status_code == 200
    return answer.content


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_case_486_seen_signed_and_taken_away_by_keyboard(
    open_page, borrower, gateway, offer, screen
):
    """From the portal's home to the list, the page, the signature, and what is kept of it."""
    page = open_page(borrower, screen, path="/my/home")
    tab_to(page, "a[href='/my/esms_otp']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Waiting for your signature")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    document = page.get_by_role("link", name=re.compile("^Document LA"))
    assert fetched(borrower, document.get_attribute("href")) == offer
    assert judged(page) == []
    photograph(page, f"portal_{screen}_list")

    tab_to(page, f"a[href='{PLACE}{borrower.record}/{FIELD}']")
    page.keyboard.press("Enter")
    page.locator(STARTED).first.wait_for()
    approved = page.get_by_role("region", name="What you approve")
    expect(approved).to_contain_text("1,000.00")
    shown = approved.locator("object")
    assert shown.evaluate("seen => seen.getBoundingClientRect().height") > 200
    assert fetched(borrower, shown.get_attribute("data")) == offer
    sentence = page.get_by_text("a loan of").inner_text()
    assert judged(page) == []
    tab_to(page, "[data-part=send]")
    page.keyboard.press("Enter")
    says(page, "The code was sent.")
    photograph(page, f"portal_{screen}_document")
    assert sentence in gateway.to(borrower.mobile)[-1], "the message names what the page shows"
    page.keyboard.type(gateway.code(borrower.mobile))
    page.keyboard.press("Enter")
    says(page, "You have signed.")
    assert judged(page) == []

    page.goto(f"{borrower.server.url}/my/esms_otp")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    signed = page.locator("[data-part=signed]")
    kept = {
        name: fetched(borrower, signed.get_by_role("link", name=name).get_attribute("href"))
        for name in ("Document", "What was approved", "Certificate", "Signed record")
    }
    assert kept["Document"] == offer
    assert kept["Certificate"].startswith(b"%PDF-")
    assert b'"amount": 1000.0' in kept["What was approved"]
    assert kept["Signed record"].decode().startswith(borrower.signature()["signature_record"])
    assert judged(page) == []
    assert page.faults == []


def test_case_486_what_is_anothers_is_not_taken_away(borrower, server, admin, gateway):
    """Neither by the number of a signature nor by a part that is not there."""
    borrower.send()
    borrower.verify(gateway.code(borrower.mobile))
    row = borrower.signature()["signature_id"]
    other = Borrower(server, admin)

    def status(who, url):
        return requests.get(server.url + url, cookies=who.cookies, timeout=120).status_code

    assert status(borrower, f"/my/esms_otp/signed/{row}/record") == 200
    assert status(borrower, f"/my/esms_otp/signed/{row}/document") == 404, "it has none"
    assert status(other, f"/my/esms_otp/signed/{row}/record") == 404
    assert status(other, f"{PLACE}{borrower.record}/{FIELD}/not_me") == 404


def test_case_489_a_code_that_nobody_asked_for(open_page, borrower, gateway, admin, database):
    """It is void, the officers are told once, and the event is there."""
    page = open_page(borrower)
    ask_for_code(page)
    listed = page.context.new_page()
    listed.goto(f"{borrower.server.url}/my/esms_otp")
    listed.get_by_role("link", name="I did not ask for this code").click()
    assert judged(listed) == []
    button = listed.get_by_role("button", name="This was not me")
    tab_to(listed, "form button.btn-danger")
    listed.keyboard.press("Enter")
    expect(listed.get_by_text("We were told.")).to_be_visible()
    assert judged(listed) == []
    part(page, "code").fill(gateway.code(borrower.mobile))
    part(page, "submit").click()
    says(page, "This code is wrong or no longer valid. Ask for another code.")

    listed.goto(f"{borrower.server.url}{PLACE}{borrower.record}/{FIELD}/not_me")
    button.click()
    expect(listed.get_by_text("We were told.")).to_be_visible()
    events = admin.call("esms.otp.log", "search_read", [("res_id", "=", borrower.record)], ["kind"])
    kinds = [event["kind"] for event in events]
    assert kinds.count("not_me") == 1
    assert kinds.count("cancelled") == 1
    told = database.query(
        """SELECT message.body, partner.id FROM mail_message AS message
        JOIN mail_notification AS told ON told.mail_message_id = message.id
        JOIN res_partner AS partner ON partner.id = told.res_partner_id
        JOIN res_users AS officer ON officer.partner_id = partner.id AND officer.login = 'admin'
        WHERE message.model = %s AND message.res_id = %s""",
        MODEL, borrower.record,
    )  # fmt: skip
    assert len(told) == 1
    assert "was not theirs" in told[0][0]
    assert borrower.mobile not in told[0][0]


def test_a_page_with_an_unnamed_field_fails(open_page, borrower):
    """Or the judge would find nothing whatever was wrong."""
    page = open_page(borrower)
    assert judged(page) == []
    page.evaluate("document.querySelector('label[for=o_esms_otp_code]').remove()")
    found = dict(judged(page))
    assert 'id="o_esms_otp_code"' in found["label"][0]
