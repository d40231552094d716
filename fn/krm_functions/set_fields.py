"""Setting fields of an item by edits of its text, so that its comments and its formatting stay.

A value that is there is replaced in the style that it has. A field that is not is added behind the last line of the
mapping that it belongs to, parents included where they are missing too; in a flow mapping (``{a: b}``) it comes first.
Loading an item, changing the data and giving them back instead is easier for large changes, but loses every comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from krm_functions.errors import ResourceError
from krm_functions.item import Item
from krm_functions.yaml.comments import BREAKS, line_start
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.insertion import LINE_END, absorbs, after_line, block, flow, newline_of
from krm_functions.yaml.nodes import content_start
from krm_functions.yaml.quoting import render_scalar
from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import NULLS, SPAN, NodeSpan

if TYPE_CHECKING:
    from krm_functions.yaml.scan_result import Scalar

_LIST = re.compile(r"\[|-\s")
_EMPTY = re.compile(rf"\{{(?:\s|#[^{BREAKS}]*+)*\}}")


def set_fields(item: Item, values: Mapping[FieldPath, object]) -> list[Edit]:
    """The edits that give fields new values. What repeats a changed value (``*anchor``) changes with it.

    Args:
        item: the resource.
        values: the new value of each path, such as ``("metadata", "labels", "team")``. Where the field is not there
            yet, any data will do. Indexes lead to items of lists that exist.

    Raises:
        ResourceError: a path leads through a scalar, an alias or beyond a list, or to a list or mapping that is there.
        TextError: the item cannot be read by itself.
    """
    text = item.whole.text
    scalars = {scalar.path: scalar for scalar in item.scalars()}
    nodes, aliases = _collections(item, values)
    edits: list[Edit] = []
    missing: dict[FieldPath, dict[str, Any]] = {}
    for path, value in values.items():
        if path in scalars:
            edits.append(_replaced(text, scalars[path], value))
            continue
        for depth in range(1, len(path) + 1):
            if path[:depth] in aliases:
                raise ResourceError(
                    "is an alias and can only be set where it is defined", where=_where(item, path[:depth])
                )
        depth = max(depth for depth in range(len(path)) if path[:depth] in nodes or path[:depth] in scalars)
        if path in nodes or not all(isinstance(name, str) for name in path[depth:]):
            raise ResourceError(
                "is a mapping or a list, or leads into one that does not exist", where=_where(item, path)
            )
        fields = missing.setdefault(path[:depth], {})
        for name in path[depth:-1]:
            fields = fields.setdefault(str(name), {})
        fields[str(path[-1])] = value
    added: dict[int, str] = {}
    for parent in sorted(missing, key=len, reverse=True):
        if parent in scalars:
            if scalars[parent].style or scalars[parent].value not in NULLS:
                raise ResourceError("is a scalar and has no fields", where=_where(item, parent))
            edits.append(_replaced(text, scalars[parent], missing[parent]))
        else:
            if _is_list(text, nodes[parent]):
                raise ResourceError("is a list and has no fields", where=_where(item, parent))
            at, lines = _addition(text, nodes[parent], missing[parent])
            added[at] = added.get(at, "") + lines
    return [*edits, *(Edit(at, at, lines) for at, lines in added.items())]


def _where(item: Item, path: FieldPath) -> str:
    return f"{item.ref} {format_path(path)}".strip()


def _replaced(text: str, scalar: Scalar, value: object) -> Edit:
    if scalar.start == scalar.end:
        new = flow(value) if text[scalar.start - 1].isspace() else f" {flow(value)}"
    elif isinstance(value, str):
        new = render_scalar(value, scalar, text)
    else:
        new = flow(value) + (newline_of(text) if LINE_END.match(text, scalar.end - 1) else "")
    return Edit(scalar.start, scalar.end, new)


def _is_list(text: str, node: NodeSpan) -> bool:
    return _LIST.match(text, content_start(text, node.start, node.end)) is not None


def _addition(text: str, node: NodeSpan, fields: Mapping[str, object]) -> tuple[int, str]:
    """Where new fields of a mapping go, and their text."""
    opening = content_start(text, node.start, node.end)
    if text[opening] == "{":
        rest = "" if _EMPTY.match(text, opening) else ", "
        return opening + 1, flow(fields)[1:-1] + rest
    newline = newline_of(text)
    first = opening if LINE_END.search(text, node.start, opening) else node.start
    column = first - line_start(text, first)
    at = after_line(text, node.end)
    if at == len(text) and not LINE_END.match(text, at - 1):
        # A line end behind the last line could become part of its value, where that is a block scalar.
        return first, block(fields, column, newline).lstrip(" ") + " " * column
    return at, block(fields, column, newline, closed=absorbs(text, at))


def _collections(item: Item, paths: Iterable[FieldPath]) -> tuple[dict[FieldPath, NodeSpan], set[FieldPath]]:
    """The mappings and lists on the way to some fields, at their places in the whole list; and every alias."""
    outline: dict[Any, Any] = {SPAN: True}
    for path in paths:
        inner = outline
        for step in path:
            inner = inner.setdefault(step, {SPAN: True})
    root: FieldPath = ()
    text, shift = item.text, item.start - item.margin
    if item.borrows:
        root = ("items", item.number)
        text, shift, outline = item.whole.text, 0, {"items": {item.number: outline}}
    found = scan(text, "", outline=outline)
    nodes = {
        node.path[len(root) :]: node._replace(start=node.start + shift, end=node.end + shift) for node in found.nodes
    }
    return nodes, {alias.path[len(root) :] for alias in found.aliases if alias.path[: len(root)] == root}
