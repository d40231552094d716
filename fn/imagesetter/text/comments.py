"""How comments look in a text, and the names of the places where one can stand.

yaml.v3 gives every node a head, a line and a foot comment, and kyaml's setters, hence Flux, read the line comment of a
scalar value, else its head comment. A *line comment* starts on the line on which the scalar ends, with nothing but blanks
and at most one comma (in a flow collection) between. A *head comment* stands on a line of its own above; above a mapping
entry it belongs to the key, so it reaches a value only in a sequence.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Place = Literal[
    "line",  # the line comment of its scalar
    "head",  # the head comment of its scalar, an item of a block sequence
    "ambiguous-head",  # above a scalar; readers do not agree, or not in all versions, that it belongs to it
    "hidden",  # another comment of the same scalar takes precedence
    "above",  # on a line of its own above a mapping entry, a collection or an alias
    "commented-out",  # on a line of its own, behind text: a line that was switched off together with its marker
    "key",  # behind the key of a mapping or sequence, the key of a value on the next line, or a dash
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
BREAK: Final = "(?:\r\n|[\n\r\x85\u2028\u2029])"
"""One line end, as a regular expression."""

_SAME_LINE = re.compile("[ \t]*(?:,[ \t]*)?(#[^\n\r\x85\u2028\u2029]*)")
_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
_BREAKS = re.compile(BREAK)
_BETWEEN = re.compile(rf"(?:[ \t]|{BREAK}(?=(?:[ \t]|{BREAK})*,))*(?:,[ \t]*)?")
_COLON = re.compile(r"[ \t]*:[ \t]*")
_OWN = re.compile(rf"[ \t]*(?:#|(?:[ \t]|{BREAK})*,[ \t]*#)")
_SECOND = re.compile(rf"(?:[ \t]|{BREAK})*,[ \t]*#")
_COMMENTED_OUT = re.compile(r"#+[ \t]*[^\s#{][^#]*#")
_BELOW_KEY = re.compile(rf"{BREAK}[ \t]*#[^\n\r\x85\u2028\u2029]*{BREAK}\s*:[ \t]*#")
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]+)+#[^\n\r\x85\u2028\u2029]*(?:-\s|\s|#[^\n\r\x85\u2028\u2029]*|[&!]\S*\s)*")
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]*(?=#)")


def line_end(text: str, index: int) -> int:
    """Where the line of an offset ends: the offset of its line break, or of the end of the text."""
    found = _BREAK.search(text, index)
    return found.start() if found else len(text)


def line_start(text: str, index: int, floor: int = 0) -> int:
    """Where the line of an offset starts, but not before ``floor``."""
    start = text.rfind("\n", floor, index) + 1
    for mark in "\r\x85\u2028\u2029":
        start = max(start, text.rfind(mark, max(start, floor), index) + 1)
    return max(start, floor)


def breaks_between(text: str, start: int, end: int) -> int:
    """How many lines end in a stretch of text; CR LF counts once."""
    return sum(1 for _ in _BREAKS.finditer(text, start, end))


def same_line(text: str, end: int) -> re.Match[str] | None:
    """The comment (group 1) on the line on which something ends, with nothing but blanks and a comma between."""
    return _SAME_LINE.match(text, end)


def follows(text: str, end: int, comment: int) -> bool:
    """Whether a comment is the line comment of what ends at ``end``: blanks between, and at most a comma."""
    return _BETWEEN.fullmatch(text, end, comment) is not None


def follows_colon(text: str, end: int, comment: int) -> bool:
    """Whether nothing but the colon of a key that ends at ``end`` stands before a comment."""
    return _COLON.fullmatch(text, end, comment) is not None


def colon_comment(text: str, end: int, start: int, flow: bool) -> bool:
    """Whether a comment behind the colon between a key that ends at ``end`` and its value takes the value's line comment.

    In a flow mapping every comment there does; in a block mapping the key has it, unless it has a comment below it already.
    """
    between = text[end:start]
    sharp = between.find("#")
    return sharp >= 0 and (follows_colon(between, 0, sharp) if flow else _BELOW_KEY.search(between) is not None)


def has_line_comment(text: str, end: int) -> bool:
    """Whether a scalar that ends at ``end`` has a line comment."""
    return _OWN.match(text, end) is not None


def has_second_comment(text: str, end: int) -> bool:
    """Whether a comment that ends at ``end`` is followed by a comma on the next line with a comment of its own."""
    return _SECOND.match(text, end) is not None


def header_comment(text: str, start: int) -> int:
    """Where the comment on the header line of a block scalar starts, or -1."""
    found = _HEADER.match(text, start)
    return found.end() if found else -1


def stands_alone(text: str, comment: int) -> bool:
    """Whether a comment has its line to itself."""
    return not text[line_start(text, comment) : comment].strip(" \t")


def is_commented_out(comment: str) -> bool:
    """Whether a comment on a line of its own reads like a line with a comment behind it."""
    return _COMMENTED_OUT.match(comment) is not None


def only_properties(text: str, start: int, end: int) -> bool:
    """Whether a stretch holds a collection's anchor or tag with a comment behind it, and no other token but dashes.

    yaml.v3 then joins that comment with the line comment of the scalar that follows.
    """
    return _PROPERTIES.fullmatch(text, start, end) is not None


def is_sure_head(text: str, comment: int, floor: int) -> bool:
    """Whether a comment on a line of its own is a head comment for yaml.v3 in every context.

    Not behind another comment, however far above, which may be part of the same one; not with CR LF, which yaml.v3 counts
    as two line ends while it looks for the blank line that makes a foot comment.

    Args:
        text: the whole text.
        comment: where the comment starts.
        floor: where the last token before it ends.
    """
    begin = line_start(text, comment, floor)
    end = line_end(text, comment)
    if text[end : end + 1] != "\n" or "\r" in text[floor:begin]:
        return False
    while begin > floor:
        end = begin
        begin = line_start(text, begin - 1, floor)
        line = text[begin:end].strip()
        if line:
            return not line.lstrip("-? ").startswith("#") or (begin == floor and floor > 0)
    return True
