"""Image references: which registry, which repository, which tag or digest.

Mirrors go-containerregistry v0.21.6 ``pkg/name`` under weak validation, the version that Flux's
image-reflector-controller v1.2 builds on, and Flux's own rule for ``ImageRepository.spec.image``
(image-reflector-controller ``internal/registry/helper.go``). Messages are theirs, word for word.

Departures:

- A reference keeps its tag beside its digest (``name:tag@sha256:…``); upstream drops it. ``name`` and ``identifier``
  answer as upstream does.
- No ``latest`` is invented while parsing: ``tag`` is empty where none was written. ``identifier`` supplies it.
- Upstream swallows why a reference does not parse; here the reason is the error's hint.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from imagesetter.errors import ImageReferenceError

DOCKER_HUB = "index.docker.io"
"""Docker Hub's canonical name: ``docker.io/nginx`` and ``nginx`` are ``index.docker.io/library/nginx``."""

_HUB_ALIAS = "docker.io"
# In upstream's order: the messages print them.
_REPOSITORY_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-./"
_TAG_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
# A tag a line; each possessive (the added plus), so that a long list leaves little behind to go back to.
_TAGS = re.compile(rf"(?:{_TAG.pattern}+\n)*", re.ASCII)
_AT_ONCE = 1000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)

