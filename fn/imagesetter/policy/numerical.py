"""The numerical rule (image-reflector-controller ``internal/policy/numerical.go``).

Flux parses every tag as a float64 with ``strconv.ParseFloat``. Departures: numbers that are equal as float64 are
compared exactly, so that build 9007199254740993 is higher than build 9007199254740992; all other numbers have
Flux's order. With filterTags, an error always names the text of the last tag in byte order (Flux: of a random tag).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from operator import itemgetter
from typing import Any

from imagesetter.errors import NothingSelected
from imagesetter.golang.strconv import exact, parse_float
from imagesetter.policy.rule import Keys, OrderedRule
from krm_functions.errors import InputError
from krm_functions.messages import shown

_PLAIN_DIGITS = 300
"""A number with this many digits is within the limits of float64, even if not exactly."""


class NumericalRule(OrderedRule):
    """The largest number (``asc``), or the smallest (``desc``)."""

    __slots__ = ()
    kind = "numerical"
    summary = "select the largest (asc) or smallest (desc) number"
    noun = "number"

    def problem(self, text: str) -> str:
        """Why it is not a number, in Go's words."""
        try:
            _value(text)
        except InputError as err:
            return str(err)
        return ""

    def ranker(self) -> NumericalRanker:
        """The rule with its order validated."""
        return NumericalRanker(descending=self.descending)


class NumericalRanker:
    """The largest number, or the smallest if *descending*; of equal numbers, the first tag in byte order.

    A NaN is neither larger nor smaller than any number. Flux goes through the tags in descending byte order, and the
    tag after a NaN replaces it, so only the tags after the last NaN matter. It is the same here.
    """

    __slots__ = ("descending",)

    def __init__(self, *, descending: bool) -> None:
        self.descending = descending

    def best(self, keys: Keys) -> str:
        """The tag of the largest or the smallest number."""
        values = _values(keys)
        if None in values:
            return self._rank(keys, values)[0]
        best = min(values) if self.descending else max(values)
        if values.count(best) == 1:
            return keys.tag(keys.texts[values.index(best)])
        return min(keys.tag(text) for text, value in zip(keys.texts, values, strict=True) if value == best)

    def rank(self, keys: Keys) -> list[str]:
        """All tags."""
        return self._rank(keys, _values(keys))

    def compare(self, a: str, b: str) -> int | None:
        """Compare by value; NaN, and texts that are not numbers, cannot be ranked."""
        try:
            first, second = _value(a), _value(b)
        except InputError:
            return None
        if first is None or second is None:
            return None
        above = int(first > second) - int(first < second)
        return -above if self.descending else above

    def outside(self, text: str) -> str:
        """Every number is a candidate."""
        return ""

    def _rank(self, keys: Keys, values: Iterable[Any]) -> list[str]:
        rows = sorted(zip(map(keys.tag, keys.texts), values, strict=True), key=itemgetter(0))
        ranked: list[str] = []
        since_nan: list[tuple[str, Any]] = []
        for tag, value in rows:
            if value is None:
                ranked += [*self._sorted(since_nan), tag]
                since_nan = []
            else:
                since_nan.append((tag, value))
        return ranked + self._sorted(since_nan)

    def _sorted(self, rows: list[tuple[str, Any]]) -> list[str]:
        return [tag for tag, _ in sorted(rows, key=itemgetter(1), reverse=not self.descending)]


def _values(keys: Keys) -> list[Any]:
    """The value of each text, ``None`` for NaN. Compare only values from the same call."""
    texts = keys.texts
    digits = "".join(texts)
    if digits.isdecimal() and digits.isascii() and "" not in texts and len(max(texts, key=len)) <= _PLAIN_DIGITS:
        return list(map(int, texts))
    values: dict[str, Any] = {}
    for tag, text in sorted(((keys.tag(text), text) for text in texts), reverse=True):
        try:
            values[text] = _value(text)
        except InputError as err:
            raise NothingSelected(
                f"failed to parse invalid numeric value '{shown(text)}'",
                hint=("the tag" if text == tag else f"the text that filterTags.extract gives for the tag {shown(tag)}")
                + f" is not a number ({err}), and one such tag makes the policy fail; exclude such "
                "tags with filterTags.pattern, or extract the number with filterTags.extract",
            ) from err
    return [values[text] for text in texts]


def _value(text: str) -> tuple[float, Any] | None:
    number = parse_float(text)
    return None if isnan(number) else (number, exact(text, number))
