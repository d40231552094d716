"""The errors of imagesetter; the SDK's own, with which they form one tree, are in `krm_functions.errors`.

::

    ReportedError                     what, where, hint (krm_functions)
    ├── UsageError                    the command line, the environment or the functionConfig is wrong (krm_functions)
    ├── InputError                    something that was read is invalid (krm_functions; golang.errors)
    │   ├── MarkerError               a marker comment that cannot be read
    │   ├── FieldError                a field whose text or key does not go with its marker
    │   ├── ImageReferenceError       an image reference that cannot be parsed
    │   └── TemplateError             a commit message template that does not parse or run
    ├── PolicyError                   a policy selects no tag; `stage` says where it stopped
    │   ├── InvalidPolicy             the policy itself: a bad range, a bad order   (stage invalid_policy)
    │   ├── InvalidFilter             a pattern that does not compile               (stage invalid_filter)
    │   ├── NoTags                    the registry has no tag for it                (stage no_tags)
    │   └── NothingSelected           no tag passes, or one cannot be read          (stage select)
    ├── ResolveError                  a policy cannot be resolved: unknown, suspended without status, no repository
    ├── RegistryError                 a registry did not answer
    │   ├── Unreachable               no connection, TLS failure, timeout
    │   ├── Unauthorized              401 or 403, or the token server refused
    │   ├── NotFound                  404: unknown or hidden repository, tag or blob
    │   ├── RateLimited               429 for longer than a run waits
    │   ├── ProtocolError             a response that breaks the protocol, or is larger than allowed
    │   └── EgressRefused             our own rules forbid the request
    ├── SignatureError                an image has no signature that a policy's `verify` accepts
    ├── CredentialError               a credential file, helper or Secret that cannot be used
    ├── LockError                     the lock is missing, stale, newer than we are, or in a merge conflict
    │   └── MovedTag                  a locked tag points to another image now
    ├── FileChangedError              a file changed on disk between reading and writing
    ├── BuildError                    kustomize cannot be run, or cannot build
    └── GitError                      git refused, failed or timed out

An error holds data; ``str()`` makes the first of three parts, *what*. *where* (a file position, a field path, a
resource) and *hint* (what to do about it) are kept apart so that a KRM result, a terminal and JSON can each place them.
They are caught in two places only: where they become a Result, and at the command line.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from krm_functions.errors import InputError, ReportedError

Stage = Literal["invalid_policy", "invalid_filter", "no_tags", "select"]


class MarkerError(InputError):
    """A marker comment that names ``$imagepolicy`` but cannot be read."""


class FieldError(InputError):
    """A field whose text, or whose key, does not go with its marker."""


class ImageReferenceError(InputError):
    """An image reference that cannot be parsed."""


class TemplateError(InputError):
    """A commit message template that does not parse or does not run."""


class PolicyError(ReportedError):
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


class ResolveError(ReportedError):
    """A policy that cannot be asked: unknown, without a repository, or suspended without an answer."""


class RegistryError(ReportedError):
    """A registry did not give an answer."""


class Unreachable(RegistryError):
    """No connection, a TLS failure, or a timeout."""


class Unauthorized(RegistryError):
    """401 or 403 from the registry, or a refusal by its token server."""


class NotFound(RegistryError):
    """404: the repository, tag or blob is unknown, or hidden from these credentials."""


class RateLimited(RegistryError):
    """429 for longer than a run waits."""


class ProtocolError(RegistryError):
    """A response that is not a registry's, or one larger than allowed."""


class EgressRefused(RegistryError):
    """Our own rules forbid the request."""


class SignatureError(ReportedError):
    """An image has no signature that a policy accepts, or one that cannot be verified here."""


class CredentialError(ReportedError):
    """A credential file, helper or Secret that cannot be used."""


class LockError(ReportedError):
    """The lock is missing, stale, newer than this program, or in a merge conflict."""


class MovedTag(LockError):
    """A locked tag points to another image now, though it is not meant to move."""


class FileChangedError(ReportedError):
    """A file changed on disk between reading and writing. Nothing was written."""


class BuildError(ReportedError):
    """kustomize cannot be run, or it cannot build."""


class GitError(ReportedError):
    """git refused, failed or timed out."""
