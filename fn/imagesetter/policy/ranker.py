"""What a rule is asked, once it is compiled: the best of some texts, and their order.

Flux walks over the tags sorted descending by their bytes, and that order settles ties: semver keeps the first of equal
versions, so the last tag in byte order wins; numerical takes the last of equal numbers, so the first tag in byte order
wins. With filterTags Flux walks in random order; here it is always the order of the tags that the texts stand for, so
that the same tags give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Keys:
    """The texts that a rule reads: tags, or what filterTags.extract makes of them.

    Args:
        texts: at least one. Only tags themselves may stand here twice.
        tag: the tag that a text stands for.
    """

    texts: Sequence[str]
    tag: Callable[[str], str]

    @classmethod
    def of_tags(cls, tags: Sequence[str]) -> Keys:
        """Tags that are read as they are."""
        return cls(tags, str)

    @classmethod
    def of_texts(cls, tags: Mapping[str, str]) -> Keys:
        """Texts, each with the tag that it stands for."""
        return cls(list(tags), tags.__getitem__)


class Ranker(Protocol):
    """A rule, ready to be asked. Tags that the rule cannot rank are passed over, or raise as Flux would."""

    def best(self, keys: Keys) -> str:
        """The tag that is chosen."""

    def rank(self, keys: Keys) -> list[str]:
        """The tags that may be chosen, each before those that would be chosen if it were gone."""

    def compare(self, a: str, b: str) -> int | None:
        """1 if the text *a* ranks above *b*, -1 if below, 0 if neither; ``None`` if one of them cannot be ranked."""
