"""A text that does not parse as a whole: its documents one by one, so that the good ones still count.

Cutting is sound where a line begins with ``---`` or ``...`` followed by a blank or a line end: no YAML scalar, quoted
or block, may hold such a line at column 0 (YAML 1.2 §9.1.2, ``c-forbidden``), and libyaml and yaml.v3 look for one at
the start of every line, whatever state they are in. So such a line bounds a document whatever is before it. A
text of a template language in which it does not mean that (inside a comment of the template, say) is out of reach for
any reader.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, TypeVar

from krm_functions.yaml.comments import BREAKS, breaks_between, consists_of, is_commented_out, line_end, line_start
from krm_functions.yaml.event_walk import walk
from krm_functions.yaml.parser import SyntaxProblem, Unreadable, parsing
from krm_functions.yaml.scan_result import Alias, Comment, NodeSpan, Outline, ParseFailure, Scalar, ScanResult

_Found = TypeVar("_Found", Comment, NodeSpan, Alias, Scalar)

_AFTER = frozenset(("", " ", "\t", *BREAKS))
_PROLOGUE = rf"[ \t{BREAKS}]++|#[^{BREAKS}]*+|(?<![^{BREAKS}])%[^{BREAKS}]*+"
"""What is in lines before a ``---`` that belong to the document behind it: comments, blank lines, directives."""


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
        elif not consists_of(_PROLOGUE, text, start, at):
            yield start, at
            start = at
    if start < len(text):
        yield start, len(text)


def walk_pieces(text: str, hits: list[int], outline: Outline | None, pure: bool, problem: SyntaxProblem) -> ScanResult:
    """What the documents that parse hold, and which do not; ``problem`` is what refused the whole text."""
    comments: list[Comment] = []
    broken: list[ParseFailure] = []
    documents: list[NodeSpan] = []
    nodes: list[NodeSpan] = []
    aliases: list[Alias] = []
    number = lines = at = 0
    for start, end in pieces(text):
        part = text[start:end]
        first = bisect_left(hits, start, at)
        at = bisect_left(hits, end, first)
        inner = [hit - start for hit in hits[first:at]]
        height = breaks_between(part, 0, len(part))
        try:
            with parsing(part):
                scan = walk(part, inner, outline, pure, document=number)
        except Unreadable as err:
            last = lines + height + (part[-1] not in BREAKS)
            line = lines + min(err.problem.line, last - lines)
            broken.append(ParseFailure(number, lines + 1, last, line, err.problem.column, err.problem.reason))
            comments += [moved(comment, start, lines) for comment in _unparsable(part, inner)]
            number += 1
        else:
            comments += [moved(comment, start, lines) for comment in scan.comments]
            documents += [moved(node, start, lines) for node in scan.documents]
            nodes += [moved(node, start, lines) for node in scan.nodes]
            aliases += [moved(alias, start, lines) for alias in scan.aliases]
            number += len(scan.documents)
        lines += height
    if not broken:
        # Every document parses by itself but not the whole: no telling which of them the parser objected to.
        whole = ParseFailure(0, 1, lines + 1, problem.line, problem.column, problem.reason)
        return ScanResult(comments=tuple(_unparsable(text, hits)), broken=(whole,))
    return ScanResult(tuple(comments), tuple(broken), tuple(documents), tuple(nodes), tuple(aliases))


def moved(value: _Found, by: int, lines: int) -> _Found:
    """The same finding in a text that has ``by`` characters and ``lines`` lines more before it."""
    if not by:
        return value
    changes: dict[str, Any] = {"line": value.line + lines}
    for name in ("start", "end", "node", "target"):
        if hasattr(value, name):
            changes[name] = getattr(value, name) + by
    if isinstance(value, Comment) and value.scalar is not None:
        changes["scalar"] = moved(value.scalar, by, lines)
    if isinstance(value, NodeSpan):
        changes["kept"] = {path: moved(scalar, by, lines) for path, scalar in value.kept.items()}
    return value._replace(**changes)


def _unparsable(text: str, hits: list[int]) -> Iterator[Comment]:
    """The lines of a broken document with a hit behind a ``#``: whose comment it would have been cannot be known.

    A line that begins with ``#`` and holds text before the marker is commented out, or text itself, in any reading.
    """
    line, counted, stop = 1, 0, -1
    for hit in hits:
        begin = line_start(text, hit, counted)
        at = text.find("#", begin, hit)
        if hit < stop or at < 0:
            continue
        line += breaks_between(text, counted, begin)
        counted = begin
        stop = line_end(text, at)
        words = text[at:stop]
        switched_off = not text[begin:at].strip(" \t") and is_commented_out(words)
        yield Comment(words, at, line, at - begin + 1, None, "commented-out" if switched_off else "unparsable")
