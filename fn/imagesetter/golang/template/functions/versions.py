"""The versions that ``semver`` gives a template (github.com/Masterminds/semver v3.5.0 ``Version``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagesetter.golang.errors import Fault
from imagesetter.golang.semver.version import MAX_NUMBER, Version, compare_keys
from imagesetter.golang.values import STRING, UINT64, Method, StructField, Type, Uint64

SEMVER_VALUE = Type("semver.Version", "struct", string="text")
SEMVER = Type("*semver.Version", "ptr", string="text")


@dataclass(frozen=True, slots=True)
class SemverValue:
    """A version as ``IncPatch`` and its kin give it: a struct, on which fewer methods can be called."""

    version: Version
    go_type: ClassVar[Type] = SEMVER_VALUE

    @property
    def text(self) -> str:
        """``String()``: in full (``1.2`` is ``1.2.0``)."""
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

    def increased(self, part: str) -> SemverValue:
        """The next version of this part; a prerelease's next patch is its release."""
        now = self.version
        if getattr(now, part) == MAX_NUMBER and not (part == "patch" and now.prerelease):
            raise Fault(f"{part} version increment would overflow uint64")
        numbers = {
            "major": (now.major + 1, 0, 0),
            "minor": (now.major, now.minor + 1, 0),
            "patch": (now.major, now.minor, now.patch + (not now.prerelease)),
        }[part]
        prefix = "v" if now.original.startswith("v") else ""
        return SemverValue(Version(*numbers, original=f"{prefix}{Version(*numbers)}"))


@dataclass(frozen=True, slots=True, eq=False)
class VersionPointer(SemverValue):
    """A version as ``semver`` gives it: a pointer, equal only to itself."""

    go_type: ClassVar[Type] = SEMVER

    def compare(self, other: VersionPointer) -> int:
        """-1, 0 or 1."""
        return compare_keys(self.version.key, other.version.key)


def _increase(part: str) -> Method:
    return Method(lambda version: version.increased(part))


SEMVER_VALUE.fields = SEMVER.fields = (
    StructField("major", "major", UINT64),
    StructField("minor", "minor", UINT64),
    StructField("patch", "patch", UINT64),
    StructField("pre", "prerelease", STRING),
    StructField("metadata", "metadata", STRING),
    StructField("original", "original", STRING),
)
SEMVER_VALUE.methods = {
    "Major": Method(lambda version: version.major),
    "Minor": Method(lambda version: version.minor),
    "Patch": Method(lambda version: version.patch),
    "Prerelease": Method(lambda version: version.prerelease),
    "Metadata": Method(lambda version: version.metadata),
    "String": Method(lambda version: version.text),
    "IncMajor": _increase("major"),
    "IncMinor": _increase("minor"),
    "IncPatch": _increase("patch"),
}
SEMVER.methods = {
    **SEMVER_VALUE.methods,
    "Original": Method(lambda version: version.original),
    "Compare": Method(lambda version, other: version.compare(other), (SEMVER,)),
    "Equal": Method(lambda version, other: version.compare(other) == 0, (SEMVER,)),
    "LessThan": Method(lambda version, other: version.compare(other) < 0, (SEMVER,)),
    "LessThanEqual": Method(lambda version, other: version.compare(other) <= 0, (SEMVER,)),
    "GreaterThan": Method(lambda version, other: version.compare(other) > 0, (SEMVER,)),
    "GreaterThanEqual": Method(lambda version, other: version.compare(other) >= 0, (SEMVER,)),
}
