"""What the page says when things go wrong, its clocks, and who gets to see it."""

import json
import re
import time
from types import SimpleNamespace

import pytest
import requests
from client import Borrower, wrong
from conftest import address
from playwright.sync_api import expect
from signing import ask_for_code, part, says


def answer(page, route, **body):
    """Let a route answer so."""
    page.route(f"**/{route}", lambda call: call.fulfill(json=body))


SEND, VERIFY, GET = "send_esms_otp", "verify_esms_otp", "get_esms_otp_signature"
INVALID = {"status": 400, "message": "Invalid or expired OTP"}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"status": 429, "retry_after": 75}, "No code can be sent now. Try again in 1:15."),
        ({"status": 423, "retry_after": 3723}, "Too many wrong attempts. Try again in 1:02:03."),
        ({"status": 423, "retry_after": None},
         "Too many wrong attempts. Ask us to unlock your account."),
        ({"status": 502, "esms_otp_response_status": "5"}, "The SMS could not be sent."),
        ({"status": 502, "esms_otp_response_status": ""},
         "It is not known whether the SMS was sent. If it arrives, its code is good."),
        ({"status": 403, "message": "You may not sign this field"}, "You may not sign this."),
        ({"status": 403, "message": "This is signed already"}, "This is signed already."),
        ({"status": 403, "message": "The offer is over"}, "The offer is over"),
        ({"status": 404, "message": "-"}, "This is no longer here to be signed."),
        ({"status": 500, "message": "-", "reference": "a1b2"},
         "Something went wrong here. Tell us this reference: a1b2"),
        ({"status": 400, "message": "No usable mobile number is registered"},
         "The request was refused: No usable mobile number is registered."),
    ],
)  # fmt: skip
def test_a_send_that_failed(open_page, borrower, result, words):
    """Each status in plain words."""
    page = open_page(borrower, before=lambda page: answer(page, SEND, result=result))
    part(page, "send").click()
    says(page, words)
    assert page.faults == []


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({**INVALID, "attempts_left": 2},
         "This code is wrong or no longer valid. Attempts left: 2."),
        (INVALID, "This code is wrong or no longer valid. Ask for another code."),
        ({"status": 400, "message": "otp is malformed"}, "Type the 6 digits of the code."),
        ({"status": 400, "message": "signature must be a PNG or JPEG image"},
         "The signature must be a PNG or JPEG image of at most 1 MB."),
        ({"status": 423, "retry_after": 900}, "Too many wrong attempts. Try again in 15:00."),
    ],
)  # fmt: skip
def test_a_verify_that_failed(open_page, borrower, result, words):
    """Each status in plain words; the code is taken out for the next one."""
    page = open_page(borrower, before=lambda page: answer(page, VERIFY, result=result))
    part(page, "code").fill("012345")
    part(page, "submit").click()
    says(page, words)
    expect(part(page, "code")).to_be_focused()
    expect(part(page, "code")).to_have_value("")
    assert page.faults == []


def test_what_a_server_said_is_text(open_page, borrower):
    """Not markup."""
    bad = {"status": 400, "message": "<img src=x onerror=document.title='run'>"}
    page = open_page(borrower, before=lambda page: answer(page, SEND, result=bad))
    part(page, "send").click()
    says(page, f"The request was refused: {bad['message']}.")
    assert page.title() != "run"


def test_a_session_that_ended(open_page, borrower):
    """The envelope has a code for it."""
    page = open_page(borrower)
    page.context.clear_cookies()
    part(page, "send").click()
    says(page, "You were logged out. Load this page again.")


def test_no_connection(open_page, borrower):
    """Nothing was asked."""
    page = open_page(borrower)
    page.context.set_offline(True)
    part(page, "send").click()
    says(page, "The server cannot be reached. Look at your connection and try again.")


def test_the_last_attempt(open_page, borrower, gateway):
    """Five wrong codes on the real server; then the right one helps no more."""
    page = open_page(borrower)
    ask_for_code(page)
    code = gateway.code(borrower.mobile)
    for left in (4, 3, 2, 1, 0):
        part(page, "code").fill(wrong(code, left))
        part(page, "submit").click()
        says(page, f"This code is wrong or no longer valid. Attempts left: {left}.")
    part(page, "code").fill(code)
    part(page, "submit").click()
    expect(part(page, "message")).to_contain_text("Too many wrong attempts. Try again in 1")


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef"])
def test_no_request_for_what_is_no_code(open_page, borrower, typed):
    """A typing error must cost nothing."""
    asked = []
    page = open_page(borrower)
    page.on("request", lambda request: asked.append(request.url) if VERIFY in request.url else None)
    part(page, "code").fill(typed)
    part(page, "submit").click()
    says(page, "Type the 6 digits of the code.")
    expect(part(page, "code")).to_be_focused()
    assert asked == []
    part(page, "code").fill("012345")
    part(page, "submit").click()
    expect(part(page, "message")).to_contain_text("This code is wrong")
    assert len(asked) == 1


