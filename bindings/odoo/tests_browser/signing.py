"""What a person does on the page."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

#: The program of axe-core, which `cargo xtask odoo --test` installs.
AXE = "OTP_AXE"
#: A folder to write the screenshots into; without it they are measured and dropped.
SCREENSHOTS = "OTP_SCREENSHOTS"
LARGEST = 60_000


def part(page, name):
    """Return a part of the page by the name that its script knows."""
    return page.locator(f".o_esms_otp [data-part={name}]")


def says(page, text):
    """Wait until the message is this one."""
    expect(part(page, "message")).to_have_text(text)


def ask_for_code(page):
    """Press the button, and wait for what comes of it."""
    part(page, "send").click()
    says(page, "The code was sent.")


def draw(page, touch=False):
    """Draw a line across the pad, with the mouse or a finger."""
    pad = part(page, "pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    at = [
        (box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        for x, y in ((0.15, 0.7), (0.3, 0.25), (0.4, 0.75), (0.55, 0.3), (0.7, 0.7), (0.85, 0.4))
    ]
    if touch:
        session = page.context.new_cdp_session(page)

        def finger(kind, points):
            event = {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
            session.send("Input.dispatchTouchEvent", event)

        finger("touchStart", at[:1])
        for point in at[1:]:
            finger("touchMove", [point])
        finger("touchEnd", [])
        return
    page.mouse.move(*at[0])
    page.mouse.down()
    for x, y in at[1:]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def ink(data):
    """Return how many pixels of an image are not white."""
    image = Image.open(io.BytesIO(data)).convert("L")
    return sum(count for level, count in enumerate(image.histogram()) if level < 128)


def judged(page):
    """Return the serious faults that axe-core finds in what is the page's own."""
    # Not as a script of the page, whose policy may refuse it.
    page.evaluate(Path(os.environ[AXE]).read_text() + "; undefined")
    found = page.evaluate("axe.run('main', {resultTypes: ['violations']})")
    assert found["passes"], "axe has judged nothing"
    return [
        (fault["id"], [node["html"] for node in fault["nodes"]])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def tab_to(page, selector):
    """Press the tab key until this has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the tab key")


def photograph(page, name, colours=64):
    """Keep the page as a small picture; it must stay one."""
    # From the top: what is sticky stands in its own place.
    page.get_by_role("heading", level=1).first.scroll_into_view_if_needed()
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    small = io.BytesIO()
    shot.convert("RGB").quantize(colours).save(small, "PNG", optimize=True)
    assert len(small.getvalue()) < LARGEST, f"{name} has {len(small.getvalue())} bytes"
    if folder := os.environ.get(SCREENSHOTS):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(small.getvalue())
