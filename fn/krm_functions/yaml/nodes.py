"""Where a pass over the events is: one frame for each open collection, and what frames say about a scalar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from sys import intern
from typing import Any, Final

from krm_functions.yaml.comments import breaks_between, has_colon, line_end, line_start
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan_result import Scalar

KEY: Final = 0
"""The next node is a mapping key."""
VALUE: Final = 1
"""The next node is the value of the key just read."""
ITEM: Final = 2
"""The next node is an item of a sequence."""
ROOT: Final = 3
"""The next node is a document's root."""

PROPERTY = re.compile(r"&[-0-9A-Za-z_]++|!<[^>]*+>|!\S*+")
"""An anchor or a tag; an anchor ends where libyaml says so, ``&a:b`` is the anchor ``a`` and the text ``:b``."""

Frame = tuple[Any, ...]
"""(mode, key, index, dead, key event, flow, opened, …): what comes next in a collection, the key or index reached, the
Place that says why nothing in it counts (or empty), the event of the key, whether it is flow, where it starts.

A plain tuple because one is made for every collection of a text."""


def path_from_frames(frames: Sequence[Frame]) -> FieldPath:
    """The path that frames spell out; its keys are the same texts in all files, of which there may be thousands."""
    return tuple([frame[2] if frame[0] == ITEM else intern(frame[1]) for frame in frames if frame[0] != ROOT])


def scalar_of(text: str, event: Any, document: int, frames: Sequence[Frame]) -> Scalar:
    """A scalar event as a Scalar; the last frame says what it is the value of (its mode may have moved on to KEY)."""
    mark = event.start_mark
    node = start = mark.index
    end = event.end_mark.index
    line, column = mark.line + 1, mark.column + 1
    if event.anchor or event.tag:
        start = content_start(text, node, end)
        breaks = breaks_between(text, node, start)
        line += breaks
        column = start - line_start(text, start, node) + 1 if breaks else column + start - node
    mode, _, _, _, key_event, flow, _, *_ = frames[-1]
    if flow:
        indent, lead = mark.column, _lead_of_flow(frames, mark)
    elif mode == ITEM:
        dash = text.rfind("-", node - mark.column, node)
        indent = mark.column - (node - dash if dash >= 0 else 1)
        lead = mark.column if dash >= 0 else -1
    elif mode == ROOT:
        indent, lead = 0, -1
    else:
        key_mark = key_event.start_mark
        indent = key_mark.column
        together = key_mark.line == mark.line or has_colon(text, key_event.end_mark.index)
        lead = node - key_mark.index + indent if together else -1
    return Scalar(
        document, path_from_frames(frames), start, end, event.value, event.style or "", line, column,
        event.anchor or "", event.tag or "", node, indent, lead,
    )  # fmt: skip


def _lead_of_flow(frames: Sequence[Frame], mark: Any) -> int:
    """The lead of a scalar in a flow collection: from the line of the block entry that holds the whole collection."""
    outermost = next(depth for depth, frame in enumerate(frames) if frame[5])
    mode, _, _, _, key_event, *_ = frames[outermost - 1]
    if mode != VALUE or key_event.start_mark.line != mark.line:
        return -1
    return int(mark.index - key_event.start_mark.index + key_event.start_mark.column)


def node_start(text: str, at: int, end: int) -> int:
    """Where the next token starts, behind blanks, line ends and comments; ``end`` when there is none before it."""
    while at < end and (text[at].isspace() or text[at] == "#"):
        at = line_end(text, at) if text[at] == "#" else at + 1
    return at


def content_start(text: str, node: int, end: int) -> int:
    """Where the content of a node from ``node`` to ``end`` starts, behind its anchor and tag; ``end`` if empty."""
    at = node_start(text, node, end)
    while at < end and (found := PROPERTY.match(text, at, end)):
        at = node_start(text, found.end(), end)
    return at
