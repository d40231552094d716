"""The alphabetical rule (Flux: image-reflector-controller ``internal/policy/alphabetical.go``). Departures: none."""

from __future__ import annotations

from dataclasses import dataclass

from imagesetter.golang.semver.version import compare_keys
from imagesetter.policy.ranker import Keys


@dataclass(frozen=True, slots=True)
class AlphabeticalRanker:
    """The last text in byte order, or the first if *descending*. Characters order as their UTF-8 does."""

    descending: bool

    def best(self, keys: Keys) -> str:
        """The tag of the last text, or of the first."""
        return keys.tag(min(keys.texts) if self.descending else max(keys.texts))

    def rank(self, keys: Keys) -> list[str]:
        """All tags."""
        return [keys.tag(text) for text in sorted(keys.texts, reverse=not self.descending)]

    def compare(self, a: str, b: str) -> int:
        """By the texts themselves."""
        return compare_keys(b, a) if self.descending else compare_keys(a, b)
