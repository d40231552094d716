"""Exit statuses, in one place."""

from __future__ import annotations

from krm_functions.errors import ReportedError, UsageError

OK = 0
FAILED = 1
USAGE = 2
BUG = 3
INTERRUPTED = 130

TRACKER = "https://github.com/imagesetter/imagesetter/issues"
BUG_REQUEST = (
    f"imagesetter: this is a bug in imagesetter. Please report it with the lines above and the command: {TRACKER}"
)


def status_of(error: ReportedError) -> int:
    """2 for an error in usage or configuration, 1 for every other error."""
    return USAGE if isinstance(error, UsageError) else FAILED
