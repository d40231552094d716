"""What a tag points to: digest, platforms, creation time and labels, each verified against the digest that named it.

`find_digest` and `inspect` send as few requests as the cache allows; the functions above them read what came.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from imagesetter.errors import ImageReferenceError, NotFound, ProtocolError
from imagesetter.registry.http.redaction import error_reason, printable
from imagesetter.registry.reference import is_tag
from imagesetter.registry.tags import read_object

if TYPE_CHECKING:
    from imagesetter.registry.cache import Cache
    from imagesetter.registry.http.library import httpx
    from imagesetter.registry.repository_client import RepositoryClient

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
# All four in one line: some proxies keep only one of several, and a registry that misses OCI's responds with 404.
ACCEPT = ", ".join(INDEX_TYPES + IMAGE_TYPES)

# After these statuses of HEAD the same is requested by GET: some servers do not support HEAD, some proxies and
# firewalls forbid it, some fail, each with a status of its own. Not after a refused login, a quota, or an outage.
_NO_HEAD = tuple(status for status in range(201, 600) if status not in (401, 408, 429, 503, 504))

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_MOST_LABELS = 200
_MANIFEST_MEMBERS = frozenset({"schemaVersion", "mediaType", "config", "layers", "manifests"})


class Image(NamedTuple):
    """What a tag points to now."""

    digest: str
    """Of the manifest, or of the index where there are several platforms: what ``docker pull name:tag`` prints."""
    platform: str = ""
    """``linux/amd64``, the platform that the following are of; empty where the image does not say."""
    platform_digest: str = ""
    """The digest of that platform's manifest; equals ``digest`` where there is no index."""
    created: str = ""
    """RFC 3339, as the config has it; reproducible builds write 1970 or 1980."""
    labels: Mapping[str, str] = {}
    """As the image has them: remote text, not made safe for a terminal."""
    platforms: tuple[str, ...] = ()
    """All platforms of the index."""


class Manifest(NamedTuple):
    """A manifest or an index, verified against its digest."""

    digest: str
    document: Mapping[str, object]
    data: bytes
    """As the registry sent it: what the digest is the hash of."""
    is_index: bool


class Descriptor(NamedTuple):
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


def announced_digest(response: "httpx.Response") -> str:
    """``Docker-Content-Digest``, or "" where it is missing or not a digest."""
    digest = response.headers.get("Docker-Content-Digest", "").strip()
    return digest if is_digest(digest) else ""


def verified_digest(response: "httpx.Response", what: str, expected: str = "") -> str:
    """The digest of the body that came, by hashing it.

    Raises:
        ProtocolError: it is not what the header, or *expected*, says.
    """
    announced = expected or announced_digest(response)
    digest = digest_of(response.content, announced or "sha256:")
    if announced and digest != announced:
        raise ProtocolError(f"{what} was announced as {announced} and is {digest}")
    return digest


def is_index(document: Mapping[str, object], content_type: str) -> bool:
    """Whether a manifest is an index over several platforms."""
    kind = document.get("mediaType") or content_type.partition(";")[0].strip()
    return kind in INDEX_TYPES or (kind not in IMAGE_TYPES and isinstance(document.get("manifests"), list))


def read_index(document: Mapping[str, object], what: str) -> tuple[Descriptor, ...]:
    """The images of an index, or further indexes; attestations (platform ``unknown/unknown``) are none.

    The platform is empty where the entry does not say both the system and the architecture.

    Raises:
        ProtocolError: it is not a valid index.
    """
    entries = document.get("manifests")
    if not isinstance(entries, list):
        raise ProtocolError(f"{what} is an index without manifests")
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not is_digest(entry.get("digest")):
            raise ProtocolError(f"{what} is an index with an entry that has no digest")
        platform = entry.get("platform")
        name = _platform(platform) if isinstance(platform, Mapping) and _is_whole(platform) else ""
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
    """The digest of the config blob, or "" for what is not an image, such as a chart or a signature."""
    config = document.get("config")
    digest = config.get("digest") if isinstance(config, Mapping) else None
    return str(digest) if is_digest(digest) else ""


class ImageConfig(NamedTuple):
    """The part of an image's config that is shown."""

    created: str = ""
    labels: Mapping[str, str] = {}
    platform: str = ""


def read_config(data: bytes) -> ImageConfig:
    """Creation time, labels and platform of a config blob, as far as it has them: not every artifact is an image."""
    document = read_config_object(data)
    inner = document.get("config")
    labels = inner.get("Labels") if isinstance(inner, Mapping) else None
    created = document.get("created")
    texts = {name: text for name, text in labels.items() if isinstance(text, str)} if isinstance(labels, dict) else {}
    return ImageConfig(
        printable(created, 64) if isinstance(created, str) else "",
        dict(list(texts.items())[:_MOST_LABELS]),
        _platform(document),
    )


