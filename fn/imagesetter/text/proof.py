"""Rewriting scalars and proving that nothing else changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imagesetter.errors import SpliceError
from imagesetter.text.edits import Edit, splice
from imagesetter.text.events import Unreadable, parsing, reader
from imagesetter.text.quote import render
from imagesetter.text.scan import Scalar, Scan


def rewrite(text: str, planned: Iterable[tuple[Scalar, str]], *, scan: Scan | None = None, pure: bool = False) -> str:
    """The text with the planned values in place of the scalars, proved: nothing else reads differently.

    Raises:
        SpliceError: the edited text does not read as planned; the text is to be left alone.
    """
    wanted = sorted(planned, key=lambda each: each[0].start)
    edits = [Edit(scalar.start, scalar.end, render(value, scalar, text)) for scalar, value in wanted]
    changed = splice(text, edits)
    if changed != text:
        prove(text, changed, wanted, edits, pure=pure)
    return changed


def prove(
    before: str, after: str, planned: Sequence[tuple[Scalar, str]], edits: Sequence[Edit], *, pure: bool = False
) -> None:
    """Read the edited text again; every event but the planned scalars has to be what it was."""
    from imagesetter.text.walk import opening, signature

    try:
        with parsing(before):
            old = list(iter(reader(before, pure=pure), None))
        with parsing(after):
            new = list(iter(reader(after, pure=pure), None))
    except Unreadable as err:
        raise SpliceError(f"line {err.problem.line}: {err.problem.reason}") from err
    values = {scalar.node: value for scalar, value in planned}
    if len(old) != len(new):
        raise SpliceError("the edited text has another structure")
    for was, now in zip(old, new, strict=True):
        if type(was) is not type(now):
            raise SpliceError("the edited text has another structure")
        if hasattr(was, "value"):
            value = values.pop(was.start_mark.index, None) if was.start_mark.index < was.end_mark.index else None
            if value is not None:
                if now.value != value:
                    raise SpliceError(f"a scalar reads {now.value!r} instead of {value!r}")
            elif signature(was) != signature(now):
                raise SpliceError(f"line {was.start_mark.line + 1}: a scalar reads differently")
        elif hasattr(was, "flow_style") and opening(was) != opening(now):
            raise SpliceError(f"line {was.start_mark.line + 1}: a collection reads differently")
    if values:
        raise SpliceError("a planned scalar was not found")
    del edits
