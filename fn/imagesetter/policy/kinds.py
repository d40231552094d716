"""The policy kinds: each is a module of this package, and an entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import Rule
from imagesetter.policy.semver import SemverRule

KINDS: tuple[type[Rule], ...] = (SemverRule, AlphabeticalRule, NumericalRule)
"""In Flux's order: if a policy has several kinds, the first is used (``internal/policy/factory.go``)."""

NAMES = tuple(kind.kind for kind in KINDS)


def listed(conjunction: str, form: str = "{}") -> str:
    """The kinds' names in a sentence: ``semver, alphabetical or numerical``."""
    *names, last = (form.format(name) for name in NAMES)
    return f"{', '.join(names)} {conjunction} {last}"


def chosen(choice: object) -> tuple[type[Rule], Mapping[str, Any]] | None:
    """The kind that is used of a loaded ``spec.policy``, with its fields; nothing is validated."""
    if isinstance(choice, Mapping):
        for kind in KINDS:
            if isinstance(fields := choice.get(kind.kind), Mapping):
                return kind, fields
    return None


def unchecked_rule(choice: object) -> Rule | None:
    """The rule of a loaded ``spec.policy``, with defaults filled in; nothing is validated."""
    found = chosen(choice)
    if found is None:
        return None
    kind, fields = found
    return kind(kind.argument.normalized(str(fields.get(kind.argument.name) or "")))
