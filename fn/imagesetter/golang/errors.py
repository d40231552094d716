"""The errors of Go's libraries; ``str()`` is Go's message. Callers turn these into errors of their own.

They are here and not in `imagesetter.errors`, since this package knows nothing of Flux or of imagesetter.
"""

from __future__ import annotations

from krm_functions.errors import InputError


class InvalidPattern(InputError):
    """A regular expression that Go's ``regexp`` does not compile."""


class PatternNeedsRe2(InvalidPattern):
    """A pattern that cannot be read because google-re2 is not installed; it may be valid."""


class InvalidExpansion(InputError):
    """A template of ``Regexp.Expand`` beyond our bounds; Go itself refuses none."""


class InvalidConstraint(InputError):
    """A version range that Masterminds/semver does not read."""


class NotANumber(InputError):
    """A text that Go's ``strconv`` does not read as a number (``strconv.ErrSyntax``)."""


class OutOfRange(InputError):
    """A number that 64 bits do not hold (``strconv.ErrRange``)."""


class Fault(Exception):
    """An error that a Go function returns or panics with; *message* is Go's wording."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LimitReached(Exception):
    """A template that asks for more steps, bytes or depth than a commit message may need."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
