"""Reading lines as lines: the same as from libyaml's events, or nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text import laws

from krm_functions.yaml.line import BLOCK, FLOW, NOTHING, OPEN, SCALAR, UNKNOWN, read_line
from krm_functions.yaml.plain import read_plain
from krm_functions.yaml.scan import LARGE, scan
from krm_functions.yaml.scan_result import KEEP, KEEP_ALL, KEEP_TEXT, SPAN, Outline
from krm_yaml.documents import document
from krm_yaml.lists import MARKER as M
from krm_yaml.lists import resource_list

ITEMS: Outline = {
    "kind": KEEP,
    "items": {SPAN: True, "*": {SPAN: True, "kind": KEEP, "metadata": {"name": KEEP_TEXT, "labels": {"*": KEEP_TEXT}}}},
    "results": {SPAN: True, "*": {SPAN: True}},
}
OUTLINES: tuple[Outline | None, ...] = (
    ITEMS,
    None,
    KEEP_ALL,
    KEEP,
    {"items": KEEP_ALL},
    KEEP_TEXT,
    {"items": {SPAN: True, "*": {"*": KEEP_TEXT, "metadata": {"*": KEEP_TEXT}}}},
    {"items": {"*": {SPAN: True, "*": KEEP}}, "*": KEEP},
    {SPAN: True, "*": {SPAN: True, "*": KEEP_ALL}},
    {"items": {SPAN: True, "*": KEEP}, "a": {SPAN: True}},
)
HEAD = "kind: ResourceList\nitems:\n"


@given(seed=st.integers(0, 2**40), outline=st.sampled_from(OUTLINES), damaged=st.booleans())
def test_a_list_is_read_as_from_its_events_or_not_at_all(seed: int, outline: Outline | None, damaged: bool) -> None:
    rng = random.Random(seed)
    text = resource_list(rng)
    laws.lines_say_what_events_say(laws.mutated(text, rng) if damaged else text, outline)


def test_the_lists_are_plain_enough_to_be_read() -> None:
    texts = [resource_list(random.Random(seed)) for seed in range(300)]
    assert sum(read_plain(text, laws.hits(text), ITEMS) is not None for text in texts) > 60


@given(seed=st.integers(0, 2**40), outline=st.sampled_from(OUTLINES))
def test_any_document_is_read_as_from_its_events_or_not_at_all(seed: int, outline: Outline | None) -> None:
    laws.lines_say_what_events_say(document(random.Random(seed)).text, outline)


@pytest.mark.parametrize(
    "text",
    [
        "- kind: A\n  image: a:1 " + M + "\n- kind: B\n  list: [a, 'b']\n  map: {a: 1}\n",
        "- kind: A\n  text: |\n    - not: an entry\n\n    # nor this a comment\n- kind: B\n",
        "- kind: A\n  nested:\n  - - 'a': b\n- kind: B\n  metadata: {name: x}\n",
        "  - kind: A\n    image: &a a:1 " + M + "\n    again: *a\n  - kind: B\n    image: 'b' " + M + "\n",
        '- kind: A\n  text: "over\n- two: lines"\n- kind: B\n',
        "- kind: A\n\n# between\n\n- kind:\n    A\n-\n  kind: C\nfunctionConfig:\n  kind: D # d\n",
        "- {kind: A}\n- kind: B\n",
        "- kind: A\n  labels: {}\n  name: a:b#c d\n-   - kind\n",
    ],
    ids=[
        "plain lines and flow on a line",
        "a block scalar",
        "entries that need libyaml",
        "an anchor in its own entry",
        "a quoted text that looks like an entry",
        "blank lines, comments, values on the next line",
        "a flow mapping as the first entry",
        "an entry that is a list",
    ],
)
def test_what_lists_hold_is_read(text: str) -> None:
    laws.lines_say_what_events_say(HEAD + text, ITEMS)
    found = read_plain(HEAD + text, laws.hits(HEAD + text), ITEMS)
    assert (found is None) == ("over\n" in text)


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n  c\n",
        "- a\n  - b\n",
        "a: 'b\n  c'\n",
        "a: [b,\n  c]\n",
        "a: &x b\n",
        "a: !!str b\n",
        "? a\n: b\n",
        "a: b\na: c\n",
        "a:\tb\n",
        "a: b\r\n",
        "a: b\n---\nc: d\n",
        "%YAML 1.1\n---\na: b\n",
        "a: b # " + M + "\n" + M + "\nc: d\n",
        "just a text\n",
        "",
        "# nothing\n",
    ],
)
def test_what_takes_a_parser_is_left_to_it(text: str) -> None:
    assert read_plain(text, laws.hits(text), KEEP_ALL) is None


def test_a_hit_before_the_first_token_of_an_odd_entry_is_left_to_the_events() -> None:
    """What it belongs to depends on what is above the entry, here the comment below the key."""
    text = f"kind: ResourceList\nitems:\n  # above\n- {M}\n  odd: &a b\n  x: y\n"
    assert read_plain(text, laws.hits(text), None) is None
    behind = f"kind: ResourceList\nitems:\n  # above\n-\n  odd: &a b {M}\n  x: y\n"
    assert read_plain(behind, laws.hits(behind), None) is not None


def test_a_hit_next_to_a_following_entry_is_left_to_the_events() -> None:
    """An odd entry is read without the next one, above which the marker stands."""
    text = f"{HEAD}- a: &x 1\n{M}\n- b: 1\n"
    assert read_plain(text, laws.hits(text), ITEMS) is None


def test_a_large_text_is_read_by_its_lines_and_says_the_same() -> None:
    odd = f"- kind: A\n  image: a:1 {M}\n  odd: &a [x,\n    y]\n  more: {{a: *a}}\n"
    entry = odd + f"- kind: B\n  text: |\n    text\n  image: b:1 {M}\n" * 3
    text = HEAD + entry * (LARGE // len(entry) + 1)
    assert len(text) > LARGE
    found = scan(text, outline=ITEMS)
    assert found == read_plain(text, laws.hits(text), ITEMS)
    assert found == scan(text, outline=ITEMS, pure=True)
    assert len(found.comments) == text.count(M)


def test_a_list_of_entries_that_are_seldom_plain_is_left_to_the_events() -> None:
    odd, plain = "- kind: &a A\n", "- kind: A\n"
    assert read_plain(HEAD + odd * 15, [], ITEMS) is not None
    assert read_plain(HEAD + odd * 50, [], ITEMS) is None
    assert read_plain(HEAD + (odd + 3 * plain) * 50, [], ITEMS) is not None


def test_a_large_text_that_is_no_yaml_is_broken_as_ever() -> None:
    text = HEAD + "- kind: A\n" * (LARGE // 10) + "x: [\n"
    (broken,) = scan(text, outline=ITEMS).broken
    assert broken.line == text.count("\n")


@pytest.mark.parametrize(
    ("content", "entries", "kind", "value", "events"),
    [
        ("a: b", [(0, "a")], SCALAR, "b", 2),
        ("- a.b/c:  'd e'  # f", [(0, None), (2, "a.b/c")], SCALAR, "'d e'", 2),
        ("-   - --listen=:80", [(0, None), (4, None)], SCALAR, "--listen=:80", 1),
        ("a:", [(0, "a")], OPEN, "", 1),
        ("- # a", [(0, None)], OPEN, "", 0),
        ("-", [(0, None)], OPEN, "", 0),
        ("a: [b, 'c, d', \"e\"] # f", [(0, "a")], FLOW, "[b, 'c, d', \"e\"]", 6),
        ("a: {b: c, d: e}", [(0, "a")], FLOW, "{b: c, d: e}", 7),
        ("a: {}", [(0, "a")], FLOW, "{}", 3),
        ("a: >- # b", [(0, "a")], BLOCK, ">-", 2),
        ("a: http://b:1/c?d=e#f", [(0, "a")], SCALAR, "http://b:1/c?d=e#f", 2),
        ("- *a", [(0, None)], UNKNOWN, "", 0),
        ("", [], NOTHING, "", 0),
        ("# a: b", [], NOTHING, "", 0),
    ],
)
def test_a_line_says_what_it_holds(
    content: str, entries: list[tuple[int, str | None]], kind: int, value: str, events: int
) -> None:
    read = read_line(content)
    assert read
    columns = [(place // 2, key) for place, key in read[0]]
    assert (columns, read[1], content[read[2] : read[3]], read[5]) == (entries, kind, value, events)
    assert all((key is None) == place % 2 for place, key in read[0])
    moved = read_line("  " + content)
    assert moved
    assert [(place - 4, key) for place, key in moved[0]] == list(read[0])


@pytest.mark.parametrize("content", ["a", "'a': b", "a: b: c", "a: b:", "a: &b c", "a: [b", "a: [[b]]", "a: 'b", "? a"])
def test_a_line_of_another_kind_is_not_read(content: str) -> None:
    assert read_line(content) is None
