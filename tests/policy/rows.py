"""The captured answers about versions, ranges, filters and policies, and policies as they stand there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import Rule
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy

ORACLE = Path(__file__).resolve().parents[1] / "oracle"


def load(name: str) -> dict[str, Any]:
    return json.loads((ORACLE / name).read_text(encoding="utf-8"))


def rule_of(choice: dict[str, Any]) -> Rule | None:
    """Of several rules Flux takes the first in this order."""
    if "semver" in choice:
        return SemverRule(choice["semver"]["range"])
    if "alphabetical" in choice:
        return AlphabeticalRule(choice["alphabetical"]["order"])
    if "numerical" in choice:
        return NumericalRule(choice["numerical"]["order"])
    return None


def policy_of(case: dict[str, Any]) -> TagPolicy:
    filter_tags = case.get("filterTags")
    return TagPolicy(
        rule=rule_of(case["policy"]),
        filter_tags=FilterTags(**filter_tags) if filter_tags is not None else None,
        exclusion_list=tuple(case.get("exclusionList", ())),
    )
