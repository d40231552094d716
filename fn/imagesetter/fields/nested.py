"""Markers inside the text of a value, followed on request: an inline patch, a file in a ConfigMap, Helm values as text.

Flux follows none of them. The text of a value is read as YAML of its own; what changes in it changes at the same place
of the file, so that a block stays a block and quotes stay quotes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imagesetter.flux.markers import Marker, parse_comments
from krm_functions.errors import SpliceError
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.encoding import position
from krm_functions.yaml.proof import edits as proved_edits
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP_ALL, Comment, Scalar, ScanResult

_HINT = "write the value into a field of its own, and mark it there"
_SPECIAL = {'"': '"\\', "'": "'"}
"""What cannot be as it is in quotes."""


class NestedMark(NamedTuple):
    """A marked scalar in the text of another one."""

    marker: Marker
    scalar: Scalar
    """It, with its place in the whole text; its path leads through the outer scalar."""
    comment: Comment
    """Its marker, with its line in the whole text."""
    outer: Scalar
    inner: Scalar
    """It, with its place in the outer scalar's value."""


Planned = tuple[Scalar, str, NestedMark | None]
"""A scalar, its new value, and, of one in the text of another, where it is there."""


def find_nested(text: str) -> tuple[NestedMark, ...]:
    """The marked scalars in the values of a text that can be changed where they are."""
    return tuple(mark for outer in (_scalars(text) if NEEDLE in text else ()) for mark in nested_in(text, outer))


def nested_in(text: str, outer: Scalar) -> Iterator[NestedMark]:
    """The marked scalars in one value of a text."""
    if NEEDLE not in outer.value:
        return
    for marker, comment in _marked(outer.value):
        inner = comment.scalar
        at = _place(text, outer, inner.start, inner.end) if inner else None
        if inner is None or at is None:
            continue
        line, column = position(text, at)
        scalar = inner._replace(
            document=outer.document,
            path=(*outer.path, *inner.path),
            start=at,
            end=at + inner.end - inner.start,
            node=at,
            line=line,
            column=column,
        )
        # A block's lines are the file's; other text may run over fewer.
        below = comment.line - inner.line if outer.style in ("|", ">") else 0
        yield NestedMark(marker, scalar, comment._replace(scalar=scalar, line=line + below), outer, inner)


def _marked(value: str) -> Iterator[tuple[Marker, Comment]]:
    for parsed in parse_comments(scan(value, NEEDLE).comments):
        if parsed.marker and parsed.comment.scalar:
            yield parsed.marker, parsed.comment


def _place(text: str, outer: Scalar, start: int, end: int) -> int | None:
    """Where a stretch of a scalar's value is in the text; None where it is written differently there."""
    wanted, written = outer.value[start:end], text[outer.start : outer.end]
    if not wanted or written.count(wanted) != outer.value.count(wanted):
        return None
    at = -1
    for _ in range(outer.value.count(wanted, 0, start) + 1):
        at = written.find(wanted, at + 1 if at < 0 else at + len(wanted))
    return outer.start + at


def edits(text: str, planned: Sequence[Planned], scanned: ScanResult) -> list[Edit]:
    """The edits that give scalars new values, after the proof that nothing else changes.

    Raises:
        SpliceError: the edited text does not read as planned.
    """
    made = proved_edits(text, [(scalar, value) for scalar, value, mark in planned if mark is None], scan=scanned)
    wanted: dict[int, list[tuple[NestedMark, str]]] = {}
    for _, value, mark in planned:
        if mark:
            wanted.setdefault(mark.outer.start, []).append((mark, value))
    if not wanted:
        return made
    before, values = splice(text, made), {}
    for start, marks in wanted.items():
        outer = marks[0][0].outer
        inside = proved_edits(outer.value, [(mark.inner, value) for mark, value in marks])
        values[start] = splice(outer.value, inside)
        made += [_moved(text, outer, edit) for edit in inside]
    numbers = {scalar.start: number for number, scalar in enumerate(_scalars(text))}
    _prove(before, splice(text, made), {numbers[start]: value for start, value in values.items()})
    return made


def _moved(text: str, outer: Scalar, edit: Edit) -> Edit:
    """An edit of a scalar's value as one of the text that it is in."""
    at = _place(text, outer, edit.start, edit.end)
    if at is None or any(sign in edit.replacement for sign in _SPECIAL.get(outer.style, "")):
        raise SpliceError(f"{edit.replacement!r} cannot be written into the text of a value", hint=_HINT)
    return Edit(at, at + edit.end - edit.start, edit.replacement)


def _prove(before: str, after: str, values: dict[int, str]) -> None:
    """Check that all values are what they were, but for the planned ones, by their number."""
    old = [_meaning(scalar, values.get(number, scalar.value)) for number, scalar in enumerate(_scalars(before))]
    if old != [_meaning(scalar, scalar.value) for scalar in _scalars(after)]:
        raise SpliceError("the text of a value does not read as planned after its edit", hint=_HINT)


def _scalars(text: str) -> Iterator[Scalar]:
    for node in scan(text, "", outline=KEEP_ALL).documents:
        yield from node.kept.values()


def _meaning(scalar: Scalar, value: str) -> tuple[object, ...]:
    return scalar.document, scalar.path, scalar.style, value
