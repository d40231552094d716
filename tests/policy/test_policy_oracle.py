"""Every captured answer of image-reflector-controller's policies, and of Go's regexp and Expand."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from imagesetter.errors import InvalidFilter, PolicyError
from imagesetter.golang.errors import InvalidPattern
from imagesetter.golang.regexp.expand import parse_expansion
from imagesetter.golang.regexp.pattern import compile_pattern
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.explain import explain
from imagesetter.policy.select import check, compile_policy, ranking, select
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from policy.rows import load, policy_of
from support.tables import each_row

CAPTURED = load("policy.json")
CASES = {row["id"]: row for row in CAPTURED["cases"]}

# Flux reads numbers as float64 and cannot tell these two apart; it takes the one that is first in byte order.
FLOAT64_COLLAPSES = {885: ("123456789012345678901234567890", "123456789012345678901234567891")}


def by_number(case: dict[str, Any]) -> str:
    return f"{case['id']} {case['note']}"


def answer(case: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"latest": select(policy_of(case), case["tags"])}
    except PolicyError as err:
        return {"latest": "", "error": str(err), "stage": err.stage}


def captured(case: dict[str, Any]) -> list[dict[str, Any]]:
    if not case["deterministic"]:
        return case["outcomes"]
    return [{key: case[key] for key in ("latest", "error", "stage") if key in case}]


@each_row(CASES.values(), by_number)
def test_tag_is_chosen_as_captured(case: dict[str, Any]) -> None:
    expected = captured(case)
    if case["id"] in FLOAT64_COLLAPSES:
        flux, ours = FLOAT64_COLLAPSES[case["id"]]
        assert expected == [{"latest": flux}] and float(flux) == float(ours)
        expected = [{"latest": ours}]
    assert answer(case) in expected


@each_row(CASES.values(), by_number)
def test_captured_case_is_explained_as_it_is_answered(case: dict[str, Any]) -> None:
    explanation = explain(policy_of(case), case["tags"])
    given = answer(case)
    assert (explanation.chosen or "") == given["latest"]
    assert (str(explanation.error) if explanation.error else None) == given.get("error")


@each_row(CASES.values(), by_number)
def test_first_of_a_captured_case_s_ranking_is_its_choice(case: dict[str, Any]) -> None:
    given = answer(case)
    if given["latest"]:
        assert ranking(policy_of(case), case["tags"])[0] == given["latest"]
    else:
        with pytest.raises(PolicyError) as caught:
            ranking(policy_of(case), case["tags"])
        assert str(caught.value) == given["error"]


@each_row(CASES.values(), by_number)
def test_tags_are_excluded_as_captured(case: dict[str, Any]) -> None:
    exclusions = compile_policy(TagPolicy(AlphabeticalRule(), None, tuple(case.get("exclusionList", ())))).exclusions
    kept = case["tags"]
    for exclusion in exclusions:
        kept = exclusion.keep(kept)
    assert sorted(kept, reverse=True) == (case["stored"] or [])


def patterns() -> list[list[dict[str, Any]]]:
    rows = defaultdict(list)
    for row in CAPTURED["filters"]:
        rows[row["pattern"]].append(row)
    return list(rows.values())


def by_pattern(rows: list[dict[str, Any]]) -> str:
    return repr(rows[0]["pattern"])


def extracted(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it would have been captured from here."""
    answer = {key: row[key] for key in ("pattern", "extract", "tag")}
    try:
        regexp = compile_pattern(row["pattern"])
    except InvalidPattern as err:
        error = f"invalid regular expression pattern '{row['pattern']}': {err}"
        return {**answer, "matched": False, "error": error}
    found = regexp.find_all([row["tag"]])
    if not found:
        return {**answer, "matched": False}
    text = parse_expansion(row["extract"], regexp).expand_all(found)[0] if row["extract"] else row["tag"]
    return {**answer, "matched": True, **({"result": text} if text else {})}


@each_row(patterns(), by_pattern)
def test_pattern_matches_and_extracts_as_captured(rows: list[dict[str, Any]]) -> None:
    assert [extracted(row) for row in rows] == rows


@each_row(patterns(), by_pattern)
def test_pattern_matches_many_tags_as_it_matches_one(rows: list[dict[str, Any]]) -> None:
    tags = [row["tag"] for row in rows]
    if any("error" in row for row in rows):
        with pytest.raises(InvalidFilter):
            check(TagPolicy(AlphabeticalRule(), FilterTags(rows[0]["pattern"])))
    else:
        matched = [row["tag"] for row in rows if row["matched"]]
        assert [match[0] for match in compile_pattern(rows[0]["pattern"]).find_all(tags)] == matched
