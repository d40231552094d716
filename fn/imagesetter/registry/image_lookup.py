"""From a tag to its digest, its platforms and its config, with as few requests as the cache allows."""

from __future__ import annotations

from imagesetter.errors import NotFound
from imagesetter.registry.cache import Cache
from imagesetter.registry.http.library import httpx
from imagesetter.registry.manifests import (
    ACCEPT,
    CONFIG_CAP,
    MANIFEST_CAP,
    Image,
    ImageConfig,
    announced_digest,
    choose_platform,
    config_digest,
    is_index,
    read_config,
    read_index,
    verified_digest,
)
from imagesetter.registry.repository_client import RepositoryClient
from imagesetter.registry.tags import read_object

# What servers answer that do not know HEAD for manifests.
_NO_HEAD = (405, 501)


def find_digest(client: RepositoryClient, tag: str) -> str:
    """The digest that a tag points to, by HEAD, which counts against no quota; by GET and hashing where that fails.

    Raises:
        RegistryError
    """
    what = f"{client.repository}:{tag}"
    response = client.request(
        "HEAD", f"manifests/{tag}", accept=ACCEPT, body_cap=MANIFEST_CAP, expected=_NO_HEAD, what=what
    )
    digest = announced_digest(response) if response.status_code == 200 else ""
    return digest or verified_digest(_manifest(client, tag, what), what)


def inspect(client: RepositoryClient, tag: str, platform: str, cache: Cache | None) -> Image:
    """What is behind a tag; everything below the tag is verified by its digest, and so may come from the cache.

    Raises:
        RegistryError: there is no such tag or platform, no answer, or one that its digest belies.
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
        config = read_config(_fetch(client, cache, "blobs", named, CONFIG_CAP, what), f"{what}: the config")
    known = known or config.platform
    if platform and not platforms and known and known != platform and not known.startswith(f"{platform}/"):
        raise NotFound(f"{what} is for {known}, not for {platform}")
    return Image(digest, known, chosen, config.created, config.labels, platforms)


def _fetch(
    client: RepositoryClient, cache: Cache | None, kind: str, digest: str, body_cap: int, what: str
) -> httpx.Response:
    """A manifest or blob by digest, verified."""
    kept = cache.load_blob(digest) if cache is not None else None
    if kept is not None:
        return httpx.Response(200, content=kept)
    if kind == "manifests":
        response = _manifest(client, digest, what)
    else:
        response = client.request(
            "GET", f"blobs/{digest}", accept="*/*", body_cap=body_cap, allow_other_host=True, what=what
        )
    verified_digest(response, f"{what}: {kind} {digest[:19]}…", digest)
    if cache is not None:
        cache.store_blob(digest, response.content)
    return response


def _manifest(client: RepositoryClient, name: str, what: str) -> httpx.Response:
    return client.request(
        "GET", f"manifests/{name}", accept=ACCEPT, body_cap=MANIFEST_CAP, allow_other_host=True, what=what
    )
