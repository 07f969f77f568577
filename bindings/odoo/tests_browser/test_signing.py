"""The page end to end, on a real server: by mouse, by finger and by keyboard."""

import base64
import io
import os
import re

import pytest
from client import signatures, wrong
from PIL import Image
from playwright.sync_api import expect
from signing import ask_for_code, draw, ink, part, photograph, says


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_borrower_signs(open_page, borrower, gateway, database, policy, screen):
    """From the button to the record: one SMS, one wrong code, a drawn signature."""
    policy(signature_required=True)
    page = open_page(borrower, screen, query="?redirect_url=/my/home")
    expect(page.get_by_role("heading", name="Sign LA/")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    approved = page.get_by_role("region", name="What you approve")
    expect(approved).to_contain_text("Amount")
    expect(approved).to_contain_text("1,000.00")

    ask_for_code(page)
    photograph(page, f"portal_{screen}_code")
    expect(part(page, "sent_to")).to_have_text(f"Sent to {borrower.mobile}")
    expect(part(page, "expiry")).to_have_text(
        re.compile(r"^The code is valid for another 2:\d\d\.$")
    )
    expect(part(page, "next_send")).to_have_text(
        re.compile(r"^You can ask for another code in 0:\d\d\.$")
    )
    expect(part(page, "code")).to_be_focused()

    code = gateway.code(borrower.mobile)
    draw(page, touch=screen == "phone")
    page.get_by_label("Your name").fill("Siti Aminah")
    page.get_by_label("Code from the SMS").fill(wrong(code))
    part(page, "submit").click()
    says(page, "This code is wrong or no longer valid. Attempts left: 4.")
    expect(part(page, "message")).to_be_in_viewport()
    expect(part(page, "code")).to_be_focused()
    expect(part(page, "code")).to_have_attribute("aria-invalid", "true")
    photograph(page, f"portal_{screen}_wrong")
    assert signatures(database, borrower.record) == 0

    part(page, "code").fill(f" {code[:3]} {code[3:]} ")
    part(page, "submit").click()
    says(page, "You have signed.")
    expect(page.get_by_role("heading", name="Signed")).to_be_focused()
    expect(part(page, "signed_by")).to_have_text("Siti Aminah")
    expect(part(page, "signed_image")).to_be_visible()
    expect(part(page, "form")).to_be_hidden()
    photograph(page, f"portal_{screen}_signed")

    told = borrower.signature()
    assert told["signer_name"] == "Siti Aminah"
    assert ink(base64.b64decode(told["signature"])) > 500, "the drawing arrived"
    expect(part(page, "signed_id")).to_have_text(told["esms_otp_generation_id"])
    assert len(gateway.to(borrower.mobile)) == 1
    assert signatures(database, borrower.record) == 1

    page.reload()
    expect(part(page, "signed_by")).to_have_text("Siti Aminah")
    assert page.faults == []


def test_where_to_go_next(open_page, borrower, gateway):
    """The link that was given to the page comes back by way of Send and Verify."""
    page = open_page(borrower, query="?redirect_url=/my/account")
    ask_for_code(page)
    part(page, "code").fill(gateway.code(borrower.mobile))
    part(page, "submit").click()
    expect(part(page, "continue")).to_have_attribute("href", "/my/account")


def test_by_keyboard_alone(open_page, borrower, gateway, policy):
    """Tab, letters, space and enter; the name is written for who cannot draw."""
    policy(signature_required=True)
    page = open_page(borrower)
    expect(part(page, "send")).to_be_visible()

    def tab_to(name):
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.part") == name:
                return
        raise AssertionError(f"{name} is not reached by the tab key")

    tab_to("send")
    page.keyboard.press("Enter")
    says(page, "The code was sent.")
    page.keyboard.type(gateway.code(borrower.mobile))  # the focus has come to it
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.dataset.part"))
        if order[-1] == "write":
            page.keyboard.press("Space")
    assert order == ["name", "write", "clear", "file", "submit"]
    page.keyboard.press("Enter")
    says(page, "You have signed.")
    expect(page.get_by_role("heading", name="Signed")).to_be_focused()
    assert ink(base64.b64decode(borrower.signature()["signature"])) > 500
    assert page.faults == []


def test_the_enter_key_in_the_code_signs(open_page, borrower, gateway):
    """As in every form; without a signature where the policy asks for none."""
    page = open_page(borrower)
    ask_for_code(page)
    page.keyboard.type(gateway.code(borrower.mobile))
    page.keyboard.press("Enter")
    says(page, "You have signed.")
    expect(part(page, "signed_image")).to_be_hidden()
    assert borrower.signature()["signature"] is False


def test_a_required_signature_is_asked_for_before_the_code_is_spent(
    open_page, borrower, gateway, policy
):
    """On the page; and the drawing may be cleared again."""
    policy(signature_required=True)
    page = open_page(borrower)
    ask_for_code(page)
    code = gateway.code(borrower.mobile)
    part(page, "code").fill(code)
    draw(page)
    part(page, "clear").click()
    part(page, "submit").click()
    says(page, "Draw or upload your signature.")
    expect(part(page, "code")).to_have_value(code)
    draw(page)
    part(page, "submit").click()
    says(page, "You have signed.")


def picture(kind, side):
    """Return an image that does not compress."""
    made = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(made, kind)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "kind", "side", "kept"),
    [
        ("small.png", "PNG", 200, True),
        ("small.jpg", "JPEG", 200, True),
        ("photo.png", "PNG", 1300, False),  # 5 MB: drawn anew, smaller
    ],
)
def test_an_uploaded_signature(open_page, borrower, gateway, name, kind, side, kept):
    """As it is if it fits, and made to fit if not."""
    data = picture(kind, side)
    page = open_page(borrower)
    ask_for_code(page)
    part(page, "file").set_input_files(
        {"name": name, "mimeType": f"image/{kind.lower()}", "buffer": data}
    )
    expect(part(page, "preview")).to_be_visible()
    expect(part(page, "pad")).to_be_hidden()
    part(page, "code").fill(gateway.code(borrower.mobile))
    part(page, "submit").click()
    says(page, "You have signed.")
    stored = base64.b64decode(borrower.signature()["signature"])
    assert (stored == data) is kept
    assert len(stored) <= 2**20
    assert Image.open(io.BytesIO(stored)).size == ((side, side) if kept else (1200, 1200))
    shown = part(page, "signed_image")
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_what_is_no_image_is_not_taken(open_page, borrower, policy):
    """An SVG runs scripts where it is shown."""
    policy(signature_required=True)
    page = open_page(borrower)
    part(page, "file").set_input_files(
        {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
    )
    expect(part(page, "file")).to_have_value("")
    expect(part(page, "preview")).to_be_hidden()
    part(page, "code").fill("012345")
    part(page, "submit").click()
    says(page, "Draw or upload your signature.")


def test_after_a_reload_the_same_code_is_good(open_page, borrower, gateway):
    """Nothing is sent again within the cooldown, and the page says for how long."""
    page = open_page(borrower)
    ask_for_code(page)
    page.reload()
    part(page, "send").click()
    says(page, "The code was already sent: look at your messages.")
    expect(part(page, "next_send")).to_have_text(
        re.compile(r"^You can ask for another code in 0:\d\d\.$")
    )
    part(page, "code").fill(gateway.code(borrower.mobile))
    part(page, "submit").click()
    says(page, "You have signed.")
    assert len(gateway.to(borrower.mobile)) == 1


def test_signed_again(open_page, borrower, gateway, database, policy):
    """What is signed may be signed once more; both records stay."""
    policy(cooldown=30)  # within it a slow machine has signed and opens the page again
    for count in (1, 2):
        page = open_page(borrower)
        if count == 2:
            part(page, "again").click()
            expect(part(page, "send")).to_be_focused()
            part(page, "send").click()  # too early: the page says so, and counts
            expect(part(page, "message")).to_contain_text(
                "No code can be sent now. Try again in 0:"
            )
            expect(part(page, "next_send")).to_have_text("", timeout=60_000)
        ask_for_code(page)
        part(page, "code").fill(gateway.code(borrower.mobile))
        part(page, "submit").click()
        says(page, "You have signed.")
        assert signatures(database, borrower.record) == count


def test_an_answer_that_was_lost(open_page, borrower, gateway, database):
    """The code is used up, and the page asks whether it was this one that signed."""
    page = open_page(borrower)
    ask_for_code(page)

    def lose(route):
        route.fetch()
        route.abort()

    page.route("**/verify_esms_otp", lose)
    part(page, "code").fill(gateway.code(borrower.mobile))
    part(page, "submit").click()
    says(page, "You have signed.")
    assert signatures(database, borrower.record) == 1
