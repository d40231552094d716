"""Every captured answer of Masterminds/semver and of Flux's version reader."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from imagesetter.errors import InvalidPolicy, NothingSelected
from imagesetter.golang.errors import InvalidConstraint
from imagesetter.golang.semver.constraints import parse_constraints
from imagesetter.golang.semver.version import parse_tag, parse_version
from imagesetter.policy.select import ranking, select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import InputError
from policy.rows import load

CAPTURED = load("semver.json")


def by(field: str, rows: list[dict[str, Any]]) -> list[Any]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[field]].append(row)
    return [pytest.param(key, group, id=repr(key[:40])) for key, group in groups.items()]


def parsed(read: Any, text: str) -> tuple[bool, str | None]:
    try:
        read(text)
    except InputError as err:
        return False, str(err)
    return True, None


@pytest.mark.parametrize("row", [pytest.param(row, id=repr(row["version"][:40])) for row in CAPTURED["versions"]])
def test_version_is_read_or_refused_as_captured(row: dict[str, Any]) -> None:
    assert parsed(parse_version, row["version"]) == (row["ok"], row.get("error"))
    assert parsed(parse_tag, row["version"]) == (row["flux_ok"], row.get("flux_error"))
    if row["ok"]:
        version = parse_version(row["version"])
        numbers = (row["major"], row["minor"], row["patch"])
        assert (version.major, version.minor, version.patch) == numbers
        assert (version.prerelease, version.metadata, str(version)) == (row["pre"], row["meta"], row["string"])


@pytest.mark.parametrize("row", [pytest.param(row, id=repr(row["constraint"][:40])) for row in CAPTURED["constraints"]])
def test_range_is_read_or_refused_as_captured(row: dict[str, Any]) -> None:
    if row["ok"]:
        assert str(parse_constraints(row["constraint"])) == row["string"]
    else:
        with pytest.raises(InvalidConstraint) as caught:
            parse_constraints(row["constraint"])
        assert str(caught.value) == row["error"]
        assert caught.value.hint


def verdict(constraint: str, version: str) -> str:
    try:
        wanted = parse_constraints(constraint)
    except InvalidConstraint:
        return "constraint_error"
    try:
        return str(wanted.admits(parse_version(version))).lower()
    except InputError:
        return "version_error"


@pytest.mark.parametrize(("constraint", "rows"), by("constraint", CAPTURED["checks"]))
def test_version_is_in_range_as_captured(constraint: str, rows: list[dict[str, Any]]) -> None:
    verdicts = {row["version"]: verdict(constraint, row["version"]) for row in rows}
    assert verdicts == {row["version"]: row["verdict"] for row in rows}


@pytest.mark.parametrize(("version", "rows"), by("a", CAPTURED["compare"]))
def test_versions_are_ordered_as_captured(version: str, rows: list[dict[str, Any]]) -> None:
    key = parse_version(version).key
    others = {row["b"]: parse_version(row["b"]).key for row in rows}
    assert {text: (key > other) - (key < other) for text, other in others.items()} == {r["b"]: r["cmp"] for r in rows}


@pytest.mark.parametrize(("constraint", "rows"), by("constraint", CAPTURED["checks"]))
def test_selection_reads_many_tags_as_it_reads_one(constraint: str, rows: list[dict[str, Any]]) -> None:
    policy = TagPolicy(SemverRule(constraint))
    admitted = [row["version"] for row in rows if row["verdict"] == "true" and row["version"].count(".") > 1]
    tags = [row["version"] for row in rows]
    if any(row["verdict"] == "constraint_error" for row in rows):
        with pytest.raises(InvalidPolicy):
            select(policy, tags)
    elif not admitted:
        with pytest.raises(NothingSelected):
            select(policy, tags)
    else:
        assert sorted(ranking(policy, tags)) == sorted(admitted)
        assert select(policy, tags) == max(admitted, key=lambda text: (parse_tag(text).key, text))
