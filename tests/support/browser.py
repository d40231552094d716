"""Pages in a real browser: Chromium, driven by Playwright, with axe's accessibility rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tools import require_tool

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"a desktop": 1280, "a phone": 390}


@dataclass
class Visit:
    """A page that was opened, what it requested, and what its console shows."""

    page: Page
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    @property
    def overflow(self) -> int:
        """How many pixels of the page are beyond the right edge of the window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(wide, 0)

    def accessibility(self) -> list[str]:
        """The serious findings of axe: the rule and its first element."""
        from axe_playwright_python.sync_playwright import Axe

        found: dict[str, Any] = Axe().run(self.page).response
        assert len(found["passes"]) > 5
        return [
            f"{each['id']}: {each['nodes'][0]['target']}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    chromium = require_tool("chromium")
    require_tool("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        try:
            yield browser
        finally:
            browser.close()


def visit(browser: Browser, url: str, width: int, scheme: Literal["light", "dark"] = "light") -> Visit:
    """Open a page in a window of a width; waits until it has loaded."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    made = Visit(page)
    page.on("request", lambda request: made.requests.append(request.url))
    page.on("console", lambda message: made.console.append(message.text))
    page.on("pageerror", lambda error: made.console.append(str(error)))
    page.goto(url)
    return made
