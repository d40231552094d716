"""The ranking of the semver kind; a module by itself, since a run that only hashes policies needs no ranges."""

from __future__ import annotations

from imagesetter.errors import InvalidPolicy, NothingSelected
from imagesetter.golang.errors import InvalidConstraint
from imagesetter.golang.semver.bulk import Row, VersionList
from imagesetter.golang.semver.constraints import Constraints, parse_constraints
from imagesetter.golang.semver.version import Version, compare_keys, parse_tag
from imagesetter.policy.rule import Keys
from krm_functions.errors import InputError


def semver_ranker(text: str) -> SemverRanker:
    """The ranker of a range.

    Raises:
        InvalidPolicy: the range is not valid; the message is Masterminds'.
    """
    try:
        return SemverRanker(parse_constraints(text))
    except InvalidConstraint as err:
        raise InvalidPolicy(err.what, hint=err.hint) from err


class SemverRanker:
    """The highest version in a range; of equal versions, the last tag in byte order."""

    __slots__ = ("wanted",)

    def __init__(self, wanted: Constraints) -> None:
        self.wanted = wanted

    def best(self, keys: Keys) -> str:
        """The tag of the highest version."""
        return max(self._rows(keys, all_of_them=False))[-1]

    def rank(self, keys: Keys) -> list[str]:
        """The tags of all versions in the range, highest first."""
        return [row[-1] for row in sorted(self._rows(keys, all_of_them=True), reverse=True)]

    def compare(self, a: str, b: str) -> int | None:
        """Compare by version, whether it is in the range or not."""
        try:
            return compare_keys(parse_tag(a).key, parse_tag(b).key)
        except InputError:
            return None

    def outside(self, text: str) -> str:
        """Why a version is not in the range."""
        wanted, version = self.wanted, parse_tag(text)
        if wanted.admits(version):
            return ""
        if version.prerelease and not wanted.prerelease_groups:
            if wanted.admits(Version(version.major, version.minor, version.patch)):
                return f"{version} is a prerelease, which {wanted} does not allow; a range such as >=1.0.0-0 does"
            return f"{version} is a prerelease, and its release is not in {wanted} either"
        if len(wanted.groups) > 1:
            return f"{version} is not in any part of {wanted}"
        [group] = wanted.groups
        failed = " and ".join(str(item) for item in group.comparators if not item.admits(version.key))
        return f"{version} is not {failed}"

    def _rows(self, keys: Keys, *, all_of_them: bool) -> list[Row]:
        """The versions in the range, with their tags: all of them, or at least the highest.

        Raises:
            NothingSelected: no version is in the range.
        """
        versions = VersionList(keys.texts, keys.tag, self.wanted)
        rows = versions.rows(all_of_them=all_of_them)
        if not rows:
            hint = self._advice(versions)
            raise NothingSelected("unable to determine latest version from provided list", hint=hint)
        return rows

    def _advice(self, found: VersionList) -> str:
        versions = found.versions()
        if not versions:
            none = "no tag is a version with two dots, such as 1.2.3"
            return f"{none}; filterTags.extract can extract a version from a tag"
        count = "1 tag is a version" if len(versions) == 1 else f"{len(versions)} tags are versions"
        advice = f"{count}, but none is in the range {self.wanted}"
        if any(version.prerelease for version in versions) and not self.wanted.prerelease_groups:
            advice += "; prereleases are selected only if the range names one, as >=1.0.0-0 does"
        return advice
