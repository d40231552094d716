"""How comments look in a text, and the names of the places where one can be.

yaml.v3 gives every node a head, a line and a foot comment, and kyaml's setters, hence Flux, read the line comment of
a scalar value, else its head comment. A *line comment* starts on the line on which the scalar ends, with nothing but
blanks and at most one comma (in a flow collection) between. A *head comment* is on a line of its own above; above
a mapping entry it belongs to the key, so it reaches a value only in a sequence.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Place = Literal[
    "line",  # the line comment of its scalar
    "head",  # the head comment of its scalar, an item of a block sequence
    "ambiguous-head",  # above a scalar; yaml.v3 sees a head comment of it in some contexts only
    "hidden",  # another comment of the same scalar takes precedence, or spoils this one
    "above",  # on a line of its own above a mapping entry, a collection or an alias
    "commented-out",  # on a line of its own, behind text: a line that was switched off together with its marker
    "key",  # behind the key of a mapping or sequence, behind that of a value on the next line, or behind a dash
    "collection",  # behind a flow collection, or behind one of its brackets
    "alias",  # behind an alias
    "empty",  # behind a key or dash that has no value
    "duplicate",  # behind the value of a key that the mapping has already; the first one counts
    "complex-key",  # inside a key that is itself a collection
    "directive",  # behind %, --- or ...
    "loose",  # near nothing: at the end, before a blank line, in a document of comments
    "unparsable",  # in a document that does not parse
]

BREAKS: Final = "\n\r\x85\u2028\u2029"
"""The characters that end a line for libyaml and yaml.v3; CR LF counts once."""
BREAK: Final = f"(?:\r\n|[{BREAKS}])"
"""One line end, as a regular expression."""

_BLANKS = "[ \t]*+"
_BLANK_LINES = f"[ \t{BREAKS}]*+"
_WORDS = f"#[^{BREAKS}]*+"
# Every repetition is possessive, so that no text, however made, costs more than its length. What few texts need is
# compiled (and kept by `re`) when one does: together they cost as much as reading a small list.
_BREAK = re.compile(f"[{BREAKS}]")
_BREAKS = re.compile(BREAK)
_SAME_LINE = re.compile(f"{_BLANKS}(?:,{_BLANKS})?({_WORDS})")
_BETWEEN = f"{_BLANKS}(?:{_BLANK_LINES},{_BLANKS})?"
_COLON = f"{_BLANKS}:{_BLANKS}"
_BELOW_KEY = rf"{BREAK}{_BLANKS}{_WORDS}{BREAK}\s*+:{_BLANKS}#"
_OWN = f"{_BLANKS}(?:#|{_BLANK_LINES},{_BLANKS}#)"
_SECOND = f"{_BLANK_LINES},{_BLANKS}#"
_COMMENT_BELOW = rf"(?:[ \t]*{BREAK})*(?P<indent> *)#[^{BREAKS}]*(?:{BREAK}|\Z)"
"""A comment on its own line, with the blank lines above it."""
_COMMENTED_OUT = rf"#++{_BLANKS}[^\s#{{][^#]*+#"
_HEADER = f"[|>][-+0-9]*+{_BLANKS}(?=#)"
_PROPERTIES = rf"(?:[&!]\S*+[ \t]++){{1,2}}(?={_WORDS})"
_NO_VALUE = rf"\s++|{_WORDS}|-(?=\s)|[&!]\S*+(?=\s)"


def line_end(text: str, index: int) -> int:
    """Where the line of an offset ends: the offset of its line break, or of the end of the text."""
    found = _BREAK.search(text, index)
    return found.start() if found else len(text)


def line_start(text: str, index: int, floor: int = 0) -> int:
    """Where the line of an offset starts, but not before ``floor``; costs no more than the line is long."""
    width = 256
    while True:
        low = max(floor, index - width)
        found = max(text.rfind(mark, low, index) for mark in BREAKS)
        if found >= 0 or low == floor:
            return max(found + 1, floor)
        width *= 8


def after_line(text: str, index: int) -> int:
    """Where the line after that of an offset starts; the offset itself, where it is a line's start."""
    if index and text[index - 1] in BREAKS and not text.startswith("\r\n", index - 1):
        return index
    found = _BREAKS.search(text, index)
    return found.end() if found else len(text)


def newline_of(text: str) -> str:
    """What ends the lines of a text: what ends its first one."""
    found = _BREAKS.search(text)
    return found[0] if found and found[0] in ("\n", "\r\n", "\r") else "\n"


def after_deeper_comments(text: str, start: int, column: int) -> int:
    """Behind the comments on lines of their own, from a line's start on, that are right of a column."""
    comment = re.compile(_COMMENT_BELOW)
    while (found := comment.match(text, start)) and len(found["indent"]) > column and found.end() > start:
        start = found.end()
    return start


