"""The report of all policies: text, JSON, and a page that is safe with hostile input and good for a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from git.conftest import Checkout, checkout  # noqa: F401 - a fixture
from imagesetter.cli.schemas.kinds import schema_of
from support.sandbox import IMAGE, POLICIES, Sandbox, open_sandbox

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u202e`"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as made:
        yield made


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text without style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside = ""
        self.blocks: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in ("style", "script"):
            self.blocks[self.inside] = data
        else:
            self.text += data


def page_of(sandbox: Sandbox, *arguments: str, status: int = 0) -> Elements:
    ran = sandbox.run("report", "--html", "report.html", *arguments)
    assert ran.status == status, str(ran)
    return Elements(sandbox.text("report.html"))


def test_each_policy_has_its_tags_and_its_state(sandbox: Sandbox) -> None:
    assert sandbox.run("report").out == "flux-system:web  1.4.0  up to date\n1 policy: 1 up to date\n"
    sandbox.registry.push("1.4.1")
    assert sandbox.run("report").out == "flux-system:web  1.4.0 → 1.4.1  to update\n1 policy: 1 to update\n"
    assert sandbox.run("hold", "web", "--tag", "1.4.0", "--reason", "crashes", "--until", "2026-05-01").status == 0
    assert sandbox.run("report").out == (
        "flux-system:web  1.4.0  held back  held at 1.4.0 until 2026-05-01: crashes\n1 policy: 1 held back\n"
    )
    sandbox.write("app.yaml", "replicas: 1\n")
    (sandbox.root / "images.lock.yaml").unlink()
    assert sandbox.run("report").out == "flux-system:web  - → 1.4.1  unused\n1 policy: 1 unused\n"
    sandbox.registry.delete("1.4.0", "1.4.1")
    ran = sandbox.run("report")
    assert (ran.status, ran.out.splitlines()[1]) == (1, "1 policy: 1 failed")


def test_a_tag_that_is_too_young_holds_back_until_it_is_old_enough(sandbox: Sandbox) -> None:
    aged = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
    sandbox.write("policies.yaml", aged)
    assert sandbox.run("lock").status == 0
    sandbox.registry.push("1.5.0")
    assert sandbox.run("lock").status == 0
    line = "flux-system:web  1.4.0  held back  1.5.0 is too young until 2026-03-04T12:00:00Z: not 3d old\n"
    assert sandbox.run("report").out.splitlines(keepends=True)[0] == line
    assert sandbox.run("report", "--from", "lock").out.splitlines(keepends=True)[0] == line


def test_a_field_above_the_selected_tag_is_held_back_as_an_update_leaves_it(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", f'image: {IMAGE}:1.4.5 # {{"$imagepolicy": "flux-system:web"}}\n')
    (line, _) = sandbox.run("report").out.splitlines()
    assert line.startswith(
        "flux-system:web  1.4.5 → 1.4.0  held back  stays at 1.4.5, which flux-system:web ranks above"
    )


def test_a_policy_of_two_clusters_is_reported_for_each(sandbox: Sandbox) -> None:
    for cluster, versions in (("staging", "1.x"), ("production", "1.4.x")):
        sandbox.write(f"{cluster}/policies.yaml", POLICIES.replace("1.x", versions))
        sandbox.write(f"{cluster}/app.yaml", sandbox.text("app.yaml"))
    for name in ("policies.yaml", "app.yaml"):
        (sandbox.root / name).unlink()
    sandbox.registry.push("1.5.0")
    report = json.loads(sandbox.run("report", "--output", "json").out)
    rows = [(Path(each["folder"]).name, each["latest"]["tag"], each["state"]) for each in report["policies"]]
    assert rows == [("production", "1.4.0", "up to date"), ("staging", "1.5.0", "to update")]


def test_the_json_has_what_changed_by_the_locks_history_and_is_as_its_schema_says(checkout: Checkout) -> None:  # noqa: F811
    sandbox = checkout.sandbox
    checkout.bump("1.4.1")
    checkout.bump("1.4.2")
    sandbox.time = int(checkout.git("log", "-1", "--format=%ct")) + 86400.0
    report = json.loads(sandbox.run("report", "--output", "json").out)
    Draft202012Validator(schema_of("PolicyReport")).validate(report)
    (policy,) = report["policies"]
    changes = [(each["old"].partition("@")[0], each["new"].partition("@")[0]) for each in policy["changes"]]
    assert changes == [(f"{IMAGE}:1.4.1", f"{IMAGE}:1.4.2")]
    assert (policy["funnel"]["listed"], policy["tags"], policy["fields"]) == (
        3, 3, [{"place": "app.yaml:1", "tag": "1.4.2"}],
    )  # fmt: skip
    page = page_of(sandbox, "--from", "lock")
    assert "1.4.1 → 1.4.2 flux-system:web change (fluxbot, " in page.text
    assert "changes may be missing" not in page.text
    sandbox.time += 31 * 86400
    assert json.loads(sandbox.run("report", "--output", "json").out)["policies"][0]["changes"] == []


def test_a_page_without_the_history_of_a_lock_says_so(sandbox: Sandbox) -> None:
    assert "changes may be missing" in page_of(sandbox).text


def test_the_page_allows_its_own_style_and_script_and_nothing_else(sandbox: Sandbox) -> None:
    page = page_of(sandbox)
    metas = [attributes for tag, attributes in page.found if tag == "meta"]
    (policy,) = (each["content"] for each in metas if each.get("http-equiv") == "Content-Security-Policy")
    digests = {
        name: base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() for name, block in page.blocks.items()
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; script-src 'sha256-{digests['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    followed = {"href", "src", "srcset", "action", "style", "data", "poster"}
    assert [
        found for found in page.found if followed & found[1].keys() or any(k.startswith("on") for k in found[1])
    ] == []
    assert {tag for tag, _ in page.found} & {"link", "img", "iframe", "a", "object", "base"} == set()
    assert re.findall(r"url\(|@import|https?:", sandbox.text("report.html")) == []


def test_hostile_names_reasons_and_commits_stay_text(checkout: Checkout) -> None:  # noqa: F811
    sandbox = checkout.sandbox
    assert sandbox.run("lock").status == 0
    checkout.commit(by=HOSTILE.replace("<", "(").replace(">", ")"))
    lock = sandbox.text()
    sandbox.write("images.lock.yaml", lock.replace("tag: 1.4.0", "tag: 1.4.0-b.onerror"))
    checkout.git("add", "-A")
    checkout.git("commit", "-q", "-m", HOSTILE)
    assert sandbox.run("hold", "web", "--exclude", "1.4.1", "--reason", HOSTILE).status == 0
    sandbox.write("policies.yaml", POLICIES.replace("range: 1.x", f"range: {json.dumps(HOSTILE)}"))
    sandbox.write("app.yaml", f'image: {json.dumps(HOSTILE)} # {{"$imagepolicy": "flux-system:<b>web"}}\n')
    sandbox.time = int(checkout.git("log", "-1", "--format=%ct")) + 86400.0
    page = page_of(sandbox, "--from", "lock", status=1)
    harmless = HOSTILE.replace("\u202e", "\\u202e")
    assert page.text.count(harmless) >= 3
    assert "flux-system:<b>web" in page.text
    known = {
        *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1", "h2", "p"),
        *("time", "form", "label", "input", "div", "button", "span", "details", "summary", "dl", "dt", "dd", "code"),
        *("b", "ul", "li", "br", "svg", "rect", "text", "script"),
    }
    assert {tag for tag, _ in page.found} <= known
    assert [tag for tag, attributes in page.found if any(name.startswith("on") for name in attributes)] == []
    assert "\u202e" not in sandbox.text("report.html")


def test_a_page_for_a_directory_that_does_not_exist_is_an_error_before_anything_is_read(sandbox: Sandbox) -> None:
    ran = sandbox.run("report", "--html", "nowhere/report.html")
    assert (ran.status, ran.err) == (
        2,
        "error: nowhere/report.html is in a directory that does not exist\n  where: --html\n"
        "  hint:  choose a file in an existing directory\n",
    )
    assert sandbox.registry.scanned == []
