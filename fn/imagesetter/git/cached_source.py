"""The answers of an automation's run, for all of its tries and commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imagesetter.fields.digests import FieldDigests
from imagesetter.flux.markers import PolicyName
from imagesetter.selection.sources import LatestRefSource, Resolution

Answers = dict[PolicyName, tuple[object, Resolution]]
"""The answer for each policy, and what its fields said about digests when it was asked for."""


@dataclass(frozen=True, slots=True)
class CachedSource:
    """A source that resolves each policy once, however often a push is retried.

    A policy is resolved again if its fields have other digests than before: somebody pushed a pin meanwhile, or took
    one away.
    """

    source: LatestRefSource
    digests: FieldDigests
    known: Answers

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """See `LatestRefSource.answers`."""
        held = {name: self.digests.of(name) for name in names}
        missing = [name for name, digests in held.items() if name not in self.known or self.known[name][0] != digests]
        if missing:
            self.known.update((name, (held[name], answer)) for name, answer in self.source.answers(missing).items())
        return {name: self.known[name][1] for name in held}
