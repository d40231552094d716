"""What Go's libraries refuse to read; ``str()`` is Go's message. Policies turn these into errors of their own."""

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
