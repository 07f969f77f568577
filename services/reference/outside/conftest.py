"""What the tests share: a service on the embedded default, and Debian's Chromium."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from service import Service

CHROMIUM = os.environ.get("OTP_CHROMIUM", "/usr/bin/chromium")
SCREENS: dict[str, Any] = {
    "desktop": {"viewport": {"width": 1100, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

#: Opens the page on a screen, in a browser of its own; its faults are those of its console.
Open = Callable[..., "Tab"]


class Tab:
    """The page in a browser, and what its console called an error."""

    def __init__(self, context: BrowserContext) -> None:
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.faults.append(said.text) if said.type == "error" else None,
        )


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return the service that the tests share, on SQLite."""
    service = Service(tmp_path_factory.mktemp("service"))
    yield service
    assert service.stop() == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder for the services of one test."""
    return tmp_path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=2 * PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, service: Service) -> Iterator[Open]:
    """Return what opens the page."""
    contexts = []

    def open_(
        screen: str = "desktop", before: Callable[[Page], object] | None = None, **more: Any
    ) -> Tab:
        contexts.append(chromium.new_context(locale="en-GB", **{**SCREENS[screen], **more}))
        tab = Tab(contexts[-1])
        if before:
            before(tab.page)
        tab.page.goto(service.url + "/")
        return tab

    yield open_
    for context in contexts:
        context.close()
