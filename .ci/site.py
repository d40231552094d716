"""Opens the built manual in Chromium; `make docs` calls it: no request to another host, nothing beyond the page's edge,
no serious finding of axe, and copy buttons that copy commands. Without Chromium, only the files are checked.

  .ci/site.py build/site
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_LOADED = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//'
    r'|<link\b[^>]*rel="(?:stylesheet|preconnect|icon|preload)"[^>]*href="(?:https?:)?//'
)
_PAGES = ("", "kustomize/", "lock/", "ci/", "explain/", "comparison/", "reports/", "pull-requests/", "editors/")
_BEYOND = """[...document.querySelectorAll('.md-content :not(.language-text) > pre code')]
  .filter((block) => block.scrollWidth > block.clientWidth + 1).length"""
_EDGE = "document.documentElement.scrollWidth - window.innerWidth"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def in_files(site: Path) -> Iterator[str]:
    """What the pages would load from other hosts."""
    for page in sorted(site.rglob("*.html")):
        if found := _LOADED.search(page.read_text(encoding="utf-8")):
            yield f"{page.relative_to(site)} loads {found[0]}…"


def in_browser(base: str, chromium: str) -> Iterator[str]:
    """What is wrong with pages as a reader sees them."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        for width in (1280, 390):
            context = browser.new_context(viewport={"width": width, "height": 900})
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = context.new_page()
            page.set_default_timeout(60_000)
            requests: list[str] = []
            page.on("request", lambda request, requests=requests: requests.append(request.url))
            for name in _PAGES:
                page.goto(f"{base}{name}", wait_until="networkidle")
                if (beyond := page.evaluate(_BEYOND)) or page.evaluate(_EDGE) > 0:
                    yield f"/{name} at {width} px: {beyond} blocks of code, or the page, run off the edge"
                for found in Axe().run(page).response["violations"]:
                    if found["impact"] in ("serious", "critical"):
                        yield f"/{name} at {width} px: {found['id']}: {found['nodes'][0]['target']}"
            foreign = [url for url in requests if not url.startswith((base, "data:", "blob:"))]
            yield from (f"{width} px: requests {url}" for url in foreign)
            if width == 1280:
                page.goto(f"{base}explain/", wait_until="networkidle")
                block = page.locator(".language-console").first
                block.hover()
                block.locator("button.md-clipboard, button.md-code__button").first.click()
                copied = page.evaluate("navigator.clipboard.readText()")
                lines = [line for line in copied.splitlines() if line]
                if not lines or not all(line.startswith(("imagesetter", " ", "cat")) for line in lines):
                    yield f"/explain/ copies more than commands: {copied!r}"
        browser.close()


def main(site: Path) -> int:
    """Print what is wrong; 1 if something is."""
    wrong = list(in_files(site))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
        Thread(target=server.serve_forever, daemon=True).start()
        wrong += in_browser(f"http://127.0.0.1:{server.server_port}/", chromium)
        server.shutdown()
    elif os.environ.get("IMAGESETTER_REQUIRE_TOOLS") == "1":
        wrong.append("missing tool: chromium (`make tools` installs it)")
    else:
        print("site: no chromium (`make tools` installs it), so the pages were not opened", file=sys.stderr)
    for each in wrong:
        print(f"site: {each}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
