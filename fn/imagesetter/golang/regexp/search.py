"""Where matches are: what ``FindAll``, ``ReplaceAll`` and ``Split`` of Go's ``regexp`` need beyond `Regexp`.

The pattern is read, and refused, by `pattern`; here RE2, or Python's engine where that is missing and the pattern
is plain, is asked again and again from a given place on, with what is before it in view, so that ``^`` and ``\\b``
mean the same everywhere. An empty match right behind another match does not count (Go 1.26 ``regexp``, allMatches and
replaceAll).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault, InvalidExpansion, InvalidPattern, LimitReached, PatternNeedsRe2
from imagesetter.golang.regexp.expand import parse_expansion
from imagesetter.golang.regexp.pattern import TEXTS_FOR_RE2, Regexp, compile_pattern, compile_re2, needs_re2
from imagesetter.golang.regexp.plain import MAX_LINE, PlainRegexp
from imagesetter.golang.strings import decode, encode

Spans = Sequence[tuple[int, int]]
"""Where the match and each of its groups are, in bytes; (-1, -1) for a group that took no part."""

_PLAIN_SIZE = 8192
"""What a plain pattern costs for each byte, in RE2's measure: Python's engine may take the square of the length."""


class SearchPattern:
    """A compiled pattern."""

    __slots__ = ("_match", "_program_size", "source")

    def __init__(self, source: Regexp, match: Callable[[bytes, int], Spans | None], program_size: int) -> None:
        self.source = source
        self._match = match
        self._program_size = program_size

    def search(self, budget: Budget, data: bytes, at: int = 0) -> Spans | None:
        """The leftmost match that begins at that place or behind it."""
        # At worst RE2 goes through its program for each byte up to the end of the text; that must not be free.
        budget.step()
        budget.charge((len(data) - at) * self._program_size >> 6)
        return self._match(data, at)

    def find_all(self, budget: Budget, data: bytes, limit: int) -> Iterator[tuple[int, int]]:
        """All matches, at most *limit* unless that is negative."""
        at, previous, found = 0, -1, 0
        while at <= len(data) and found != limit:
            spans = self.search(budget, data, at)
            if spans is None:
                return
            start, end = spans[0]
            if end != at or start != previous:
                found += 1
                yield start, end
            at = end if end > at else at + _width(data, at)
            previous = end

    def replace_all(self, budget: Budget, data: bytes, expand: Callable[[Spans], bytes]) -> bytes:
        """The text with each match replaced by what *expand* makes of it."""
        out: list[bytes] = []
        at = last = 0
        while at <= len(data):
            spans = self.search(budget, data, at)
            if spans is None:
                break
            start, end = spans[0]
            out.append(data[last:start])
            if end > last or start == 0:
                new = expand(spans)
                budget.size(len(new))
                out.append(new)
            last = end
            at = max(end, at + _width(data, at))
        out.append(data[last:])
        return b"".join(out)

    def expander(self, replacement: str, data: bytes) -> Callable[[Spans], bytes]:
        """What ``$1`` and ``${name}`` in a replacement make of a match.

        Raises:
            LimitReached: more text or groups than `expand` allows.
        """
        try:
            template = parse_expansion(replacement, self.source)
        except InvalidExpansion as err:
            raise LimitReached("the template replaces by a text that is too long or has too many groups") from err

        def expand(spans: Spans) -> bytes:
            groups = [None if start < 0 else decode(data[start:end]) for start, end in spans]
            return encode(template.expand_all([("", *groups)])[0])

        return expand


def _width(data: bytes, at: int) -> int:
    """The length of the character there; 1 at the end."""
    if at >= len(data) or data[at] < 0xC0:
        return 1
    return 2 if data[at] < 0xE0 else 3 if data[at] < 0xF0 else 4


def compile_search(budget: Budget, pattern: str) -> SearchPattern:
    """Compile a pattern.

    Raises:
        Fault: in Go's words.
        PatternNeedsRe2: google-re2 is not installed.
    """
    budget.compilation(pattern)
    return _compiled(pattern)


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> SearchPattern:
    try:
        source = compile_pattern(pattern)
        compiled = compile_re2(pattern)
    except PatternNeedsRe2:
        source = compile_pattern(pattern)
        if source.plain is None:
            raise
        return SearchPattern(source, partial(_search_plain, source, source.plain), _PLAIN_SIZE)
    except InvalidPattern as err:
        raise Fault(str(err)) from err

    def match(data: bytes, start: int) -> Spans | None:
        found = compiled.search(data, start)
        return None if found is None else [found.span(group) for group in range(compiled.groups + 1)]

    return SearchPattern(source, match, compiled.programsize)


def _search_plain(source: Regexp, plain: PlainRegexp, data: bytes, start: int) -> Spans | None:
    """The same for a plain pattern where google-re2 is missing, in the texts that are plain too."""
    if len(data) > MAX_LINE or b"\n" in data or not data.isascii():
        raise needs_re2(source.pattern, TEXTS_FOR_RE2)
    found = plain.search(data.decode("ascii"), start)
    return None if found is None else [found.span(group) for group in range(found.re.groups + 1)]
