"""What is behind a tag: digest, platforms, creation time and labels, each checked against the digest that named it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagesetter.errors import NotFound, ProtocolError
from imagesetter.registry.http.library import httpx
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.tags import read_object

MANIFEST_CAP = 4 * 1024 * 1024
CONFIG_CAP = 4 * 1024 * 1024

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGE_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# All four in one line: some proxies keep only one of several, and a registry that misses OCI's answers 404.
ACCEPT = ", ".join(INDEX_TYPES + IMAGE_TYPES)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_MOST_LABELS = 200


@dataclass(frozen=True, slots=True)
class Image:
    """What a tag points to now."""

    digest: str
    """Of the manifest, or of the index where there are several platforms: what ``docker pull name:tag`` prints."""
    platform: str = ""
    """``linux/amd64``, the platform that the following are of; empty where the image does not say."""
    platform_digest: str = ""
    """The digest of that platform's manifest; equals ``digest`` where there is no index."""
    created: str = ""
    """RFC 3339, as the config has it; reproducible builds write 1970 or 1980."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """As the image has them: remote text, not made safe for a terminal."""
    platforms: tuple[str, ...] = ()
    """All platforms of the index."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """An entry of an index."""

    digest: str
    platform: str


def is_digest(text: object) -> bool:
    """Whether this is a sha256 or sha512 digest as registries write it."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def digest_of(data: bytes, like: str = "sha256:") -> str:
    """The digest of a body, by the algorithm of another digest."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def announced_digest(response: httpx.Response) -> str:
    """``Docker-Content-Digest``, or "" where it is missing or none."""
    digest = response.headers.get("Docker-Content-Digest", "").strip()
    return digest if is_digest(digest) else ""


def verified_digest(response: httpx.Response, what: str, expected: str = "") -> str:
    """The digest of the body that came, by hashing it.

    Raises:
        ProtocolError: it is not what the header, or *expected*, says.
    """
    announced = expected or announced_digest(response)
    digest = digest_of(response.content, announced or "sha256:")
    if announced and digest != announced:
        raise ProtocolError(f"{what} was announced as {announced} and is {digest}")
    return digest


def is_index(document: Mapping[str, object], answer_type: str) -> bool:
    """Whether a manifest is an index over several platforms."""
    kind = document.get("mediaType") or answer_type.partition(";")[0].strip()
    return kind in INDEX_TYPES or (kind not in IMAGE_TYPES and isinstance(document.get("manifests"), list))


def read_index(document: Mapping[str, object], what: str) -> tuple[Descriptor, ...]:
    """The images of an index; attestations (platform ``unknown/unknown``) are none.

    Raises:
        ProtocolError: it is no index.
    """
    entries = document.get("manifests")
    if not isinstance(entries, list):
        raise ProtocolError(f"{what} is an index without manifests")
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not is_digest(entry.get("digest")):
            raise ProtocolError(f"{what} is an index with an entry that has no digest")
        platform = entry.get("platform")
        name = _platform(platform) if isinstance(platform, Mapping) else ""
        if name != "unknown/unknown":
            found.append(Descriptor(str(entry["digest"]), name))
    return tuple(found)


def choose_platform(descriptors: tuple[Descriptor, ...], wanted: str, what: str) -> Descriptor:
    """The image for a platform: ``linux/arm64`` means ``linux/arm64/v8`` too, where there is no other.

    Without a wish it is ``linux/amd64``, or else the first.

    Raises:
        NotFound: there is none; the message lists those that there are.
    """
    for candidate in (wanted,) if wanted else ("linux/amd64", ""):
        for descriptor in descriptors:
            if descriptor.platform == candidate:
                return descriptor
        for descriptor in descriptors:
            if not candidate or descriptor.platform.startswith(f"{candidate}/"):
                return descriptor
    known = ", ".join(printable(descriptor.platform or "(none named)", 40) for descriptor in descriptors[:20])
    raise NotFound(f"{what} has no image for {printable(wanted or 'any platform')}", hint=f"it has: {known or 'none'}")


def config_digest(document: Mapping[str, object]) -> str:
    """The digest of the config blob, or "" for what is no image, such as a chart or a signature."""
    config = document.get("config")
    digest = config.get("digest") if isinstance(config, Mapping) else None
    return str(digest) if is_digest(digest) else ""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The part of an image's config that is shown."""

    created: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""


def read_config(response: httpx.Response, what: str) -> ImageConfig:
    """Creation time, labels and platform of a config blob.

    Raises:
        ProtocolError: it is no JSON object.
    """
    document = read_object(response, what)
    inner = document.get("config")
    labels = inner.get("Labels") if isinstance(inner, Mapping) else None
    created = document.get("created")
    texts = {name: text for name, text in labels.items() if isinstance(text, str)} if isinstance(labels, dict) else {}
    return ImageConfig(
        printable(created, 64) if isinstance(created, str) else "",
        dict(list(texts.items())[:_MOST_LABELS]),
        _platform(document),
    )


def _platform(shape: Mapping[str, object]) -> str:
    parts = [shape.get(name) for name in ("os", "architecture", "variant")]
    return printable("/".join(part for part in parts if isinstance(part, str) and part), 64)
