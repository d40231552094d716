"""The version that ``semver`` gives a template (github.com/Masterminds/semver v3.5.0 ``*Version``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from imagesetter.flux.template.values import STRING, UINT64, Field, Method, Type, Uint64
from imagesetter.policy.version import Version

SEMVER = Type("*semver.Version", "ptr", string="text")


@dataclass(frozen=True, slots=True, eq=False)
class Semver:
    """A version; printed, it is in full (``1.2`` is ``1.2.0``)."""

    version: Version
    go_type: ClassVar[Type] = SEMVER

    @property
    def text(self) -> str:
        """``String()``."""
        return str(self.version)

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return str(self.version)

    @property
    def major(self) -> Uint64:
        """The first number."""
        return Uint64(self.version.major)

    @property
    def minor(self) -> Uint64:
        """The second number."""
        return Uint64(self.version.minor)

    @property
    def patch(self) -> Uint64:
        """The third number."""
        return Uint64(self.version.patch)

    @property
    def prerelease(self) -> str:
        """What follows the ``-``."""
        return self.version.prerelease

    @property
    def metadata(self) -> str:
        """What follows the ``+``."""
        return self.version.metadata

    @property
    def original(self) -> str:
        """The version as written."""
        return self.version.original

    def compare(self, other: Semver) -> int:
        """-1, 0 or 1."""
        return (self.version.key > other.version.key) - (self.version.key < other.version.key)

    def increased(self, part: str) -> Semver:
        """The next version of this part; a prerelease's next patch is its release."""
        now = self.version
        numbers = {
            "major": (now.major + 1, 0, 0),
            "minor": (now.major, now.minor + 1, 0),
            "patch": (now.major, now.minor, now.patch + (not now.prerelease)),
        }[part]
        major, minor, patch = numbers
        prefix = "v" if now.original.startswith("v") else ""
        following = Version(major, minor, patch)
        return Semver(replace(following, original=f"{prefix}{following}"))


def _increase(part: str) -> Method:
    return Method(lambda version: version.increased(part))


SEMVER.fields = (
    Field("major", "major", UINT64),
    Field("minor", "minor", UINT64),
    Field("patch", "patch", UINT64),
    Field("pre", "prerelease", STRING),
    Field("metadata", "metadata", STRING),
    Field("original", "original", STRING),
)
SEMVER.methods = {
    "Major": Method(lambda version: version.major),
    "Minor": Method(lambda version: version.minor),
    "Patch": Method(lambda version: version.patch),
    "Prerelease": Method(lambda version: version.prerelease),
    "Metadata": Method(lambda version: version.metadata),
    "Original": Method(lambda version: version.original),
    "String": Method(lambda version: version.text),
    "IncMajor": _increase("major"),
    "IncMinor": _increase("minor"),
    "IncPatch": _increase("patch"),
    "Compare": Method(lambda version, other: version.compare(other), (SEMVER,)),
    "Equal": Method(lambda version, other: version.compare(other) == 0, (SEMVER,)),
    "LessThan": Method(lambda version, other: version.compare(other) < 0, (SEMVER,)),
    "LessThanEqual": Method(lambda version, other: version.compare(other) <= 0, (SEMVER,)),
    "GreaterThan": Method(lambda version, other: version.compare(other) > 0, (SEMVER,)),
    "GreaterThanEqual": Method(lambda version, other: version.compare(other) >= 0, (SEMVER,)),
}
