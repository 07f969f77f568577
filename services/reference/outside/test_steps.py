"""The page as a person wants it: steps, times, the pad, contrast, the keyboard, and its policy."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from conftest import SCREENS, Open, Tab
from page import DRAWN, SIGNED, choose, draw, judged, part, sent_code
from service import FIELD, Client, Service, wrong

STEPS = ("ask", "sign", "signed")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Return a service of the test's own: the page has three users, and each has limits."""
    service = Service(tmp_path)
    yield service
    assert service.stop() == 0


def sign(tab: Tab, service: Service) -> None:
    """Send a code, type it, and wait for the signature."""
    part(tab, "code").fill(sent_code(tab, service))
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)


def is_open(tab: Tab) -> list[str]:
    """Return the steps that are open."""
    return [name for name in STEPS if part(tab, f"step-{name}").get_attribute("open") is not None]


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Asia/Kuala_Lumpur", "Malaysia Time"),
        ("America/New_York", "Eastern (Standard|Daylight) Time"),
        ("Asia/Kathmandu", "Nepal Time"),
    ],
)
def test_case_690_times_are_those_of_the_browser(
    open_page: Open, service: Service, zone: str, name: str
) -> None:
    tab = open_page(timezone_id=zone)
    choose(tab, 7, 15)
    code = sent_code(tab, service)
    until = shown(tab, "sent", zone, name)
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    at = shown(tab, "at", zone, name)
    assert 0 < (until - at).total_seconds() <= 180
    told = Client(service, 7).signature(15)
    assert at == datetime.fromisoformat(f"{told['verified_at']}+00:00")


def shown(tab: Tab, name: str, zone: str, names: str) -> datetime:
    """Return the instant that a part shows, as machines read it; people read the same."""
    time = part(tab, name).locator("time")
    instant = datetime.fromisoformat(time.get_attribute("datetime") or "")
    assert instant.tzinfo and instant.utcoffset() == instant.tzinfo.utcoffset(None)
    local = instant.astimezone(ZoneInfo(zone))
    text = time.inner_text()
    assert f"{local.day} {local:%b %Y}" in text and f"{local:%H:%M:%S}" in text, (text, local)
    assert re.search(names, text), text
    return instant


def test_case_691_the_pad_is_there_only_where_it_is_asked_for(
    open_page: Open, service: Service
) -> None:
    tab = open_page()
    choose(tab, 7, 15, DRAWN)
    sent_code(tab, service)
    expect(part(tab, "drawing")).to_be_visible()
    draw(tab)
    # What was drawn for one field is not sent for another.
    part(tab, "ask-title").click()
    part(tab, "field").select_option(FIELD)
    code = sent_code(tab, service)
    expect(part(tab, "drawing")).to_be_hidden()
    part(tab, "code").fill(code)
    with tab.page.expect_request("**/verify_esms_otp") as asked:
        part(tab, "submit").click()
    sent = asked.value.post_data or ""
    assert f'"otp":"{code}"' in sent and '"signature":' not in sent
    expect(part(tab, "message")).to_have_text(SIGNED)
    expect(part(tab, "image")).to_be_hidden()
    # The server decides: what the page did not know of a field it learns from the answer.
    part(tab, "ask-title").click()
    part(tab, "field").locator("[data-drawn]").evaluate("field => delete field.dataset.drawn")
    choose(tab, 8, 15, DRAWN)
    code = sent_code(tab, service)
    expect(part(tab, "drawing")).to_be_hidden()
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text("The request was refused: signature is required.")
    draw(tab)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    expect(part(tab, "image")).to_be_visible()
    assert tab.faults == []


