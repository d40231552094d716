"""One value for another: a scalar, a collection on its key's line, or a block collection below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from krm_functions.yaml.comments import BREAKS, after_line
from krm_functions.yaml.emit import flow_text
from krm_functions.yaml.structure.changes import Place
from krm_functions.yaml.structure.chunks import Chunk
from krm_functions.yaml.structure.editable import is_list, is_mapping
from krm_functions.yaml.structure.scalars import header_end, scalar_change, tag_edit
from krm_functions.yaml.structure.tree import CollectionNode, Node, ScalarNode

if TYPE_CHECKING:
    from krm_functions.yaml.structure.difference import Difference


def replace_value(change: Difference, node: Node, wanted: Any, place: Place) -> None:
    """Put another kind of value, or another scalar, in the place of a value."""
    if place.flow or change.style.json:
        _replace_in_flow(change, node, wanted, place)
        return
    _drop_tag(change, node, wanted)
    is_block = (is_mapping(wanted) or is_list(wanted)) and bool(wanted)
    if isinstance(node, CollectionNode) and not node.flow:
        found = change.chunks_of(node, place)
        if is_block:
            replace_block_collection(
                change,
                node,
                "",
                place,
                found,
                _lines(change, wanted, _column(change, wanted, node, place), found[id(node.entries[-1])].stop),
            )
        else:
            replace_block_collection(change, node, flow_text(wanted), place, found)
    elif not is_block:
        if isinstance(node, ScalarNode):
            scalar_change(change, node, wanted, place)
        else:
            change.replace(node.content, node.end, flow_text(wanted))
    else:
        _to_block(change, node, wanted, place)


def _column(change: Difference, wanted: Any, node: CollectionNode, place: Place) -> int:
    """The column of a collection that takes the place of one of the other kind."""
    if place.entry is None or place.in_list:
        return node.column
    return place.column + (change.style.step if is_mapping(wanted) else change.style.dash)


def _drop_tag(change: Difference, node: Node, wanted: Any) -> None:
    if node.tag and (edit := tag_edit(change.text, node, wanted)):
        change.replace(edit.start, edit.end, edit.replacement)


def _replace_in_flow(change: Difference, node: Node, wanted: Any, place: Place) -> None:
    entry = place.entry
    _drop_tag(change, node, wanted)
    quote = node.style if isinstance(node, ScalarNode) and isinstance(wanted, str) and node.style in ("'", '"') else ""
    new = flow_text(wanted, as_json=change.style.json, quote=quote)
    if node.content < node.end:
        change.replace(node.content, node.end, new)
    elif entry is not None and entry.key is not None and entry.colon < 0:
        change.insert(entry.key_end, f": {new}")
    else:
        blank = "" if change.text[node.content - 1 : node.content].isspace() else " "
        change.insert(node.content, blank + new)


def _lines(change: Difference, wanted: Any, column: int, behind: int) -> list[str]:
    """The lines of a new collection; ``behind``: where the text goes on below them."""
    writer = change.writer(change.style)
    writer.entries(wanted, column, " " * column)
    is_last = behind >= len(change.text) and change.text[-1:] not in tuple(BREAKS)
    if writer.ends_in_block and (is_last or change.takes_in(behind, column)):
        writer = change.writer(change.style, literal=False)
        writer.entries(wanted, column, " " * column)
    return writer.lines


def replace_block_collection(
    change: Difference,
    node: CollectionNode,
    inline: str,
    place: Place,
    found: Mapping[int, Chunk],
    lines: Sequence[str] = (),
) -> None:
    """Put a value on the key's line, or other lines, in the place of a block collection."""
    text, newline = change.text, change.style.newline
    first, stop = found[id(node.entries[0])], found[id(node.entries[-1])].stop
    ended = stop > 0 and text[stop - 1] in BREAKS
    if first.compact or place.entry is None:
        new = newline.join(lines).lstrip(" ") if lines else inline
        change.replace(node.content, stop, new + (newline if ended else ""))
        return
    opening = change.opening(node, place)
    begin = after_line(text, opening)
    if inline:
        change.insert(opening, f" {inline}")
        change.replace(begin, stop, "")
    else:
        change.replace(begin, stop, newline.join(lines) + (newline if ended else ""))


def _to_block(change: Difference, node: Node, wanted: Any, place: Place) -> None:
    """Put a block collection in the place of a value on the key's line."""
    text, newline = change.text, change.style.newline
    column = place.column
    if place.entry is None:
        inner = 0
    elif place.in_list:
        inner = column + 1 + change.style.gap
    else:
        inner = column + (change.style.step if is_mapping(wanted) else change.style.dash)
    head = header_end(text, node.content) if isinstance(node, ScalarNode) and node.style in ("|", ">") else node.end
    behind = after_line(text, head)
    lines = _lines(change, wanted, inner, max(behind, node.end))
    rest = text[head:behind].strip(" \t" + BREAKS)
    if place.in_list and not rest and node.start == node.content and head == node.end:
        gap = " " * change.style.gap
        assert place.entry is not None, "an item has an entry"
        change.replace(place.entry.colon, node.end, gap + newline.join(lines).lstrip(" "))
        return
    start = len(text[: node.content].rstrip(" \t")) if place.entry is not None else node.content
    change.replace(max(start, change.floor), head, "")
    if head < node.end and behind < node.end:
        change.replace(behind, node.end, "")
    change.insert_lines(behind, "".join(line + newline for line in lines))
