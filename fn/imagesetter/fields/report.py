"""Locations and errors as KRM results."""

from __future__ import annotations

from collections.abc import Mapping

from imagesetter.fields.field import Location
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
    message, old = without_logins(message), old and without_logins(old)
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
