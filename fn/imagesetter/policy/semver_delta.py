"""How far one tag is from another, in the words of Semantic Versioning, by the library ``semver``.

The library reads Semantic Versioning 2.0.0; Flux's rules read versions as Masterminds/semver 3 does, which also takes
leading zeros (``1.02.3``) and refuses numbers beyond 64 bits. Where both read two versions they order them alike, but
for a number beyond 64 bits in a prerelease: to Masterminds that is a word, above every number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Step = Literal["major", "minor", "patch", "prerelease", "build", "digest", "name", "changed"]
_PARTS: Final[tuple[Step, ...]] = ("major", "minor", "patch", "prerelease", "build")


@dataclass(frozen=True, slots=True)
class Delta:
    """The first part in which two images differ, and whether the new version is the lower.

    ``digest`` and ``name`` are for images whose tag stays; ``changed`` is for tags that are no versions.
    """

    step: Step
    downgrade: bool = False

    def __str__(self) -> str:
        return f"{self.step}, down" if self.downgrade else self.step


def between(old: str, new: str) -> Delta:
    """The step between two tags; a ``v`` in front and missing minor and patch numbers make no difference."""
    from semver import Version  # takes longer to import than every policy, and only reports need it

    try:
        before, after = (Version.parse(tag.removeprefix("v"), optional_minor_and_patch=True) for tag in (old, new))
    except ValueError:  # not a version, or one with numbers too long to be one
        return Delta("changed")
    for part in _PARTS:
        if getattr(before, part) != getattr(after, part):
            return Delta(part, after < before)
    return Delta("changed")