def test_case_692_a_step_opens_after_the_other(open_page: Open, service: Service) -> None:
    tab = open_page()
    assert is_open(tab) == ["ask"]
    for name, why in (("sign", "when a code was sent"), ("signed", "when the field is signed")):
        title = part(tab, f"{name}-title")
        expect(title).to_have_attribute("aria-disabled", "true")
        expect(title).to_contain_text(f"Not yet: it opens {why}")
        title.click()
        title.press("Enter")
        title.press("Space")
        assert is_open(tab) == ["ask"]
    choose(tab, 7, 15)
    code = sent_code(tab, service)
    assert is_open(tab) == ["sign"]
    expect(part(tab, "ask-title")).to_contain_text(
        "Done: 7: Siti Aminah; Client signature of application 15."
    )
    expect(part(tab, "sign-title")).to_have_attribute("aria-disabled", "false")
    expect(part(tab, "signed-title")).to_have_attribute("aria-disabled", "true")
    # What is done can be opened again, and what was typed stays.
    part(tab, "name").fill("S. Aminah")
    part(tab, "ask-title").click()
    assert is_open(tab) == ["ask", "sign"]
    part(tab, "ask-title").click()
    expect(part(tab, "name")).to_have_value("S. Aminah")
    # Within the cooldown the same code is good.
    part(tab, "again").click()
    expect(part(tab, "message")).to_contain_text("The code was already sent. Another one")
    assert is_open(tab) == ["sign"]
    part(tab, "code").fill(wrong(code))
    part(tab, "submit").click()
    expect(part(tab, "message")).to_contain_text("Attempts left: 4.")
    assert is_open(tab) == ["sign"]
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    assert is_open(tab) == ["signed"]
    expect(part(tab, "sign-title")).to_contain_text("Done: the code was accepted, and is used.")
    expect(part(tab, "signed-title")).to_contain_text("Signed by S. Aminah.")
    # A code that was used is not asked about again.
    part(tab, "sign-title").click()
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text("This code was used. Ask for another one.")
    expect(part(tab, "again")).to_be_focused()
    # Another record: nothing of this one stays open, and the newest signature of none is none.
    part(tab, "ask-title").click()
    part(tab, "record").fill("16")
    assert is_open(tab) == ["ask"]
    expect(part(tab, "signed-title")).to_contain_text("Not yet: ")
    part(tab, "look").click()
    expect(part(tab, "message")).to_have_text("Nothing is signed yet.")
    assert is_open(tab) == ["ask"]
    part(tab, "record").fill("15")
    part(tab, "look").click()
    expect(part(tab, "signed-title")).to_contain_text("Signed by S. Aminah.")
    assert is_open(tab) == ["signed"]
    assert tab.faults == []


#: What else must be told apart from what is behind it: borders, and the ring of the focus.
EDGES = """() => {
    const shown = (name, edge) => [name, edge, getComputedStyle(document.body).backgroundColor];
    const edges = [...document.querySelectorAll("input, select, textarea, canvas")].map((part) =>
        shown(part.id, getComputedStyle(part).borderTopColor));
    const { outlineColor, outlineStyle } = getComputedStyle(document.activeElement);
    return [...edges, shown(`focus, ${outlineStyle}`, outlineColor)];
}"""


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", sorted(SCREENS))
def test_case_693_light_and_dark_have_the_contrast_of_wcag_aa(
    open_page: Open, service: Service, screen: str, scheme: str
) -> None:
    tab = open_page(screen, color_scheme=scheme)
    paper = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (contrast(paper, "rgb(0, 0, 0)") < 2) == (scheme == "dark")

    def is_good() -> None:
        assert judged(tab) == []
        edges = tab.page.evaluate(EDGES)
        low = [edge for edge in edges if contrast(edge[1], edge[2]) < 3]
        assert len(edges) > 5 and low == []

    part(tab, "record").focus()
    is_good()
    choose(tab, 7, 15, DRAWN)
    code = sent_code(tab, service)
    part(tab, "ask-title").click()
    is_good()
    part(tab, "code").fill(wrong(code))
    draw(tab, touch=screen == "phone")
    part(tab, "submit").click()
    expect(part(tab, "message")).to_contain_text("Attempts left: 4.")
    is_good()
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    is_good()
    part(tab, "text").fill("no record")
    expect(part(tab, "verdict")).to_contain_text("Invalid")
    is_good()
    # The judge sees what is too faint, and what has no name.
    part(tab, "restore").evaluate("part => part.style.color = 'rgb(128, 128, 128)'")
    part(tab, "text").evaluate("part => document.querySelector(`[for=${part.id}]`).remove()")
    assert {fault for fault, _ in judged(tab)} == {"color-contrast", "label"}
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(249, 168, 37)", "rgb(255, 255, 255)") < 3


