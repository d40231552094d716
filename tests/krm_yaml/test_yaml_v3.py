"""Comments belong to the scalars that yaml.v3 gives them to; what yaml.v3 does beyond that is named, never silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from krm_functions.yaml.scan import scan
from krm_yaml.yaml_v3.capture import ours, theirs
from support.tables import each_row

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parent / "yaml_v3" / "cases.json").read_text(encoding="utf-8")
)["cases"]
READABLE = [case for case in CASES if "hits" in case]

NAMED_INSTEAD = {
    "head": {"ambiguous-head", "loose", "key", "empty", "directive", "commented-out", "above", "collection"},
    "line": {"key"},
}
"""Places that may stand for a scalar which yaml.v3 finds and we do not: each of them makes a warning."""


@each_row(READABLE, lambda case: repr(case["text"]))
def test_no_scalar_is_marked_that_yaml_v3_does_not_mark(case: dict[str, Any]) -> None:
    assert not ours(scan(case["text"])) - theirs(case)


@each_row(READABLE, lambda case: repr(case["text"]))
def test_what_only_yaml_v3_marks_has_a_place_that_says_so(case: dict[str, Any]) -> None:
    found = scan(case["text"])
    for _, _, marker, how in theirs(case) - ours(found):
        places = {comment.place for comment in found.comments if f'"{marker}"' in comment.text}
        assert places & NAMED_INSTEAD[how]


def test_line_comments_agree_in_every_case_but_one() -> None:
    missing = [
        case["text"] for case in READABLE if any(how == "line" for *_, how in theirs(case) - ours(scan(case["text"])))
    ]
    assert missing == ['a: &x # {"$imagepolicy":"ns:m"}\n  - v\n']


def test_what_yaml_v3_refuses_is_refused() -> None:
    refused = [case["text"] for case in CASES if "error" in case and not scan(case["text"]).broken]
    assert all(text.startswith("%YAML") or text == "..." for text in refused)
    assert len(refused) < len(CASES) - len(READABLE)
