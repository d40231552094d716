"""Warnings for marker comments that no field follows: invalid markers, and markers that stand behind no value."""

from __future__ import annotations

from imagesetter.fields.field import Location
from imagesetter.fields.report import failure, report
from imagesetter.flux.markers import ParsedComment
from krm_functions.result import Result

MISPLACED = {
    "ambiguous-head": "above a list item, but not directly above a plain one",
    "hidden": "above an item that has a comment of its own, which hides it",
    "above": "on its own line above a key",
    "key": "behind a key whose value is elsewhere",
    "collection": "behind a whole collection",
    "alias": "behind an alias; the value is where the anchor is",
    "empty": "behind a key or dash without a value",
    "duplicate": "behind the second value of a key that is there twice",
    "complex-key": "inside a key that is a collection",
    "directive": "on a directive or document line",
    "loose": "in no field at all",
}
"""Where a marker stands that belongs to no field, by `krm_functions.yaml.scan_result.Comment.place`."""


def marker_problem(parsed: ParsedComment, location: Location) -> Result | None:
    """The warning for an invalid marker of a field, or for a marker without one.

    None for a marker of a field, for a comment about something else, and for a line that is commented out.
    """
    if parsed.error:
        return failure(parsed.error, location, severity="warning") if parsed.comment.scalar else None
    if parsed.marker is None or parsed.comment.scalar or parsed.comment.place not in MISPLACED:
        return None
    return report(
        "warning",
        f"this marker stands {MISPLACED[parsed.comment.place]}, so nothing follows it (Flux ignores it as well); "
        "put it behind the value, on the same line",
        location,
        tags={"error": "MisplacedMarker"},
    )
