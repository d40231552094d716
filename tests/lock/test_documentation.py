"""What the page about the lock shows has been seen in one of the stories."""

from __future__ import annotations

import re

import pytest

from tools import CHECKOUT

PAGE = (CHECKOUT / "docs" / "lock.md").read_text(encoding="utf-8")
STORIES = [path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "tests/lock/stories").glob("*.txt"))]
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.M | re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0].removeprefix("$ imagesetter "))
def test_an_output_on_the_page_stands_in_a_story(block: str) -> None:
    assert any(block in story for story in STORIES)


def test_there_are_outputs_on_the_page() -> None:
    assert len(BLOCKS) > 5


def test_every_link_within_the_page_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= headings