def breaks_between(text: str, start: int, end: int) -> int:
    """How many lines end in a stretch of text; CR LF counts once."""
    return sum(1 for _ in _BREAKS.finditer(text, start, end)) if end > start else 0


def same_line(text: str, end: int) -> re.Match[str] | None:
    """The comment (group 1) on the line on which something ends, with nothing but blanks and a comma between."""
    return _SAME_LINE.match(text, end)


def follows(text: str, end: int, comment: int) -> bool:
    """Whether a comment is the line comment of what ends at ``end``: blanks between, and at most a comma."""
    return re.compile(_BETWEEN).fullmatch(text, end, comment) is not None


def follows_colon(text: str, end: int, comment: int) -> bool:
    """Whether nothing but the colon of a key that ends at ``end`` is before a comment."""
    return re.compile(_COLON).fullmatch(text, end, comment) is not None


def has_colon(text: str, end: int) -> bool:
    """Whether the colon of a key that ends at ``end`` is on the same line."""
    return re.compile(_COLON).match(text, end) is not None


def colon_comment(text: str, end: int, start: int, flow: bool) -> bool:
    """Whether a comment between a key ending at ``end`` and its value at ``start`` spoils the value's line comment.

    In a flow mapping one behind the colon does. In a block mapping the key gets it, unless it has one below already.
    """
    between = text[end:start]
    sharp = between.find("#")
    return sharp >= 0 and (
        follows_colon(between, 0, sharp) if flow else re.compile(_BELOW_KEY).search(between) is not None
    )


def has_line_comment(text: str, end: int) -> bool:
    """Whether a scalar that ends at ``end`` has a line comment."""
    return re.compile(_OWN).match(text, end) is not None


def has_second_comment(text: str, end: int) -> bool:
    """Whether a comment that ends at ``end`` is followed by a comma on a later line with a comment of its own."""
    return re.compile(_SECOND).match(text, end) is not None


def header_comment(text: str, start: int) -> int:
    """Where the comment on the header line of a block scalar starts, or -1."""
    found = re.compile(_HEADER).match(text, start)
    return found.end() if found else -1


def is_commented_out(comment: str) -> bool:
    """Whether a comment on a line of its own reads like a line with a comment behind it."""
    return re.match(_COMMENTED_OUT, comment) is not None


def only_properties(text: str, start: int, end: int) -> bool:
    """Whether a stretch holds a collection's anchor or tag with a comment behind it, and no other token but dashes.

    yaml.v3 then joins that comment with the line comment of the scalar that follows.
    """
    found = re.compile(_PROPERTIES).match(text, start, end)
    return found is not None and consists_of(_NO_VALUE, text, found.end(), end)


def consists_of(pattern: str, text: str, start: int, end: int) -> bool:
    """Whether a stretch is nothing but what a pattern finds, one behind the other.

    A group that repeats would take far more memory than the text; a possessive one would not, but keeps what a failed
    repetition consumed where Python is older than 3.11.5 (tests/test_patterns.py).
    """
    match = re.compile(pattern).match
    while start < end:
        found = match(text, start, end)
        if not found:
            return False
        start = found.end()
    return True


def is_sure_head(text: str, comment: int, floor: int) -> bool:
    """Whether a comment on a line of its own is a head comment for yaml.v3 in every context.

    Not behind another comment, however far above, which may be part of the same one; not with CR LF, which yaml.v3
    counts as two line ends while it looks for the blank line that makes a foot comment.

    Args:
        text: the whole text.
        comment: where the comment starts.
        floor: where the last token before it ends.
    """
    if not text.startswith("\n", line_end(text, comment)):
        return False
    ends_midway = floor > 0 and text[floor - 1] not in BREAKS
    begin = line_start(text, comment, floor)
    while begin > floor:
        end = begin
        begin = line_start(text, begin - 1, floor)
        line = text[begin:end]
        if "\r" in line:
            return False
        if line.strip():
            return not line.strip().lstrip("-? ").startswith("#") or (begin == floor and ends_midway)
    return True


def comment_run(text: str, begin: int, floor: int) -> int:
    """Where the lines start that hold nothing but comments, down to the line that starts at ``begin``.

    Args:
        text: the whole text.
        begin: where a line starts.
        floor: where a comment starts, the first that matters.
    """
    run = begin
    while run > floor:
        start = line_start(text, run - (2 if text.startswith("\r\n", run - 2) else 1), floor)
        if not text[start:run].lstrip(" \t").startswith("#"):
            break
        run = start
    return run
