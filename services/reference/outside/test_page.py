"""The page end to end in Debian's Chromium: by mouse, by finger, by keyboard."""

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from conftest import Open
from page import (
    DRAWN,
    SENT,
    SIGNED,
    VALID,
    choose,
    draw,
    part,
    photograph,
    read_code,
    sent_code,
)
from service import Client, Service, wrong


@pytest.mark.parametrize(("screen", "user", "record"), [("desktop", 7, 101), ("phone", 8, 102)])
def test_a_user_signs(
    open_page: Open, service: Service, screen: str, user: int, record: int
) -> None:
    """From the button to the verified record: no drawing, a wrong code, then both right."""
    tab = open_page(screen, timezone_id="Asia/Kuala_Lumpur")
    page = tab.page
    assert "This is a demonstration." in page.locator("header").inner_text()
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(fits), "it is too wide"
    choose(tab, user, record, DRAWN)
    code = sent_code(tab, service)
    assert code not in page.content(), "the page shows the code"
    expect(part(tab, "code")).to_be_focused()
    photograph(tab, f"service_{screen}_code", "title")

    part(tab, "name").fill("S. Aminah")
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text("The request was refused: signature is required.")
    expect(part(tab, "file")).to_be_focused()
    draw(tab, touch=screen == "phone")
    part(tab, "code").fill(wrong(code))
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(
        "This code is wrong or no longer valid. Attempts left: 4."
    )
    expect(part(tab, "code")).to_be_focused()
    expect(part(tab, "code")).to_have_attribute("aria-invalid", "true")
    expect(part(tab, "signed")).to_be_hidden()

    part(tab, "code").fill(f" {code[:3]} {code[3:]} ")
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    expect(page.locator("#signed-title")).to_be_focused()
    expect(part(tab, "verdict")).to_have_text(VALID)
    expect(part(tab, "signer")).to_have_text("S. Aminah")
    expect(part(tab, "image")).to_be_visible()
    said = part(tab, "checks").inner_text()
    for claim in ("the signature is good", "it is about this record", "signed by this user"):
        assert claim in said
    assert said.count("Yes: ") == 9, said
    assert "typed: S. Aminah" in part(tab, "disclosures").inner_text()
    photograph(tab, f"service_{screen}_record", "step-signed")

    told = Client(service, user).ask("get_esms_otp_signature", record, field=DRAWN)
    assert told["signer_name"] == "S. Aminah"
    image = Image.open(io.BytesIO(base64.b64decode(told["signature"]))).convert("L")
    assert sum(image.histogram()[:128]) > 500, "the drawing did not arrive"
    assert part(tab, "generation").inner_text() == told["esms_otp_generation_id"]
    assert part(tab, "text").input_value().startswith(told["signature_record"])
    assert tab.faults == []


def test_a_changed_record_is_refused_on_the_page(open_page: Open, service: Service) -> None:
    tab = open_page()
    choose(tab, 9, 103)
    code = sent_code(tab, service)
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "verdict")).to_have_text(VALID)
    text = part(tab, "text").input_value()
    jws = text.partition("~")[0]
    # In header, payload and signature, and in the last detail.
    middle = jws.index(".") + 40
    for at in (10, middle, len(jws) - 1, len(text) - 5):
        other = "A" if text[at] != "A" else "B"
        part(tab, "text").fill(text[:at] + other + text[at + 1 :])
        expect(part(tab, "verdict")).to_contain_text("Invalid")
        expect(part(tab, "checks").get_by_text("No: ").first).to_be_visible()
        part(tab, "restore").click()
        expect(part(tab, "verdict")).to_have_text(VALID)
    # A good record that is about something else.
    part(tab, "ask-title").click()
    part(tab, "record").fill("104")
    code = sent_code(tab, service)
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    part(tab, "text").fill(text)
    expect(part(tab, "verdict")).to_contain_text("Invalid")
    expect(part(tab, "checks")).to_contain_text("No: it is about this record")
    expect(part(tab, "checks")).to_contain_text("Yes: the signature is good")
    assert tab.faults == []


def test_by_keyboard_alone(open_page: Open, service: Service) -> None:
    tab = open_page()
    keyboard = tab.page.keyboard

    def reach(name: str) -> None:
        for _ in range(60):
            keyboard.press("Tab")
            if tab.page.evaluate("document.activeElement.id") == name:
                return
        raise AssertionError(f"no way to {name} by the tabulator")

    reach("field")
    keyboard.type("Guarantor")
    reach("record")
    keyboard.press("Control+a")
    keyboard.type("105")
    keyboard.press("Enter")
    expect(part(tab, "message")).to_have_text(SENT)
    expect(part(tab, "code")).to_be_focused()
    keyboard.type(read_code(tab, service))
    reach("name")
    keyboard.type("Siti")
    reach("write")
    keyboard.press("Space")
    reach("submit")
    keyboard.press("Enter")
    expect(part(tab, "message")).to_have_text(SIGNED)
    expect(part(tab, "verdict")).to_have_text(VALID)
    assert tab.faults == []


def test_a_browser_without_ed25519_says_so(open_page: Open, service: Service) -> None:
    lacking = """
        const known = crypto.subtle.importKey.bind(crypto.subtle);
        crypto.subtle.importKey = (format, data, algorithm, ...rest) =>
            algorithm === "Ed25519"
                ? Promise.reject(new DOMException("-", "NotSupportedError"))
                : known(format, data, algorithm, ...rest);
    """
    tab = open_page(before=lambda page: page.add_init_script(lacking))
    choose(tab, 7, 106)
    code = sent_code(tab, service)
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "verdict")).to_have_text("Not verified: this browser has no Ed25519.")
    expect(part(tab, "checks")).to_contain_text("Not checked: the signature is good")


def test_everything_has_a_name_and_is_large_enough(open_page: Open, service: Service) -> None:
    tab = open_page("phone")
    choose(tab, 8, 107, DRAWN)
    sent_code(tab, service)
    part(tab, "ask-title").click()
    names = tab.page.evaluate(
        """() => [...document.querySelectorAll("form :is(button, input, select, canvas)")].map(
            (part) => part.ariaLabel || (part.labels && part.labels[0]?.textContent.trim())
                || part.textContent.trim())"""
    )
    assert len(names) > 10
    assert all(names), names
    code = part(tab, "code")
    expect(code).to_have_attribute("inputmode", "numeric")
    expect(code).to_have_attribute("autocomplete", "one-time-code")
    assert code.evaluate("field => parseFloat(getComputedStyle(field).fontSize)") >= 16
    heights = tab.page.evaluate(
        """() => [...document.querySelectorAll("summary, form :is(button, input, select)")].map(
            (part) => part.getBoundingClientRect().height)"""
    )
    assert min(heights) >= 44
    expect(part(tab, "message")).to_have_attribute("aria-live", "polite")


def test_a_fault_of_the_script_is_seen(open_page: Open) -> None:
    """Or the list of faults would be empty whatever happened."""
    tab = open_page()
    tab.page.evaluate("console.error('planted')")
    tab.page.evaluate("setTimeout(() => { throw new Error('planted too') })")
    tab.page.wait_for_function("() => true")
    for _ in range(2000):
        if len(tab.faults) == 2:
            break
        tab.page.wait_for_timeout(20)
    assert len(tab.faults) == 2, tab.faults
