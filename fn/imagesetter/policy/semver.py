"""The semver kind (Flux: image-reflector-controller ``internal/policy/semver.go``). Departures from Flux: none."""

from __future__ import annotations

from imagesetter.golang.semver.version import parse_tag
from imagesetter.policy.rule import Argument, Ranker, Rule
from krm_functions.errors import InputError


class SemverRule(Rule):
    """The highest semantic version in a range, which has the grammar of Masterminds/semver 3."""

    __slots__ = ()
    kind = "semver"
    argument = Argument("range", "SemVerPolicy", "A Masterminds/semver range.")
    summary = "select the highest version in this range"
    noun = "version"
    tie = "last"
    skips_unreadable = True

    def problem(self, text: str) -> str:
        """Why it is not a version: Flux requires two dots; the other reasons are Masterminds'."""
        if text.count(".") < 2:
            return "Flux requires two dots, as in 1.2.3"
        try:
            parse_tag(text)
        except InputError as err:
            return str(err)
        return ""

    def ranker(self) -> Ranker:
        """The ranker of the rule's range."""
        from imagesetter.policy.semver_ranker import semver_ranker

        return semver_ranker(self.value)