def read_config_object(data: bytes) -> Mapping[str, object]:
    """A config blob as an object; empty for what is none, such as the config of a chart."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_whole(platform: Mapping[str, object]) -> bool:
    return all(isinstance(platform.get(name), str) and platform[name] for name in ("os", "architecture"))


def _platform(shape: Mapping[str, object]) -> str:
    parts = [shape.get(name) for name in ("os", "architecture", "variant")]
    return printable("/".join(part for part in parts if isinstance(part, str) and part), 64)


def check_tag(tag: str) -> None:
    """Refuse what is neither a tag nor a digest.

    Raises:
        ImageReferenceError
    """
    if not is_tag(tag) and not is_digest(tag):
        raise ImageReferenceError(f"'{printable(tag)}' cannot be a tag")


def find_digest(client: "RepositoryClient", tag: str) -> str:
    """The digest that a tag points to, by HEAD, which counts against no quota; by GET and hashing where that fails.

    Raises:
        RegistryError: no response, or one that is not a manifest.
    """
    what = f"{client.repository}:{tag}"
    response = client.request(
        "HEAD", f"manifests/{tag}", accept=ACCEPT, body_cap=MANIFEST_CAP, expected=_NO_HEAD, what=what
    )
    digest = announced_digest(response) if response.status_code == 200 else ""
    if digest:
        return digest
    response = _manifest(client, tag, what)
    document = read_object(response, f"{what}: the manifest")
    if document.keys().isdisjoint(_MANIFEST_MEMBERS):
        reason = error_reason(response.content, "application/json")
        raise ProtocolError(
            f"{what}: the registry responded with something else than a manifest{reason and f': {reason}'}",
            hint="is there a registry at this address, or a proxy or login page before it?",
        )
    return verified_digest(response, what)


def inspect(client: "RepositoryClient", tag: str, platform: str, cache: "Cache | None") -> Image:
    """What a tag points to; everything below the tag is verified by its digest, and so may come from the cache.

    Raises:
        RegistryError: there is no such tag or platform, no response, or its body does not match its digest.
    """
    what = f"{client.repository}:{tag}"
    digest = find_digest(client, tag)
    manifest = _fetch(client, cache, "manifests", digest, MANIFEST_CAP, what)
    document = read_object(manifest, f"{what}: the manifest")
    chosen, known = digest, ""
    platforms: tuple[str, ...] = ()
    if is_index(document, manifest.headers.get("Content-Type", "")):
        descriptors = read_index(document, what)
        descriptor = choose_platform(descriptors, platform, what)
        chosen, known = descriptor.digest, descriptor.platform
        platforms = tuple(dict.fromkeys(each.platform for each in descriptors if each.platform))
        manifest = _fetch(client, cache, "manifests", chosen, MANIFEST_CAP, what)
        document = read_object(manifest, f"{what}: the manifest")
    named = config_digest(document)
    config = ImageConfig()
    if named:
        config = read_config(_fetch(client, cache, "blobs", named, CONFIG_CAP, what).content)
    known = known or config.platform
    if platform and not platforms and known and known != platform and not known.startswith(f"{platform}/"):
        raise NotFound(f"{what} is for {known}, not for {platform}")
    return Image(digest, known, chosen, config.created, config.labels, platforms)


def find_manifest(client: "RepositoryClient", name: str, cache: "Cache | None") -> Manifest | None:
    """A manifest or index by digest or tag; None where there is none.

    Raises:
        RegistryError: no response, or one that does not match its digest.
    """
    what = f"{client.repository}{'@' if is_digest(name) else ':'}{name}"
    try:
        if is_digest(name):
            digest, response = name, _fetch(client, cache, "manifests", name, MANIFEST_CAP, what)
        else:
            response = _manifest(client, name, what)
            digest = verified_digest(response, what)
    except NotFound:
        return None
    document = read_object(response, f"{what}: the manifest")
    index = is_index(document, response.headers.get("Content-Type", ""))
    return Manifest(digest, document, response.content, index)


def find_blob(client: "RepositoryClient", digest: str, cache: "Cache | None") -> bytes | None:
    """A blob of at most `CONFIG_CAP` bytes by digest; None where there is none.

    Raises:
        RegistryError: no response, or one that does not match its digest.
    """
    try:
        return _fetch(client, cache, "blobs", digest, CONFIG_CAP, str(client.repository)).content
    except NotFound:
        return None


def _fetch(
    client: "RepositoryClient", cache: "Cache | None", kind: str, digest: str, body_cap: int, what: str
) -> "httpx.Response":
    """A manifest or blob by digest, verified."""
    from imagesetter.registry.http.library import httpx

    kept = cache.load_blob(digest) if cache is not None else None
    if kept is not None:
        return httpx.Response(200, content=kept)
    if kind == "manifests":
        response = _manifest(client, digest, what)
    else:
        response = client.request("GET", f"blobs/{digest}", accept="*/*", body_cap=body_cap, what=what)
    verified_digest(response, f"{what}: {kind} {digest[:19]}…", digest)
    if cache is not None:
        cache.store_blob(digest, response.content)
    return response


def _manifest(client: "RepositoryClient", name: str, what: str) -> "httpx.Response":
    return client.request("GET", f"manifests/{name}", accept=ACCEPT, body_cap=MANIFEST_CAP, what=what)
