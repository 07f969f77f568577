"""The page of the service, as tests use it: what a person does on it, and what judges it."""

import io
import os
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Locator, expect

from conftest import Tab
from service import FIELD, Service

#: A folder to write the screenshots into; without it they are measured and dropped.
SCREENSHOTS = "OTP_SCREENSHOTS"
LARGEST = 120_000
#: The program of axe-core, which `cargo xtask test --only service` installs.
AXE = "OTP_AXE"
#: The field that asks for a captured signature.
DRAWN = "guarantor_signature"
SENT = "The code was sent. Look for it in the outbox."
VALID = "Valid: every check that can be made holds."
SIGNED = "Signed. Your browser verified the record."


def part(tab: Tab, name: str) -> Locator:
    """Return a part of the page by its id."""
    return tab.page.locator(f"#{name}")


def choose(tab: Tab, user: int, record: int, field: str = FIELD) -> None:
    """Say who signs what."""
    part(tab, "user").select_option(str(user))
    part(tab, "field").select_option(field)
    part(tab, "record").fill(str(record))


def sent_code(tab: Tab, service: Service) -> str:
    """Ask for a code, and read it where the message went."""
    part(tab, "send").click()
    expect(part(tab, "message")).to_have_text(SENT)
    return read_code(tab, service)


def read_code(tab: Tab, service: Service) -> str:
    """Read the code that the page says was sent."""
    number = part(tab, "sent").inner_text().removeprefix("To ").partition(",")[0]
    return service.code(number)


def draw(tab: Tab, touch: bool = False) -> None:
    """Draw a line across the pad, with the mouse or a finger."""
    pad = part(tab, "pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box
    at = [
        (box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        for x, y in ((0.15, 0.7), (0.3, 0.25), (0.4, 0.75), (0.55, 0.3), (0.7, 0.7), (0.85, 0.4))
    ]
    if touch:
        session = tab.page.context.new_cdp_session(tab.page)
        kinds = ["touchStart", *["touchMove"] * (len(at) - 1)]
        for kind, (x, y) in zip(kinds, at, strict=True):
            event = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            session.send("Input.dispatchTouchEvent", event)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return
    tab.page.mouse.move(*at[0])
    tab.page.mouse.down()
    for x, y in at[1:]:
        tab.page.mouse.move(x, y, steps=4)
    tab.page.mouse.up()


def photograph(tab: Tab, name: str, top: str) -> None:
    """Keep the screen as a small picture, light and dark, with a part at its top."""
    part(tab, top).evaluate("part => part.scrollIntoView({ block: 'start', behavior: 'instant' })")
    schemes: dict[str, Literal["dark", "light"]] = {"_dark": "dark", "": "light"}
    for end, scheme in schemes.items():
        tab.page.emulate_media(color_scheme=scheme)
        shot = Image.open(io.BytesIO(tab.page.screenshot()))
        small = io.BytesIO()
        shot.convert("RGB").quantize(64).save(small, "PNG", optimize=True)
        assert len(small.getvalue()) < LARGEST, f"{name} has {len(small.getvalue())} bytes"
        if folder := os.environ.get(SCREENSHOTS):
            (Path(folder) / f"{name}{end}.png").write_bytes(small.getvalue())


def judged(tab: Tab) -> list[tuple[str, list[str]]]:
    """Return the faults that axe-core finds, the contrast of each text among what it measures."""
    # Not as a script of the page, whose policy refuses it.
    tab.page.evaluate(Path(os.environ[AXE]).read_text() + "; undefined")
    found: dict[str, Any] = tab.page.evaluate("axe.run({ resultTypes: ['violations', 'passes'] })")
    measured = [rule for rule in found["passes"] if rule["id"] == "color-contrast"]
    assert measured and measured[0]["nodes"], "axe has measured no contrast"
    return [
        (fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]
    ]
