"""What the SDK refuses to do, as exceptions in three parts.

::

    ReportedError                     what, where, hint
    ├── UsageError                    the command line, the environment or the functionConfig is wrong (exit 2)
    │   └── UsageErrors               several of them at once
    ├── InputError                    something that was read is not what it has to be
    │   ├── TextError                 bytes that are not UTF-8, text that is not YAML
    │   ├── ResourceListError         standard input holds no ResourceList
    │   └── ResourceError             a Kubernetes resource breaks its schema; `where` ends in the field path
    └── SpliceError                   the proof failed: the edited text does not read as planned

A program on the SDK derives its own errors from `ReportedError`: they then reach its user as results.
"""

from __future__ import annotations

from collections.abc import Sequence

from krm_functions.redaction import without_logins


class ReportedError(Exception):
    """Anything that a function or the SDK refuses to do, in three parts: what, where, what to do.

    No part shows the login of a URL, whoever wrote it there.

    Args:
        what: one sentence without a final full stop; names the part and the value.
        where: ``file:line:column``, a field path, or a resource; empty where the caller knows better.
        hint: what the reader can do about it; empty when *what* already says so.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = map(without_logins, (what, where, hint))
        super().__init__(self.what)

    def __str__(self) -> str:
        return self.what

    def located(self, where: str) -> ReportedError:
        """The same error with *where* filled in, unless it is known already."""
        if not self.where:
            self.where = where
        return self


class UsageError(ReportedError):
    """The command line, the environment or the functionConfig is wrong."""


class UsageErrors(UsageError):
    """Several mistakes in the configuration; each becomes a result. It reads like the first of them."""

    def __init__(self, errors: Sequence[UsageError]) -> None:
        first = errors[0]
        super().__init__(first.what, where=first.where, hint=first.hint)
        self.errors = tuple(errors)


class InputError(ReportedError):
    """Something that was read is not what it has to be."""


class TextError(InputError):
    """Bytes that are not UTF-8, or text that is not YAML."""


class ResourceListError(InputError):
    """Standard input does not hold a ResourceList."""


class ResourceError(InputError):
    """A Kubernetes resource breaks its schema; *where* ends in the field path."""


class SpliceError(ReportedError):
    """The run-time proof failed: the edited text does not read as planned. Nothing was written."""
