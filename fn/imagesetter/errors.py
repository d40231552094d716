"""The exception tree of imagesetter.

::

    ImagesetterError                  what, where, hint
    ├── UsageError                    the command line, the environment or the functionConfig is wrong (exit 2)
    ├── InputError                    something that was read is not what it has to be
    │   ├── TextError                 bytes that are not UTF-8, text that is not YAML
    │   ├── ResourceListError         stdin holds no ResourceList
    │   ├── ResourceError             a Kubernetes resource breaks its schema; `where` ends in the field path
    │   ├── MarkerError               a marker comment that cannot be read
    │   ├── ImageReferenceError       an image reference that cannot be parsed
    │   └── TemplateError             a commit message template that does not parse or run
    ├── PolicyError                   a policy gives no tag; `stage` says where it stopped
    │   ├── InvalidPolicy             the rule itself: a bad range, a bad order     (stage invalid_policy)
    │   ├── InvalidFilter             a pattern that does not compile               (stage invalid_filter)
    │   ├── NoTags                    the registry has no tag for it                (stage no_tags)
    │   └── NothingSelected           no tag passes, or one cannot be read          (stage select)
    ├── ResolveError                  a policy cannot be asked: unknown, suspended without answer, no repository
    ├── RegistryError                 a registry did not give an answer
    │   ├── Unreachable               no connection, TLS failure, timeout
    │   ├── Unauthorized              401 or 403, or the token server refused
    │   ├── NotFound                  404: unknown or hidden repository, tag or blob
    │   ├── RateLimited               429 beyond what waiting can mend
    │   ├── ProtocolError             an answer that is no registry's answer, or larger than allowed
    │   └── EgressRefused             our own rules forbid the request
    ├── CredentialError               a credential file, helper or Secret that cannot be used
    ├── LockError                     the lock is missing, stale, newer than we are, or in a merge conflict
    │   └── MovedTag                  a locked tag points to another image now
    ├── SpliceError                   the proof failed: the edited text does not read as planned
    ├── FileChangedError              a file changed on disk between reading and writing
    └── GitError                      git refused, failed or timed out

An error holds data; ``str()`` makes the first of three parts, *what*. *where* (a file position, a field path, a
resource) and *hint* (what to do about it) are kept apart so that a KRM result, a terminal and JSON can each place them.
They are caught in two places only: where they become a Result, and at the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Literal

from imagesetter.redaction import without_logins

Stage = Literal["invalid_policy", "invalid_filter", "no_tags", "select"]


class KnownNames:
    """Names among which the one that was meant is looked for, in bounded time however many there are.

    Up to `MOST_COMPARED` names are all compared. Of more, only those whose beginning or end is most like the one asked
    for: its `NEIGHBOURS` on each side in the two sorted lists.
    """

    MOST_COMPARED: ClassVar[int] = 32
    NEIGHBOURS: ClassVar[int] = 4
    LONGEST: ClassVar[int] = 256
    """A longer name gets no suggestion: comparing takes the square of the length."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_beginning = sorted({name for name in names if len(name) <= self.LONGEST})
        self._by_end: list[str] | None = None

    def candidates(self, name: str) -> list[str]:
        """The names to compare with this one, `MOST_COMPARED` at most."""
        from bisect import bisect

        if len(name) > self.LONGEST:
            return []
        if len(self._by_beginning) <= self.MOST_COMPARED:
            return self._by_beginning
        if self._by_end is None:
            self._by_end = sorted(each[::-1] for each in self._by_beginning)
        side = self.NEIGHBOURS
        begin, end = bisect(self._by_beginning, name), bisect(self._by_end, name[::-1])
        near = set(self._by_beginning[max(0, begin - side) : begin + side])
        near |= {each[::-1] for each in self._by_end[max(0, end - side) : end + side]}
        return sorted(near)

    def close_to(self, name: str, most: int = 1) -> list[str]:
        """The names that are close to this one, the closest first."""
        from difflib import get_close_matches

        return get_close_matches(name, self.candidates(name), n=most, cutoff=0.6)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean x?)`` for a name that is close to a known one, else an empty text."""
    close = KnownNames(known).close_to(name)
    return f" (did you mean {close[0]}?)" if close else ""


def harmless(text: str, kept: str = "\n\t") -> str:
    """The text as it may be shown: names and values in messages are a stranger's, and a terminal or a log obeys them.

    What Unicode does not count as printable is shown as Python's escape, but for the characters *kept*: control and
    format characters (those that turn the direction of reading among them), every separator but the space, halves of
    surrogate pairs, and what is private or unassigned.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text)


