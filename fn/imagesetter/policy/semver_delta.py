"""How far one tag is from another, in the terms of Semantic Versioning, by the library ``semver``.

The library only names the step of a change, in reports. What a policy selects, why, and what is a downgrade, is decided
with `imagesetter.golang.semver.version`, since Flux parses versions with Masterminds/semver 3, which also accepts a
``v`` in front, leading zeros (``1.02.3``) and a missing patch number before a prerelease, and rejects numbers above 64
bits. For such tags the library would contradict the selection (`tests/policy/test_delta.py` has the table). If both
accept two versions, they order them the same, with one exception: Masterminds treats a number above 64 bits in a
prerelease as a word, which is higher than every number. The library takes 69 ms to import, so only a report that shows
a step imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Step = Literal["major", "minor", "patch", "prerelease", "build", "digest", "name", "changed"]
_PARTS: Final[tuple[Step, ...]] = ("major", "minor", "patch", "prerelease", "build")


@dataclass(frozen=True, slots=True)
class Delta:
    """The first part in which two images differ, and whether the new version is lower.

    ``digest`` and ``name`` are for images whose tag stays the same; ``changed`` is for tags that are not versions.
    """

    step: Step
    downgrade: bool = False

    def __str__(self) -> str:
        return f"{self.step}, down" if self.downgrade else self.step


def between(old: str, new: str) -> Delta:
    """The step between two tags; ignores a leading ``v`` and missing minor and patch numbers."""
    from semver import Version  # slower to import than all policies together, and only reports need it

    try:
        before, after = (Version.parse(tag.removeprefix("v"), optional_minor_and_patch=True) for tag in (old, new))
    except ValueError:  # not a version, or its numbers are too long
        return Delta("changed")
    for part in _PARTS:
        if getattr(before, part) != getattr(after, part):
            return Delta(part, after < before)
    return Delta("changed")