# What Go's net/url does not keep unescaped in the host of a URL; all else it does (RFC 3986 reg-name, <>" and what is
# beyond ASCII).
_HOST = re.compile(r"[^\x00-\x20#%/?@\\^`{|}\x7f]*")
_OPTIONAL_PORT = re.compile(r"(?::[0-9]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repository:
    """Where tags are listed: a registry and a path on it, such as ``index.docker.io`` and ``library/nginx``.

    Two repositories are equal when their canonical names are, however they were written.
    """

    registry: str
    path: str
    written: str = field(default="", compare=False)
    """The text it was parsed from, verbatim: what Flux puts into ``latestRef.name``."""

    @property
    def canonical(self) -> str:
        """The full name, Docker Hub spelled out: ``index.docker.io/library/nginx``."""
        return f"{self.registry}/{self.path}"

    def __str__(self) -> str:
        return self.canonical


@dataclass(frozen=True, slots=True)
class Reference:
    """An image: a repository with a tag, a digest, both, or neither."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""
    written: str = field(default="", compare=False)

    @property
    def context(self) -> Repository:
        """The repository that the image is in; ``written`` without tag and digest."""
        name = self.written.partition("@")[0] if self.digest else self.written
        if self.tag and name.endswith(f":{self.tag}"):
            name = name[: -len(self.tag) - 1]
        return Repository(self.registry, self.repository, name)

    @property
    def identifier(self) -> str:
        """What selects the image: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or "latest"

    @property
    def name(self) -> str:
        """The canonical name: with the digest if there is one, else with the tag."""
        return f"{self.registry}/{self.repository}{'@' if self.digest else ':'}{self.identifier}"

    def __str__(self) -> str:
        return self.written or self.name


def parse_reference(text: str) -> Reference:
    """Read an image reference as Flux and crane read it.

    Raises:
        ImageReferenceError: with upstream's message; the hint says which part is wrong.
    """
    try:
        return _parse_tagged(text)
    except ImageReferenceError as err:
        untagged = err
    if "@" in text:
        try:
            return _parse_digested(text)
        except ImageReferenceError as err:
            raise ImageReferenceError(f"could not parse reference: {text}", hint=err.what) from err
    raise ImageReferenceError(f"could not parse reference: {text}", hint=untagged.what) from untagged


def parse_repository(text: str) -> Repository:
    """Read a repository name that has neither tag nor digest (``name.NewRepository``).

    Raises:
        ImageReferenceError: with upstream's message.
    """
    if not text:
        raise ImageReferenceError("a repository name must be specified")
    first, slash, rest = text.partition("/")
    registry, path = (first, rest) if slash and ("." in first or ":" in first) else ("", text)
    _check("repository", path, _REPOSITORY_CHARACTERS, 2, 255)
    if not _is_authority(registry):
        raise ImageReferenceError(f"registries must be valid RFC 3986 URI authorities: {registry}")
    if registry in ("", _HUB_ALIAS):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return Repository(registry, path, text)


def parse_flux_image(text: str) -> Repository:
    """Read ``ImageRepository.spec.image``: a repository without scheme, tag or digest.

    Raises:
        ImageReferenceError: with the message that Flux puts into the resource's status.
    """
    scheme, found, _ = text.partition("://")
    if found:
        raise ImageReferenceError(f"image '{text}' should not include URL scheme; remove '{scheme}://'")
    reference = parse_reference(text)
    parts = text.removeprefix(reference.registry).split(":")
    if len(parts) > 1:
        raise ImageReferenceError(f"image '{text}' should not include a tag; remove ':{parts[1]}'")
    return Repository(reference.registry, reference.repository, text)


def is_tag(text: object) -> TypeGuard[str]:
    """Whether a registry may call something this (distribution-spec: ``[A-Za-z0-9_][A-Za-z0-9._-]{0,127}``).

    Stricter than `parse_reference`, which lets a leading dot or dash pass. Everything that comes from a registry goes
    through this before anything else reads it.
    """
    return isinstance(text, str) and _TAG.fullmatch(text) is not None


def is_list_of_tags(text: str) -> bool:
    """Whether a text is tags, one a line and the last one without a line end; much faster than one by one."""
    return not text or _TAGS.fullmatch(text + "\n") is not None


def only_tags(texts: Sequence[object]) -> list[str]:
    """Those of the texts that `is_tag` lets pass, in order; much faster than one by one, where it is all of them."""
    found: list[str] = []
    for start in range(0, len(texts), _AT_ONCE):
        part = texts[start : start + _AT_ONCE]
        found += part if _are_tags(part) else filter(is_tag, part)
    return found


def _are_tags(texts: Sequence[object]) -> TypeGuard[Sequence[str]]:
    try:
        lines = "\n".join((*texts, ""))  # type: ignore[arg-type]
    except TypeError:
        return False
    # An entry that holds a line break would pass for two.
    return lines.count("\n") == len(texts) and _TAGS.fullmatch(lines) is not None


def _parse_tagged(text: str) -> Reference:
    """``repository [":" tag]``: the part after the last colon, unless a slash follows it (``name.NewTag``)."""
    name, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        name, tag = text, ""
    elif not tag:
        raise ImageReferenceError(f"{text} must specify a tag name after the colon")
    if tag:
        _check("tag", tag, _TAG_CHARACTERS, 1, 128)
    repository = parse_repository(name)
    return Reference(repository.registry, repository.path, tag, "", text)


def _parse_digested(text: str) -> Reference:
    """``repository [":" tag] "@sha256:" hex{64}`` (``name.NewDigest``)."""
    parts = text.split("@")
    if len(parts) != 2:
        raise ImageReferenceError(
            f"a digest must contain exactly one '@' separator (e.g. registry/repository@digest) saw: {text}"
        )
    base, digest = parts
    if not digest.startswith("sha256:"):
        raise ImageReferenceError(f"unsupported digest algorithm: {digest}")
    if not _DIGEST.fullmatch(digest):
        raise ImageReferenceError(f"a sha256 digest is 64 lower-case hexadecimal digits: {digest}")
    try:
        tagged = _parse_tagged(base)
    except ImageReferenceError:
        repository = parse_repository(base)
        tagged = Reference(repository.registry, repository.path)
    else:  # upstream reads the name again, with the library/ that it put in
        _check("repository", tagged.repository, _REPOSITORY_CHARACTERS, 2, 255)
    return Reference(tagged.registry, tagged.repository, tagged.tag, digest, text)


def _check(part: str, value: str, allowed: str, low: int, high: int) -> None:
    """Length in code points first, then the characters (``pkg/name/check.go``)."""
    if not low <= len(value) <= high:
        raise ImageReferenceError(f"{part} must be between {low} and {high} characters in length: {value}")
    if not set(value) <= set(allowed):
        raise ImageReferenceError(f"{part} can only contain the characters `{allowed}`: {value}")


def _is_authority(name: str) -> bool:
    """Whether Go's ``url.Parse("//" + name)`` gives exactly this host back (Go 1.26 ``net/url``, no scheme)."""
    if not _HOST.fullmatch(name):
        return False
    bracket = name.rfind("[")
    if bracket > 0:
        return False
    if bracket == 0:
        inner, closed, port = name[1:].rpartition("]")
        if not closed or not _OPTIONAL_PORT.fullmatch(port):
            return False
        try:
            ipaddress.IPv6Address(inner)
        except ValueError:
            return False
        return True
    return ":" not in name or bool(_OPTIONAL_PORT.fullmatch(name[name.rindex(":") :]))