def test_a_double_click_is_one_request(open_page, borrower, gateway):
    """And a press of the key within the cooldown none."""
    asked = []
    page = open_page(borrower)
    page.on("request", lambda request: asked.append(request.url) if SEND in request.url else None)
    part(page, "send").dblclick()
    says(page, "The code was sent.")
    part(page, "send").focus()
    page.keyboard.press("Enter")
    expect(part(page, "message")).to_have_text(
        re.compile(r"^You can ask for another code in (1:00|0:\d\d)\.$")
    )
    assert len(asked) == 1
    assert len(gateway.to(borrower.mobile)) == 1


@pytest.mark.parametrize("wrong_by", [0, 3600, -3600])
def test_the_clocks(open_page, borrower, wrong_by):
    """They count by the server's time, whatever the phone's says, to the end of both."""
    asked_at = time.time() + wrong_by
    page = open_page(borrower, before=lambda page: page.clock.set_fixed_time(asked_at))
    ask_for_code(page)
    expect(part(page, "expiry")).to_have_text(
        re.compile(r"^The code is valid for another (3:00|2:\d\d)\.$")
    )
    expect(part(page, "next_send")).to_have_text("You can ask for another code in 1:00.")
    page.clock.set_fixed_time(asked_at + 59)
    expect(part(page, "next_send")).to_have_text("You can ask for another code in 0:01.")
    expect(part(page, "send")).to_have_attribute("aria-disabled", "true")
    page.clock.set_fixed_time(asked_at + 60)
    expect(part(page, "next_send")).to_have_text("")
    expect(part(page, "send")).to_have_attribute("aria-disabled", "false")
    page.clock.set_fixed_time(asked_at + 180)
    expect(part(page, "expiry")).to_have_text("The code is no longer valid. Ask for another one.")


def test_the_code_field_is_made_for_codes(open_page, borrower):
    """Phones offer the code of the SMS, and show digits to type."""
    page = open_page(borrower, "phone")
    code = page.get_by_label("Code from the SMS")
    expect(code).to_have_attribute("autocomplete", "one-time-code")
    expect(code).to_have_attribute("inputmode", "numeric")
    assert code.evaluate("field => parseFloat(getComputedStyle(field).fontSize)") >= 16
    for name in ("Send the code", "Sign"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["height"] >= 44, name


def test_everything_has_a_name(open_page, borrower):
    """Every control has one that a screen reader says, and what changes is announced."""
    page = open_page(borrower)
    expect(part(page, "send")).to_be_visible()
    names = page.evaluate(
        """() => [...document.querySelectorAll(".o_esms_otp form :is(button, input, canvas)")].map(
            (part) => part.ariaLabel || (part.labels && part.labels[0]?.textContent.trim())
                || part.textContent.trim())"""
    )
    assert len(names) == 8
    assert all(names), names
    expect(part(page, "message")).to_have_attribute("aria-live", "polite")


def test_a_fault_of_the_script_is_seen(open_page, borrower):
    """Or `faults` would be empty whatever happened."""
    page = open_page(borrower)
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('planted'); })")
    assert any("planted" in fault for fault in page.faults)


def test_others_see_nothing(open_page, server, admin, borrower):
    """Neither a stranger, nor who is not logged in, nor who asks for what has no policy."""
    other = Borrower(server, admin)
    where = address(server, borrower)

    def status(url, cookies):
        return requests.get(url, cookies=cookies, timeout=120, allow_redirects=False).status_code

    assert status(where, borrower.cookies) == 200
    assert status(where, other.cookies) == 404
    assert status(where, {}) == 303
    for wrong_one in (
        where.replace("loan.application", "no.such.model"),
        where.rsplit("/", 1)[0] + "/name",
        where.rsplit("/", 1)[0] + "/no_such_field",
        where.replace(f"/{borrower.record}/", "/999999999/"),
        where.replace(f"/{borrower.record}/", "/x/"),
        where + "?redirect_url=//evil.example",
        where.replace("loan.application", "res.users"),
    ):
        assert status(wrong_one, borrower.cookies) == 404, wrong_one
    stranger = SimpleNamespace(cookies={}, params=borrower.params)
    page = open_page(stranger)
    expect(page.get_by_label("Password")).to_be_visible()


def test_no_other_site_may_frame_it(server, borrower):
    """A click into a frame could be made to sign."""
    answered = requests.get(address(server, borrower), cookies=borrower.cookies, timeout=120)
    assert answered.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answered.headers["Content-Security-Policy"]
    assert answered.headers["Cache-Control"] == "no-store"
    assert json.dumps(borrower.mobile) not in answered.text
