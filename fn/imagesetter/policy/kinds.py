"""The policy kinds: each is one module of this package and one entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import Rule
from imagesetter.policy.semver import SemverRule

KINDS: tuple[type[Rule], ...] = (SemverRule, AlphabeticalRule, NumericalRule)
"""In Flux's order: of several in one policy the first counts (``internal/policy/factory.go``)."""

NAMES = tuple(kind.kind for kind in KINDS)


def listed(conjunction: str, form: str = "{}") -> str:
    """The kinds' names in a sentence: ``semver, alphabetical or numerical``."""
    *names, last = (form.format(name) for name in NAMES)
    return f"{', '.join(names)} {conjunction} {last}"


def chosen(choice: object) -> tuple[type[Rule], Mapping[str, Any]] | None:
    """The kind that counts in ``spec.policy`` as loaded, with its fields; nothing is validated."""
    if isinstance(choice, Mapping):
        for kind in KINDS:
            if isinstance(fields := choice.get(kind.kind), Mapping):
                return kind, fields
    return None


def unchecked_rule(choice: object) -> Rule | None:
    """The rule in ``spec.policy`` as loaded, with defaults filled in; nothing is validated."""
    found = chosen(choice)
    if found is None:
        return None
    kind, fields = found
    return kind(kind.argument.normalized(str(fields.get(kind.argument.name) or "")))
