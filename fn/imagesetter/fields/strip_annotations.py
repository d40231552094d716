"""Taking the annotation ``imagesetter.dev/fields`` out of what is given back, when that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagesetter.fields.report import report
from imagesetter.fields.resource_list import FIELDS_ANNOTATION, location_of
from krm_functions.item import Item
from krm_functions.result import Result
from krm_functions.yaml.comments import line_end, line_start
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.scan_result import Scalar

_PATH = ("metadata", "annotations", FIELDS_ANNOTATION)


def strip_annotations(items: Iterable[Item]) -> tuple[list[Edit], list[Result]]:
    """The edits that remove the annotation, and a warning for each that cannot be removed alone.

    The whole ``annotations`` goes when it would be empty.
    """
    edits: list[Edit] = []
    results: list[Result] = []
    for item in items:
        if FIELDS_ANNOTATION in item.annotations:
            found = list(_edits(item))
            edits += found
            if not found:
                message = f"annotation {FIELDS_ANNOTATION} is not in block style and stays"
                results.append(report("warning", message, location_of(item), tags={"error": "NotStripped"}))
    return edits, results


def _edits(item: Item) -> Iterator[Edit]:
    text = item.whole.text
    scalars = [scalar for scalar in item.scalars() if scalar.path[:2] == _PATH[:2]]
    for scalar in scalars:
        start = line_start(text, scalar.node)
        key = text[start : scalar.node].strip().removesuffix(":").strip("'\"")
        if scalar.path == _PATH and key == FIELDS_ANNOTATION:
            end = _end(text, scalar)
            if len(scalars) == 1:
                above = line_start(text, start - 1)
                if text[above : start - 1].strip() == "annotations:":
                    start = above
            yield Edit(start, end, "")


def _end(text: str, scalar: Scalar) -> int:
    """Where the line after a scalar starts; the mark of a block scalar's end is there already."""
    if scalar.style in ("|", ">"):
        return scalar.end
    return min(line_end(text, scalar.end) + 1, len(text))
