"""Texts that a pattern matches, so that a rule can try a policy instead of guessing from its text.

Python's own parser reads the pattern (Go's spelling of groups apart), and each construct gives a few texts. Whoever
uses them asks the policy itself whether a text matches, so a text that does not is harmless. A pattern that Python
cannot read gives none.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, product
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

_MOST = 400
_NUMBERS = ("1", "12", "9", "2026")
_ANY = ("", "1.2.3", "x", "1")


class Samples(NamedTuple):
    """Some texts, and whether parts of the pattern match anything, so that there are texts of quite another kind."""

    texts: tuple[str, ...]
    open: bool


@lru_cache(maxsize=512)
def samples(pattern: str) -> Samples:
    """Texts for a Go pattern; none where Python's parser cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = sre_parser.parse(pattern.replace("(?<", "(?P<").replace(r"\z", r"\Z"))
        state = _State()
        found = list(dict.fromkeys(islice(state.sequence(list(parsed)), _MOST)))
    except (re.error, RecursionError, NotImplementedError, OverflowError):
        return Samples((), open=True)
    texts = list(found)
    if not pattern.lstrip("(").startswith("^"):
        state.open = True
        texts += [f"{begin}{text}" for begin in ("1.2.3", "v1.2.3") for text in found]
    if not pattern.rstrip(")").endswith("$"):
        state.open = True
        texts += [f"{text}{end}" for end in ("-x", ".1", "1") for text in found]
    return Samples(tuple(dict.fromkeys(texts))[:_MOST], state.open)


class _State:
    def __init__(self) -> None:
        self.open = False

    def sequence(self, tokens: Sequence[tuple[Any, Any]]) -> Iterator[str]:
        parts = [list(islice(dict.fromkeys(self.token(*token)), 6)) for token in tokens]
        # Both ways round: whichever part varies last hardly varies at all among the first texts.
        yield from islice(("".join(chosen) for chosen in product(*parts)), _MOST // 2)
        yield from islice(("".join(reversed(chosen)) for chosen in product(*reversed(parts))), _MOST // 2)

    def token(self, kind: Any, value: Any) -> Iterator[str]:
        if kind is sre.LITERAL:
            yield chr(value)
        elif kind in (sre.ANY, sre.NOT_LITERAL):
            self.open = True
            yield "1"
        elif kind is sre.IN:
            yield from self._class(value)
        elif kind is sre.AT:
            yield ""
        elif kind is sre.BRANCH:
            for branch in value[1]:
                yield from islice(self.sequence(list(branch)), 4)
        elif kind is sre.SUBPATTERN:
            yield from self.sequence(list(value[-1]))
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            yield from self._repeated(*value)
        else:
            raise NotImplementedError

    def _class(self, items: Sequence[tuple[Any, Any]]) -> Iterator[str]:
        members = _members(items)
        if members is None:
            self.open = True
            yield "1"
        else:
            yield from sorted({min(members), max(members), *(members & set("19a"))})

    def _repeated(self, least: int, most: int, tokens: Sequence[tuple[Any, Any]]) -> Iterator[str]:
        token: tuple[Any, Any] = tokens[0] if len(tokens) == 1 else (None, ())
        members = _members(token[1]) if token[0] is sre.IN else None
        if least == 0:
            yield ""
        if token[0] in (sre.ANY, sre.NOT_LITERAL) or (token[0] is sre.IN and members is None):
            self.open = True
            yield from (text for text in _ANY if least <= len(text) <= most)
        elif members is not None:
            texts = [*_NUMBERS, "1.2.3", "1.2", "0a1b2c3", "abc", "x"]
            fitting = [text for text in texts if set(text) <= members and least <= len(text) <= most]
            yield from fitting or [sorted(members)[0] * max(least, 1)]
        else:
            inner = list(islice(self.sequence(list(tokens)), 4))
            first = max(least, 1)
            for count in sorted({min(most, first + more) for more in range(3)}):
                yield from (text * count for text in inner)


def _members(items: Sequence[tuple[Any, Any]]) -> set[str] | None:
    """The printable ASCII characters of a class; None where it excludes some."""
    found: set[str] = set()
    for kind, value in items:
        if kind is sre.LITERAL:
            found.add(chr(value))
        elif kind is sre.RANGE:
            found |= {chr(number) for number in range(value[0], min(value[1], 126) + 1)}
        elif kind is sre.CATEGORY and value is sre.CATEGORY_DIGIT:
            found |= set("0123456789")
        else:
            return None
    return found or None
