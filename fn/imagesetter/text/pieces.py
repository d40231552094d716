"""A text that does not parse as a whole: its documents one by one, so that the good ones still count.

Cutting is sound where a line begins with ``---`` or ``...`` followed by a blank or a line end: no YAML scalar, quoted or
block, may contain such a line at column 0 (YAML 1.2 §9.1.2 ``c-forbidden``; libyaml and yaml.v3 stop there in every state
of the scanner), so such a line bounds a document whatever stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from imagesetter.text.comments import BREAK, BREAKS, breaks_between, line_end, line_start
from imagesetter.text.events import Problem, Unreadable, parsing
from imagesetter.text.scan import Broken, Comment, Outline, Scan

_AFTER = frozenset(("", " ", "\t", "\n", "\r", "\x85", "\u2028", "\u2029"))
_PROLOGUE = re.compile(rf"(?:[ \t]*(?:#[^\n\r\x85\u2028\u2029]*)?{BREAK}|%[^\n\r\x85\u2028\u2029]*{BREAK})*+")
"""Lines before a ``---`` that belong to the document behind it: comments, blank lines, directives."""


def is_boundary(text: str, at: int) -> bool:
    """Whether the line that starts at an offset bounds a document."""
    return text.startswith(("---", "..."), at) and text[at + 3 : at + 4] in _AFTER


def _boundaries(text: str) -> list[int]:
    found = [0] if is_boundary(text, 0) else []
    for line_break in [each for each in BREAKS if each in text]:
        for mark in ("---", "..."):
            at = text.find(line_break + mark)
            while at >= 0:
                if is_boundary(text, at + 1):
                    found.append(at + 1)
                at = text.find(line_break + mark, at + 1)
    return sorted(found)


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each document's stretch of text; comments and directives go with the document they precede."""
    start = 0
    for at in _boundaries(text):
        if text[at] == ".":
            stop = line_end(text, at)
            stop = min(stop + (2 if text.startswith("\r\n", stop) else 1), len(text))
            yield start, stop
            start = stop
        elif _PROLOGUE.fullmatch(text, start, at) is None:
            yield start, at
            start = at
    if start < len(text):
        yield start, len(text)


def walk_pieces(text: str, hits: list[int], outline: Outline | None, pure: bool, problem: Problem) -> Scan:
    """What the documents that parse hold, and which do not; ``problem`` is what refused the whole."""
    from imagesetter.text.walk import walk

    found: dict[str, list[Any]] = {"comments": [], "broken": [], "documents": [], "nodes": [], "aliases": []}
    number = 0
    for start, end in pieces(text):
        part = text[start:end]
        lines = breaks_between(text, 0, start)
        inner = [hit - start for hit in hits if start <= hit < end]
        try:
            with parsing(part):
                scan = walk(part, inner, outline, pure, document=number)
        except Unreadable as err:
            last = lines + max(1, breaks_between(text, start, end))
            found["broken"].append(
                Broken(number, lines + 1, last, lines + err.problem.line, err.problem.column, err.problem.reason)
            )
            found["comments"] += _unparsable(text, inner, start, lines)
            number += 1
            continue
        number += len(scan.documents)
        for name in ("comments", "documents", "nodes", "aliases"):
            found[name] += [moved(each, start, lines) for each in getattr(scan, name)]
    return Scan(
        comments=tuple(found["comments"]),
        broken=tuple(found["broken"]),
        documents=tuple(found["documents"]),
        nodes=tuple(found["nodes"]),
        aliases=tuple(found["aliases"]),
    )


def moved(value: Any, by: int, lines: int) -> Any:
    """The same finding in a text that has ``by`` characters and ``lines`` lines more before it."""
    if not by:
        return value
    changes: dict[str, Any] = {"line": value.line + lines}
    for name in ("start", "end", "node", "target"):
        if hasattr(value, name):
            changes[name] = getattr(value, name) + by
    if getattr(value, "scalar", None) is not None:
        changes["scalar"] = moved(value.scalar, by, lines)
    if hasattr(value, "kept"):
        changes["kept"] = {path: moved(scalar, by, lines) for path, scalar in value.kept.items()}
    return replace(value, **changes)


def _unparsable(text: str, hits: list[int], start: int, lines: int) -> Iterator[Comment]:
    """The lines of a broken document that hold a hit behind a ``#``: what the document would have said is unknown."""
    stop = -1
    for hit in hits:
        at = hit + start
        begin = line_start(text, at)
        comment = text.find("#", begin, at)
        if at < stop or comment < 0:
            continue
        stop = line_end(text, at)
        line = lines + 1 + breaks_between(text, start, comment)
        yield Comment(text[comment:stop], comment, line, comment - begin + 1, None, "unparsable")
