"""Locations, errors and markers that no field follows, as KRM results."""

from __future__ import annotations

from collections.abc import Mapping

from imagesetter.fields.field import Location
from imagesetter.flux.markers import ParsedComment
from krm_functions.errors import ReportedError
from krm_functions.redaction import without_logins
from krm_functions.result import Field, File, Result, Severity


def report(
    severity: Severity,
    message: str,
    location: Location | None = None,
    *,
    old: str | None = None,
    new: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Result:
    """A Result about a place; the one spot where places become KRM's words."""
    location = location or Location()
    tags = dict(tags or {})
    message, old, new = without_logins(message), old and without_logins(old), new and without_logins(new)
    if location.line:
        tags["line"] = str(location.line)
    return Result(
        message=message,
        severity=severity,
        resource_ref=location.resource,
        field=Field(location.field, current_value=old, proposed_value=new) if location.field else None,
        file=File(location.file, location.index or 0) if location.file else None,
        tags=tags,
    )


def failure(
    error: ReportedError, location: Location | None = None, *, severity: Severity = "error", **tags: str
) -> Result:
    """An error as a Result: what, where and what to do in one message, its class as a tag."""
    where = f" ({error.where})" if error.where else ""
    hint = f"; {error.hint}" if error.hint else ""
    return report(severity, f"{error.what}{where}{hint}", location, tags={"error": type(error).__name__, **tags})


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
"""Where a marker is that belongs to no field, by `krm_functions.yaml.scan_result.Comment.place`."""


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
