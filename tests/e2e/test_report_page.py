"""The report's page in Chromium, on a desktop and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.browser import SIZES, open_browser, visit
from support.sandbox import IMAGE, POLICIES, open_sandbox

NAMES = ("web", "shop", "a-name-that-is-as-long-as-names-of-policies-in-large-repositories-often-are")


def test_the_page_fits_filters_is_accessible_and_requests_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_sandbox(tmp_path, capsys, monkeypatch) as sandbox:
        policies = (POLICIES.replace("name: web", f"name: {name}") for name in NAMES)
        sandbox.write("policies.yaml", "---\n".join(policies))
        fields = (f'{name}: {IMAGE}:1.4.0 # {{"$imagepolicy": "flux-system:{name}"}}\n' for name in NAMES)
        sandbox.write("app.yaml", "".join(fields))
        assert sandbox.run("lock").status == 0
        sandbox.registry.push("1.4.1", "latest", "2.0.0", content="x")
        assert sandbox.run("hold", "shop", "--tag", "1.4.0", "--reason", "<b>slow</b>").status == 0
        ran = sandbox.run("report", "--html", "report.html")
        assert ran.out == "report.html: 3 policies: 1 held back, 2 to update\n"
    url = (tmp_path / "report.html").as_uri()
    with open_browser() as browser:
        for width in SIZES.values():
            for scheme in ("light", "dark"):
                opened = visit(browser, url, width, scheme)
                page = opened.page
                page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
                assert (opened.overflow, opened.accessibility()) == (0, [])
                assert (opened.requests, opened.console) == ([url], [])
        shown = page.locator("#policies > details:visible .name")
        page.get_by_role("button", name="held back 1").click()
        assert shown.all_inner_texts() == ["flux-system:shop"]
        page.get_by_role("button", name="all 3").click()
        page.get_by_label("Search").fill("system:web 1.4.1")
        assert shown.all_inner_texts() == ["flux-system:web"]
        assert page.get_by_role("status").inner_text() == "1 of 3"
        page.get_by_label("Search").fill("<b>slow")
        assert shown.all_inner_texts() == ["flux-system:shop"]
        page.get_by_label("Search").fill("nothing like it")
        assert page.get_by_text("No policy matches.").is_visible()
