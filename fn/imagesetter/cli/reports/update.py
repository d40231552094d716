"""The result of an update: the value from which every report is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from imagesetter.fields.field import split_image
from imagesetter.flux.markers import PolicyName
from imagesetter.update.files import FileUpdates
from imagesetter.update.plan import Change, summary
from krm_functions.result import Result


@dataclass(frozen=True, slots=True)
class Links:
    """Links for one change; each is empty if the labels do not give it."""

    source: str = ""
    revision: str = ""
    commit: str = ""
    compare: str = ""


Move = tuple[PolicyName, str, str]
"""A policy, and the old and the new tag of its image."""


def move_of(change: Change) -> Move:
    """The key of a change's links: fields of a policy with the same old and new tag share their links."""
    part, old = change.field.marker.part, change.old
    tag = old.partition("@")[0] if part == "tag" and not change.field.parts else split_image(old)[1] if not part else ""
    return change.field.marker.policy, tag, change.ref.tag


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """An update that was written, refused, or only checked.

    ``problems`` are all results of the run, including those of writing files; ``diffs`` (all changes as one unified
    diff) and ``links`` are present if requested; ``refused`` says that an error prevented all writing.
    """

    outcome: FileUpdates
    problems: tuple[Result, ...]
    written: bool
    diffs: str = ""
    links: Mapping[Move, Links] = field(default_factory=dict)
    refused: bool = False

    @property
    def held_back(self) -> list[Result]:
        """Warnings, errors and notes to look at: errors first, otherwise in the order in which they were found."""
        found = [each for each in self.problems if each.severity != "info" or each in self.outcome.results]
        return sorted(found, key=lambda result: result.severity != "error")

    @property
    def closing(self) -> Result:
        """The number of changed fields, and of fields that were up to date."""
        return summary(len(self.outcome.changes), self.outcome.unchanged, would=not self.written)

    @property
    def closing_line(self) -> str:
        """The same as text, with the number of files read."""
        files = self.outcome.files
        errors = sum(result.severity == "error" for result in self.problems)
        refused = "; nothing was written" if self.refused else ""
        counted = f"; {errors} error{'' if errors == 1 else 's'}" if errors else ""
        return f"{self.closing.message} ({files} file{'' if files == 1 else 's'} read){refused}{counted}"

    def links_of(self, change: Change) -> Links | None:
        """The links of a change; None if not requested."""
        if not self.links:
            return None
        return self.links.get(move_of(change))


def grouped(changes: Iterable[Change]) -> list[list[Change]]:
    """The changes by image and policy; images, and the policies of each, are in the order in which they were found."""
    images: dict[str, dict[str, list[Change]]] = {}
    for change in changes:
        by_policy = images.setdefault(change.ref.name, {})
        by_policy.setdefault(str(change.field.marker.policy), []).append(change)
    return [group for by_policy in images.values() for group in by_policy.values()]
