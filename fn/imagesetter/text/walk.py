"""The pass over the events: paths, outline, fingerprints, and for each hit the two events between which it fell.

Everything in the loop is a local variable and nothing of ours is created per event; a hit is rare, so what it needs (the
path, the role of the scalar before it) is worked out only when it comes, in ``gaps.py``.
"""

from __future__ import annotations

from array import array
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from imagesetter.text.events import Problem, Unreadable, reader
from imagesetter.text.fieldpath import FieldPath
from imagesetter.text.gaps import ITEM, KEY, NEVER, ROOT, VALUE, Frame, Gaps, path_of, scalar_of
from imagesetter.text.scan import KEEP, KEEP_ALL, SPAN, Alias, Node, Outline, Part, Record, Scalar, Scan

signature = attrgetter("value", "style", "anchor", "tag")
"""What the proof compares of a scalar."""
opening = attrgetter("__class__", "anchor", "tag", "flow_style")
"""What the proof compares of the start of a collection."""
BATCH: Final = 512


def walk(text: str, hits: list[int], outline: Outline | None, pure: bool, *, document: int = 0) -> Scan:
    """One pass over a text; ``document`` is the number of its first document.

    Raises:
        yaml.YAMLError, Unreadable: the text does not parse, or an alias has no anchor.
    """
    import yaml

    scalar_event, alias_event = yaml.ScalarEvent, yaml.AliasEvent
    mapping_start, sequence_start = yaml.MappingStartEvent, yaml.SequenceStartEvent
    mapping_end, sequence_end = yaml.MappingEndEvent, yaml.SequenceEndEvent
    document_start, document_end = yaml.DocumentStartEvent, yaml.DocumentEndEvent

    gaps = Gaps(text, hits)
    documents: list[Node] = []
    nodes: list[Node] = []
    aliases: list[Alias] = []
    parts: list[Part] = []
    anchors: dict[str, int] = {}
    anchored = "&" in text or "*" in text
    prints = array("q")

    stack: list[tuple[Any, ...]] = []
    mode, key, index, dead, dup, flow = ROOT, "", -1, False, False, False
    seen: set[str] = set()
    out: Any = None
    group = _Group((), None, 0)
    cuts: list[tuple[int, int]] = []
    number = document - 1
    first = 0
    begun: Any = None
    prev: Any = None
    key_event: Any = None
    hit = gaps.next

    events = iter(reader(text, pure=pure), None)
    while batch := list(islice(events, BATCH)):
        buffer: list[object] = []
        note = buffer.append
        for event in batch:
            cls = event.__class__
            if hit < event.start_mark.index:
                frames: tuple[Frame, ...] = (*stack, (mode, key, index, dead or dup, key_event))
                hit = gaps.settle(event, prev, frames, number)
            if cls is scalar_event:
                note(signature(event))
                if mode == VALUE:
                    if out is not None and not (dead or dup):
                        take = _inner(out, key)
                        if take is KEEP or take is KEEP_ALL:
                            group.keep(scalar_of(text, event, number, (*stack, (mode, key, index, dead, key_event))))
                    mode = KEY
                elif mode == KEY:
                    key = event.value
                    dup = key in seen
                    if not dup:
                        seen.add(key)
                    key_event = event
                    mode = VALUE
                else:
                    if mode == ITEM:
                        index += 1
                    elif begun is None:
                        begun = event
                    if out is not None and not dead:
                        take = _inner(out, index) if mode == ITEM else out
                        if take is KEEP or take is KEEP_ALL:
                            group.keep(scalar_of(text, event, number, (*stack, (mode, key, index, dead, key_event))))
                if anchored and event.anchor:
                    anchors[event.anchor] = event.start_mark.index
                prev = event
            elif cls is mapping_start or cls is sequence_start:
                note(opening(event))
                if mode == ITEM:
                    index += 1
                    if len(stack) <= 2 and not flow and cls is mapping_start:
                        cuts.append((event.start_mark.index, len(prints) + len(buffer) - 1, len(stack)))
                elif mode == ROOT:
                    begun = event
                stack.append((mode, key, index, dead, key_event, dup, seen, out, flow, group, cls))
                if out is not None:
                    if mode == VALUE:
                        out = None if dup else _inner(out, key)
                    elif mode == ITEM:
                        out = _inner(out, index)
                    elif mode == KEY:
                        out = None
                    if out is not None and out is not KEEP_ALL:
                        if out is KEEP:
                            out = None
                        elif SPAN in out:
                            group = _Group(path_of(stack), event, number)
                dead = dead or mode == KEY or (mode == VALUE and dup)
                dup = False
                flow = bool(event.flow_style)
                if cls is mapping_start:
                    mode, seen = KEY, set()
                else:
                    mode, index = ITEM, -1
                if anchored and event.anchor:
                    anchors[event.anchor] = event.start_mark.index
                prev = event
            elif cls is mapping_end or cls is sequence_end:
                note(cls)
                if flow:
                    if event.end_mark.index > event.start_mark.index:
                        prev = event
                    else:
                        gaps.remember(prev, (*stack, (mode, key, index, dead or dup, key_event)))
                inner = group
                mode, key, index, dead, key_event, dup, seen, out, flow, group, _ = stack.pop()
                if inner is not group:
                    nodes.append(inner.close(prev.end_mark.index))
                if mode == VALUE:
                    mode = KEY
                elif mode == KEY:
                    key, dup, mode = "?", True, VALUE
            elif cls is alias_event:
                note((cls, event.anchor))
                if event.anchor not in anchors:
                    mark = event.start_mark
                    raise Unreadable(Problem(mark.line + 1, mark.column + 1, f"undefined alias *{event.anchor}"))
                if mode == ITEM:
                    index += 1
                if mode == KEY:
                    key, dup, mode = f"*{event.anchor}", False, VALUE
                else:
                    mark = event.start_mark
                    path = path_of((*stack, (mode, key, index)))
                    aliases.append(Alias(number, path, mark.line + 1, mark.column + 1, anchors[event.anchor]))
                    if mode == VALUE:
                        mode = KEY
                prev = event
            elif cls is document_start:
                first = len(prints) + len(buffer)
                note((cls, event.explicit))
                number += 1
                mode, key, index, dead, dup, flow = ROOT, "", -1, False, False, False
                out, begun = outline, None
                group = _Group((), None, number)
                anchors, cuts = {}, []
                start = event.start_mark.index
                if event.end_mark.index > start:
                    prev = event
            elif cls is document_end:
                note((cls, event.explicit))
                end = prev.end_mark.index if prev is not None else 0
                group.opening = begun
                documents.append(group.close(max(end, begun.start_mark.index)))
                parts.append(Part(start, event.end_mark.index, first, len(prints) + len(buffer), ()))
                if event.end_mark.index > event.start_mark.index:
                    prev = event
            else:
                note(cls)
        prints.extend(map(hash, buffer))
    nodes.sort(key=lambda node: (node.start, -node.end))
    return Scan(
        comments=tuple(gaps.finish()),
        documents=tuple(documents),
        nodes=tuple(nodes),
        aliases=tuple(aliases),
        record=Record(prints, tuple(parts), pure),
    )


def _inner(out: Any, step: str | int) -> Any:
    """The outline one step further down, or None."""
    if out is KEEP_ALL:
        return out
    if out is KEEP:
        return None
    return out.get(step, out.get("*"))


class _Group:
    """Kept scalars on their way into a Node."""

    __slots__ = ("kept", "number", "opening", "path")

    def __init__(self, path: FieldPath, opening: Any, number: int) -> None:
        self.path = path
        self.opening = opening
        self.number = number
        self.kept: dict[FieldPath, Scalar] = {}

    def keep(self, scalar: Scalar) -> None:
        self.kept[scalar.path[len(self.path) :]] = scalar

    def close(self, end: int) -> Node:
        mark = self.opening.start_mark
        return Node(self.number, self.path, mark.index, end, mark.line + 1, mark.column + 1, self.kept)
