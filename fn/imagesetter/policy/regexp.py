r"""Go regular expressions for filterTags and exclusion lists, on RE2, which takes linear time whatever the pattern is.

Go's ``regexp`` and RE2 share their syntax; the two differences that were measured are refused up front: ``\C``, and
group names that are not ASCII. A pattern is searched for, leftmost, anywhere in the tag, as Flux does it.

Departures from Go, both bounds against hostile patterns: a pattern longer than :data:`MAX_PATTERN_BYTES`, and one whose
program needs more than :data:`MAX_MEMORY`, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from imagesetter.errors import InvalidFilter

MAX_PATTERN_BYTES = 4096
MAX_MEMORY = 8 << 20

Spans = Sequence[tuple[int, int]]
"""Where the match and each of its groups lie, in bytes of UTF-8; ``(-1, -1)`` for a group that took no part."""

# Go's words for what RE2 calls otherwise.
_GO_WORDS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}
_HINTS = (
    (re.compile(r"\(\?<?[=!]"), "look-around is not in Go's RE2 syntax; leave tags out with a narrower pattern"),
    (re.compile(r"\\[1-9]|\(\?P="), "back-references are not in Go's RE2 syntax"),
    (re.compile(r"\(\?>|[*+?}]\+"), "atomic groups and possessive quantifiers are not in Go's RE2 syntax"),
    (re.compile(r"\\Z"), r"end of text is \z or $ in Go's RE2 syntax"),
)
_SYNTAX = "the syntax is that of Go's regexp package: https://pkg.go.dev/regexp/syntax"

# What the places of groups depend on: quoted text, escapes, character classes, opening parentheses.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|(?P<any_byte>\\C)|\\."
    r"|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*"
    r"|\(\?P?<(?P<name>[^>]*)>|\(\?|(?P<group>\()",
    re.DOTALL,
)
_GROUP_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Regexp:
    """A compiled pattern.

    Args:
        pattern: as written.
        names: the name of every group, "" for those without; the first is the whole match.
        match: RE2's leftmost match between two offsets of a text in UTF-8; all spans are (-1, -1) when there is none.
    """

    pattern: str
    names: tuple[str, ...]
    match: Callable[[bytes, int, int], Spans]

    def search(self, text: str) -> Spans | None:
        """The leftmost match in *text*, or ``None``."""
        for _, _, spans in self.search_all([text]):
            return spans
        return None

    def search_all(self, texts: Iterable[str]) -> list[tuple[str, bytes, Spans]]:
        """The texts that hold a match, each with itself in UTF-8 and the leftmost match."""
        match = self.match
        return [
            (text, data, spans)
            for text in texts
            if (spans := match(data := text.encode("utf-8", "replace"), 0, len(data)))[0][0] >= 0
        ]


@lru_cache(maxsize=128)
def compile_pattern(pattern: str) -> Regexp:
    """Compile a pattern as Go would.

    Raises:
        InvalidFilter: with Go's words after ``error parsing regexp:``.
    """
    import re2

    if len(pattern) > MAX_PATTERN_BYTES or len(pattern.encode(errors="replace")) > MAX_PATTERN_BYTES:
        raise InvalidFilter(
            f"error parsing regexp: expression too large: `{pattern[:40]}…`",
            hint=f"imagesetter takes patterns up to {MAX_PATTERN_BYTES} bytes",
        )
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except UnicodeEncodeError as err:
        raise _refused(pattern, "invalid UTF-8", pattern) from err
    except re2.error as err:
        reason, _, part = err.args[0].decode(errors="replace").partition(": ")
        if part in ("(?<=", "(?<!"):  # Go takes a look-behind for the beginning of a group name
            before, bracket, _ = pattern[pattern.index(part) :].partition(">")
            reason, part = "invalid named capture", before + bracket
        raise _refused(pattern, _GO_WORDS.get(reason, reason), part) from err
    return Regexp(pattern, _group_names(pattern), _matcher(compiled))


def _group_names(pattern: str) -> tuple[str, ...]:
    names = [""]
    for token in _TOKEN.finditer(pattern):
        if token["any_byte"]:
            raise _refused(pattern, "invalid escape sequence", token[0])
        if token["name"] is not None:
            if not _GROUP_NAME.fullmatch(token["name"]):
                raise _refused(pattern, "invalid named capture", token[0])
            names.append(token["name"])
        elif token["group"]:
            names.append("")
    return tuple(names)


def _refused(pattern: str, reason: str, part: str) -> InvalidFilter:
    hint = next((hint for construct, hint in _HINTS if construct.search(pattern)), _SYNTAX)
    return InvalidFilter(f"error parsing regexp: {reason}: `{part}`", hint=hint)


def _matcher(compiled: Any) -> Callable[[bytes, int, int], Spans]:
    """RE2's own match, without the match object that google-re2 builds around it: a third of the time."""
    from re2 import _re2

    return partial(compiled._regexp.Match, _re2.RE2.Anchor.UNANCHORED)
