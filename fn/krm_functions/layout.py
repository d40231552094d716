"""Where the parts of a ResourceList are in its text, from one pass over libyaml's events."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from krm_functions.errors import ResourceListError, TextError
from krm_functions.yaml.scan import NEEDLE, SPELLINGS, scan
from krm_functions.yaml.scan_result import KEEP, KEEP_TEXT, NULLS, SPAN, NodeSpan, Outline, Scalar, ScanResult

PARTS: Final = ("items", "functionConfig", "results")
NO_MORE: Final = re.compile(r"(?:[\s,]|#[^\n\r\x85\u2028\u2029]*+)*\]?")
"""What may be between the last entry of a list and its end."""


class Part(NamedTuple):
    """The place of ``items``, ``functionConfig`` or ``results``.

    Attributes:
        start: where the value starts, its anchor and tag included, in code points.
        end: where it ends.
        line: the line on which it starts, from 1.
        column: the column at which it starts, from 0.
        children: the places of the collections directly in it, by key or index.
        scalar: the null that is there instead of a collection.
        borrows: whether it repeats a node that is outside it.
    """

    start: int
    end: int
    line: int
    column: int
    children: Mapping[str | int, NodeSpan]
    scalar: Scalar | None = None
    borrows: bool = False


class Layout(NamedTuple):
    """The places of a ResourceList's parts.

    Attributes:
        scan: the pass that found them, with the comments that contain the needle.
        root: the list itself, with its own scalars.
        parts: those of `PARTS` that are there.
    """

    scan: ScanResult
    root: NodeSpan
    parts: Mapping[str, Part]

    def own(self, key: str) -> Scalar | None:
        """A scalar of the list itself: ``apiVersion`` or ``kind``."""
        return self.root.kept.get((key,))


def find_layout(text: str, needle: str, name: str) -> Layout:
    """The places of the parts of the one mapping that a text holds.

    Args:
        text: as `krm_functions.yaml.encoding.decode_text` gives it.
        needle: comments that contain it are found on the way; none when empty.
        name: what errors call the text.

    Raises:
        TextError: not YAML.
        ResourceListError: not one document, or a part that is neither a collection nor null.
    """
    # `SPELLINGS` are other spellings of `NEEDLE`, and of no other needle.
    also = SPELLINGS if needle == NEEDLE else ()
    found = scan(text, needle, also=also, outline=_outline())
    if found.broken:
        broken = found.broken[0]
        raise TextError(f"is not YAML: {broken.problem}", where=f"{name}:{broken.line}:{broken.column}")
    roots = [document for document in found.documents if document.end > document.start]
    if len(roots) != 1:
        where = f"{name}:{roots[1].line}" if roots else name
        what = "more than one document" if roots else "no document"
        raise ResourceListError(f"holds {what}, expected one ResourceList", where=where)
    for alias in found.aliases:
        if len(alias.path) == 1 and alias.path[0] in PARTS:
            where = f"{name}:{alias.line}:{alias.column}"
            raise ResourceListError(f"{alias.path[0]} is an alias, expected it written out", where=where)
    return Layout(found, roots[0], {**_collections(found), **_nulls(text, found, name)})


def _outline() -> Outline:
    names = {"name": KEEP_TEXT, "namespace": KEEP_TEXT, "annotations": {"*": KEEP_TEXT}, "labels": {"*": KEEP_TEXT}}
    item = {SPAN: True, "apiVersion": KEEP_TEXT, "kind": KEEP_TEXT, "metadata": names}
    return {
        "apiVersion": KEEP,
        "kind": KEEP,
        "items": {SPAN: True, "*": item},
        "functionConfig": {SPAN: True},
        "results": {SPAN: True, "*": {SPAN: True}},
    }


def _collections(found: ScanResult) -> dict[str, Part]:
    children: dict[str | int, dict[str | int, NodeSpan]] = {part: {} for part in PARTS}
    for node in found.nodes:
        if len(node.path) == 2:
            children[node.path[0]][node.path[1]] = node
    return {
        str(node.path[0]): Part(
            start=node.start,
            end=node.end,
            line=node.line,
            column=node.column - 1,
            children=children[node.path[0]],
            borrows=any(
                alias.path[0] == node.path[0] and not node.start <= alias.target < node.end for alias in found.aliases
            ),
        )
        for node in found.nodes
        if len(node.path) == 1
    }


def _nulls(text: str, found: ScanResult, name: str) -> dict[str, Part]:
    """The parts that are null. An outline's spans are of collections only, so these take a pass of their own; rare."""
    collections = {node.path[0] for node in found.nodes if len(node.path) == 1}
    missing = [part for part in PARTS if part not in collections and re.search(rf"{part}[\"']?\s*:", text)]
    if not missing:
        return {}
    again = scan(text, "", outline=dict.fromkeys(missing, KEEP))
    parts = {}
    for document in again.documents:
        for (part, *_), scalar in document.kept.items():
            where = f"{name}:{scalar.line}:{scalar.column}"
            if scalar.style or scalar.value not in NULLS:
                raise ResourceListError(f"{part} is {scalar.value!r}, expected a collection", where=where)
            parts[str(part)] = Part(scalar.node, scalar.end, scalar.line, scalar.column - 1, {}, scalar)
    return parts
