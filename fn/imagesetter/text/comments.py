"""Which scalar a comment belongs to, as kyaml and yaml.v3 see it: pure questions about a text.

yaml.v3 gives every node a head, a line and a foot comment; kyaml's setters read the line comment of a scalar value, else
its head comment. A *line comment* starts on the line where the scalar ends, with nothing but blanks and at most one comma
(inside a flow collection) between. A *head comment* stands on its own line above; yaml.v3 hands it to the key of a mapping
entry, so it reaches a value only in a sequence.
"""

from __future__ import annotations

import re
from typing import Literal

Place = Literal[
    "line",  # the line comment of its scalar
    "head",  # the head comment of its scalar, an item of a sequence
    "ambiguous-head",  # above an item of a sequence, but not surely its head comment
    "hidden",  # above an item that has a line comment of its own, which hides it
    "above",  # on its own line above a mapping entry
    "commented-out",  # on its own line, with text before the marker: a line that was commented out
    "key",  # after the key of a mapping or sequence, or of a value on the next line
    "collection",  # after a flow collection on one line, or after its bracket
    "alias",  # after an alias
    "empty",  # after a key or dash without a value
    "duplicate",  # after the value of a key that the mapping has already
    "complex-key",  # inside a key that is a collection
    "directive",  # on a line of %, --- or ...
    "loose",  # below everything, or in a document of comments
    "unparsable",  # in a document that does not parse
]

_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
_LINES = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_COMMENT = re.compile(r"[ \t]*(?:,[ \t]*)?#")
_BETWEEN = re.compile(r"[ \t]*(?:,[ \t]*)?")
_COMMENTED_OUT = re.compile(r"#+[ \t]*(?:- |[^\s{#][^{#]*:[ \t].*#|[^\s{#][^#]*#)")
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]+(?=#)")


def line_end(text: str, index: int) -> int:
    """Where the line of an offset ends: the offset of its line break, or of the end of the text."""
    found = _BREAK.search(text, index)
    return found.start() if found else len(text)


def line_start(text: str, index: int, floor: int = 0) -> int:
    """Where the line of an offset starts, but not before ``floor``."""
    return max(floor, *(text.rfind(mark, floor, index) + 1 for mark in "\n\r\x85\u2028\u2029"))


def follows(text: str, end: int, comment: int) -> bool:
    """Whether a comment is the line comment of what ends at ``end`` on the same line."""
    return _BETWEEN.fullmatch(text, end, comment) is not None


def header_comment(text: str, start: int) -> int:
    """Where the comment on a block scalar's header line starts, or -1."""
    found = _HEADER.match(text, start)
    return found.end() if found else -1


def breaks_between(text: str, start: int, end: int) -> int:
    """How many lines end in a stretch of text; CR LF counts once."""
    return sum(1 for _ in _LINES.finditer(text, start, end))


def has_line_comment(text: str, end: int) -> bool:
    """Whether a comment follows on the line on which a scalar ends."""
    return _COMMENT.match(text, end) is not None


def is_commented_out(comment: str) -> bool:
    """Whether a comment on its own line looks like a line of YAML that was switched off."""
    return _COMMENTED_OUT.match(comment) is not None
