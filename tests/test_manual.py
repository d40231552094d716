"""The manual holds together: every page is in the site's list, links lead somewhere, errors are keyed by words."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from krm_functions.yaml.load import load
from tools import CHECKOUT

DOCS = CHECKOUT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
_FENCE = re.compile(r"^( *)```.*?^\1```", re.M | re.S)
_HEADING = re.compile(r"^#+ (.+)$", re.M)


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as Python-Markdown makes them."""
    plain = (re.sub(r"[^\w\s-]", "", heading.replace("`", "")) for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[-\s]+", "-", words.strip().lower()) for words in plain}


def listed(entries: object) -> list[str]:
    if isinstance(entries, str):
        return [entries]
    values = entries.values() if isinstance(entries, dict) else entries
    return [page for value in values for page in listed(value)]  # type: ignore[attr-defined]


def test_every_page_is_in_the_list_of_the_site_once() -> None:
    site = load((CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert isinstance(site, dict)
    assert sorted(listed(site["nav"])) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", [*PAGES, CHECKOUT / "README.md"], ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    lost = []
    for target, anchor in _LINK.findall(prose(page)):
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in slugs(path)):
            lost.append(f"{target}#{anchor}")
    assert lost == []


def test_trouble_is_keyed_by_words_that_the_program_says() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "fn").rglob("*.py"))
    source = source.replace("{FILE_NAME}", "images.lock.yaml")
    about = re.split(r"^## ", prose(DOCS / "troubleshooting.md"), flags=re.M)[1:]
    keys = [
        words.strip()
        for section in about
        if section.startswith(("About markers", "About the selection", "About the lock", "About registries"))
        for heading in re.findall(r"^### (.+)$", section, re.M)
        for words in re.split(r"…\)?|[,:] ", heading)
        if words.strip()
    ]
    assert len(keys) > 20
    assert [words for words in keys if words not in source] == []


def test_security_and_contribution_pages_are_there_for_those_who_look_for_them() -> None:
    for name in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        assert (CHECKOUT / name).stat().st_size > 200, name


def test_diagrams_are_what_their_script_draws() -> None:
    script = runpy.run_path(str(DOCS / ".diagrams.py"))
    drawn = {f"{name}.svg": script["svg"](diagram) for name, diagram in script["DIAGRAMS"].items()}
    there = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "images").glob("*.svg")}
    del there["terminal.svg"]
    assert drawn == there


def test_the_terminal_shows_what_its_script_sees_in_a_real_run_and_requests_nothing() -> None:
    script = runpy.run_path(str(DOCS / ".terminal.py"))
    drawn = script["svg"](script["run"]())
    assert drawn == (DOCS / "images" / "terminal.svg").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|href|<script|<image", drawn)


def test_every_picture_is_shown_with_words_for_those_who_cannot_see_it() -> None:
    pages = [*PAGES, CHECKOUT / "README.md"]
    shown = [found for page in pages for found in re.findall(r"!\[([^]]*)\]\((?:docs/)?(images/[^)]+)\)", prose(page))]
    assert {path for _, path in shown} == {f"images/{path.name}" for path in (DOCS / "images").iterdir()}
    assert [path for words, path in shown if len(words) < 40] == []