# GitHub obeys a line that begins with "::", blanks aside, and "##[" anywhere; Azure "##vso[", TeamCity "##teamcity[".
_BREAKS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_LOG_COMMAND = re.compile(rf"(?:(?<=[{_BREAKS}])|\A)([^\S{_BREAKS}]*):(?=:)|#(?=#\w*\[)")


def without_log_commands(text: str) -> str:
    """The text, with one character escaped of whatever a CI system would obey when it reads these lines in a log."""
    if "::" not in text and "##" not in text:
        return text
    return _LOG_COMMAND.sub(lambda found: r"\x23" if found[0] == "#" else rf"{found[1]}\x3a", text)


def log_line(text: str) -> str:
    """The text as one line of a terminal or a log: a line break in it is shown as an escape."""
    return without_log_commands(harmless(text, kept="\t"))


def one_line(text: str) -> str:
    """The same for sentences that may have several lines: a space for every line break and other white space."""
    return log_line(text if text.isprintable() else "".join(" " if char.isspace() else char for char in text))


class ImagesetterError(Exception):
    """Anything that imagesetter refuses to do, in three parts: what, where, what to do.

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

    def located(self, where: str) -> ImagesetterError:
        """The same error with *where* filled in, unless it is known already."""
        if not self.where:
            self.where = where
        return self


class UsageError(ImagesetterError):
    """The command line, the environment or the functionConfig is wrong."""


class InputError(ImagesetterError):
    """Something that was read is not what it has to be."""


class TextError(InputError):
    """Bytes that are not UTF-8, or text that is not YAML."""


class ResourceListError(InputError):
    """Standard input does not hold a ResourceList."""


class ResourceError(InputError):
    """A Kubernetes resource breaks its schema; *where* ends in the field path."""


class MarkerError(InputError):
    """A marker comment that names ``$imagepolicy`` but cannot be read."""


class ImageReferenceError(InputError):
    """An image reference that cannot be parsed."""


class TemplateError(InputError):
    """A commit message template that does not parse or does not run."""


class PolicyError(ImagesetterError):
    """A policy that gives no tag."""

    stage: ClassVar[Stage] = "select"


class InvalidPolicy(PolicyError):
    """The rule itself is invalid: a bad range, a bad order, no rule at all."""

    stage: ClassVar[Stage] = "invalid_policy"


class InvalidFilter(PolicyError):
    """A filterTags or exclusionList pattern that does not compile."""

    stage: ClassVar[Stage] = "invalid_filter"


class NoTags(PolicyError):
    """The repository has no tag, or none that the exclusion list leaves."""

    stage: ClassVar[Stage] = "no_tags"


class NothingSelected(PolicyError):
    """No tag passes, or one of them cannot be read by the rule."""


class ResolveError(ImagesetterError):
    """A policy that cannot be asked: unknown, without a repository, or suspended without an answer."""


class RegistryError(ImagesetterError):
    """A registry did not give an answer."""


class Unreachable(RegistryError):
    """No connection, a TLS failure, or a timeout."""


class Unauthorized(RegistryError):
    """401 or 403 from the registry, or a refusal by its token server."""


class NotFound(RegistryError):
    """404: the repository, tag or blob is unknown, or hidden from these credentials."""


class RateLimited(RegistryError):
    """429 beyond what waiting can mend."""


class ProtocolError(RegistryError):
    """An answer that is no registry's answer, or one larger than allowed."""


class EgressRefused(RegistryError):
    """Our own rules forbid the request."""


class CredentialError(ImagesetterError):
    """A credential file, helper or Secret that cannot be used."""


class LockError(ImagesetterError):
    """The lock is missing, stale, newer than this program, or in a merge conflict."""


class MovedTag(LockError):
    """A locked tag points to another image now, though it is not meant to move."""


class SpliceError(ImagesetterError):
    """The run-time proof failed: the edited text does not read as planned. Nothing was written."""


class FileChangedError(ImagesetterError):
    """A file changed on disk between reading and writing. Nothing was written."""


class GitError(ImagesetterError):
    """git refused, failed or timed out."""
