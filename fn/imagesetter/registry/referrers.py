"""``GET /v2/NAME/referrers/DIGEST``: what refers to a manifest, such as its signatures (OCI distribution 1.1).

A registry without that API has an index under the tag ``sha256-HEX`` instead ("unavailable referrers API"). Registries
refuse the unknown path with several statuses, and some respond with something that is not an index.
go-containerregistry v0.21 ``pkg/v1/remote/referrers.go`` falls back in the same cases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from imagesetter.errors import ProtocolError
from imagesetter.registry.link_header import next_query
from imagesetter.registry.manifests import INDEX_TYPES, MANIFEST_CAP, find_manifest
from imagesetter.registry.tags import read_object

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx
    from imagesetter.registry.repository_client import RepositoryClient

MOST_REFERRERS = 10_000
MOST_PAGES = 20

_UNKNOWN = (400, 403, 404, 405, 406)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def find_referrers(client: RepositoryClient, digest: str, artifact_type: str = "") -> list[Mapping[str, object]]:
    """The descriptors of what refers to a manifest.

    Args:
        client: of the repository.
        digest: of the manifest.
        artifact_type: what is looked for; the registry may send others as well.

    Raises:
        RegistryError: no response, one that is not an index, or more than `MOST_REFERRERS`.
    """
    what = f"{client.repository}@{digest}: the list of referrers"
    query: str | None = f"artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
    found: list[Mapping[str, object]] = []
    for page in range(MOST_PAGES):
        target = f"referrers/{digest}?{query}" if query else f"referrers/{digest}"
        expected = () if page else _UNKNOWN
        response = client.request(
            "GET", target, accept=INDEX_TYPES[0], body_cap=MANIFEST_CAP, expected=expected, what=what
        )
        if not page and not _is_index(response):
            return _by_tag(client, digest, what)
        found += _descriptors(read_object(response, what), what)
        query = next_query(response.headers.get("Link", ""), what)
        if query is None:
            return found
    raise ProtocolError(f"{what} has more than {MOST_PAGES} pages")


def _is_index(response: httpx.Response) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    return response.status_code == 200 and kind == INDEX_TYPES[0]


def _by_tag(client: RepositoryClient, digest: str, what: str) -> list[Mapping[str, object]]:
    if not _SHA256.fullmatch(digest):
        return []  # the tag for a longer digest would be cut
    found = find_manifest(client, digest.replace(":", "-", 1), None)
    return _descriptors(found.document, what) if found else []


def _descriptors(document: Mapping[str, object], what: str) -> list[Mapping[str, object]]:
    manifests = document.get("manifests")
    if not isinstance(manifests, list):
        raise ProtocolError(f"{what} came as something that is not an index")
    if len(manifests) > MOST_REFERRERS:
        raise ProtocolError(f"{what} has {len(manifests):,} entries; {MOST_REFERRERS:,} is the most")
    return [each for each in manifests if isinstance(each, Mapping)]