def test_case_694_each_step_is_worked_by_keyboard_and_the_focus_is_seen(
    open_page: Open, service: Service
) -> None:
    tab = open_page()
    keyboard = tab.page.keyboard
    seen: list[str] = []

    def reach(name: str, key: str = "Tab") -> None:
        for _ in range(60):
            keyboard.press(key)
            now, ring = tab.page.evaluate(
                """() => [document.activeElement.id,
                    getComputedStyle(document.activeElement).outlineStyle]"""
            )
            seen.append(now)
            assert ring == "solid" or now == "", f"{now} has the focus, and does not show it"
            if now == name:
                return
        raise AssertionError(f"no way to {name} by the tabulator")

    reach("ask-title")
    # What is not yet possible tells why, and is passed by.
    reach("sign-title")
    keyboard.press("Enter")
    reach("signed-title")
    keyboard.press("Space")
    assert is_open(tab) == ["ask"]
    assert not {"code", "text", "pad"} & set(seen)
    reach("send", "Shift+Tab")
    keyboard.press("Space")
    expect(part(tab, "code")).to_be_focused()
    reach("ask-title", "Shift+Tab")
    keyboard.press("Enter")
    assert is_open(tab) == ["ask", "sign"]
    keyboard.press("Space")
    assert is_open(tab) == ["sign"]
    reach("code")
    keyboard.type(service.code("60123456789"))
    keyboard.press("Enter")
    expect(part(tab, "message")).to_have_text(SIGNED)
    expect(part(tab, "signed-title")).to_be_focused()
    for name in ("text", "restore", "header", "payload", "disclosures"):
        reach(name)
    assert tab.faults == []


def test_case_695_the_policy_is_strict_and_nothing_comes_from_elsewhere(
    open_page: Open, service: Service
) -> None:
    asked: list[str] = []

    def watch(page: Page) -> None:
        page.on("request", lambda request: asked.append(request.url))

    tab = open_page(before=watch)
    choose(tab, 7, 15, DRAWN)
    code = sent_code(tab, service)
    draw(tab)
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    assert len(asked) > 8
    outside = [url for url in asked if not url.startswith((f"{service.url}/", "data:"))]
    assert outside == []
    answer = tab.page.request.get(service.url + "/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert tab.faults == [], "and by its own policy the page loses nothing"
    # It is kept to: an inline script does not run, and another host is not asked.
    tab.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.planted = true";
            document.head.append(script);
            return fetch("https://other.invalid/").catch(() => null);
        }"""
    )
    assert tab.page.evaluate("window.planted") is None
    assert len([fault for fault in tab.faults if "Content Security Policy" in fault]) >= 2


@pytest.mark.parametrize("width", [320, 390, 1100])
def test_case_696_it_fits_the_screen_in_each_step(
    open_page: Open, service: Service, width: int
) -> None:
    tab = open_page("phone" if width < 500 else "desktop", viewport={"width": width, "height": 800})
    # Not innerWidth: a phone shows more where a page is too wide.
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert tab.page.evaluate(fits)
    choose(tab, 7, 15, DRAWN)
    code = sent_code(tab, service)
    part(tab, "ask-title").click()
    assert tab.page.evaluate(fits)
    draw(tab, touch=width < 500)
    part(tab, "name").fill("Nurul Izzah binti Abdul Rahman " * 3)
    part(tab, "code").fill(code)
    part(tab, "submit").click()
    expect(part(tab, "message")).to_have_text(SIGNED)
    for name in ("ask", "sign"):
        part(tab, f"{name}-title").click()
    assert is_open(tab) == list(STEPS)
    assert tab.page.evaluate(fits)
    tab.page.set_viewport_size({"width": 200, "height": 800})
    part(tab, "code").evaluate("part => part.style.width = '400px'")
    assert not tab.page.evaluate(fits), "what is too wide is seen"
