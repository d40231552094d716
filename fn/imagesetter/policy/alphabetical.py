"""The alphabetical kind (Flux: image-reflector-controller ``internal/policy/alphabetical.go``). Departures: none."""

from __future__ import annotations

from imagesetter.policy.rule import Keys, OrderedRule


class AlphabeticalRule(OrderedRule):
    """The last tag in byte order (``asc``), or the first (``desc``)."""

    __slots__ = ()
    kind = "alphabetical"
    summary = "select the last (asc) or first (desc) tag in byte order"
    noun = "text"
    reads_any_text = True

    def problem(self, text: str) -> str:
        """Empty: every text can be ranked."""
        return ""

    def ranker(self) -> AlphabeticalRanker:
        """The rule with its order validated."""
        return AlphabeticalRanker(descending=self.descending)


class AlphabeticalRanker:
    """The last text in byte order, or the first if *descending*. Characters order as their UTF-8 does."""

    __slots__ = ("descending",)

    def __init__(self, *, descending: bool) -> None:
        self.descending = descending

    def best(self, keys: Keys) -> str:
        """The tag of the last text, or of the first if descending."""
        return keys.tag(min(keys.texts) if self.descending else max(keys.texts))

    def rank(self, keys: Keys) -> list[str]:
        """All tags."""
        return [keys.tag(text) for text in sorted(keys.texts, reverse=not self.descending)]

    def compare(self, a: str, b: str) -> int:
        """Compare the texts in byte order."""
        above = int(a > b) - int(a < b)
        return -above if self.descending else above

    def outside(self, text: str) -> str:
        """Every text is a candidate."""
        return ""
