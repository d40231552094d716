"""``GET /v2/NAME/tags/list``: all pages of it, and nothing but tags.

What registries really do, and what follows from it:

- They sort, or do not (docker-registry 2.8, GHCR and Quay do not): the order is never relied on, reading never stops
  early, the result is sorted.
- They page by ``Link``, or send all tags whatever ``n`` says. A page shorter than ``n`` is not the last one if it has a
  ``Link``; without one it is. Of a ``Link`` only the query is taken: scheme, host and path stay those that were asked,
  whether the server is confused about its own address (Artifactory, Nexus) or means to send us elsewhere.
- ``n=1000`` is what Flux asks for; a server that refuses it is asked once more without.
- ``tags`` may be missing or null, in an empty repository and past the end; entries may be null (Nexus) or digests
  (Artifactory). What cannot be a tag is dropped and counted.
- An error on any page is an error of the whole: a part of the tags would be a wrong result.
"""

from __future__ import annotations

import itertools
import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagesetter.errors import ProtocolError
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.reference import is_tag, only_tags

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx

PAGE_CAP = 32 * 1024 * 1024
TOTAL_CAP = 64 * 1024 * 1024
MOST_TAGS = 1_000_000
MOST_PAGES = 10_000

_FIRST = "n=1000"
_LONGEST_WARNING = 4096
_REGISTRY = "is there a registry at this address?"
_QUERY = re.compile(r"[!-~]{1,8192}")
_PARAMETER = r"""\s*;\s*([!#$%&'*+\-.^_`|~\w]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?"""
_LINK = re.compile(rf"<([^<>]*)>((?:{_PARAMETER})*)")
_PARAMETERS = re.compile(_PARAMETER)


@dataclass(slots=True)
class Listing:
    """The tags of a repository, as far as they have been read."""

    tags: list[str] = field(default_factory=list)
    dropped: int = 0
    """Entries that no tag can be."""
    uploaded: dict[str, float] = field(default_factory=dict)
    """tag → seconds since 1970, where the registry tells it for nothing (Google's do)."""
    warnings: list[str] = field(default_factory=list)


def list_tags(get: Callable[[str], httpx.Response], what: str, on_page: Callable[[int], None]) -> Listing:
    """Read every page.

    Args:
        get: sends ``GET …/tags/list?QUERY`` for a query; raises for every status but 200, and 400 with ``n``.
        what: the repository, for messages.
        on_page: called with the number of tags so far, after each page.

    Raises:
        RegistryError: a response that is not a list of tags, or pages without end.
    """
    listing = Listing()
    seen: set[str] = set()
    size = 0
    query = _FIRST
    while True:
        seen.add(query)
        response = get(query)
        if response.status_code == 400 and query == _FIRST:
            query = ""
            continue
        size += len(response.content)
        following = next_query(response.headers.get("Link", ""), what)
        _warn(listing, response.headers.get("Warning", ""))
        _read_page(listing, response, what)
        if size > TOTAL_CAP or len(listing.tags) > MOST_TAGS:
            raise ProtocolError(f"{what} has more than {MOST_TAGS:,} tags or {TOTAL_CAP >> 20} MiB of them")
        on_page(len(listing.tags))
        if following is None:
            break
        query = following
        if query in seen:
            raise ProtocolError(f"{what}: the pages of the tag list lead in a circle")
        if len(seen) >= MOST_PAGES:
            raise ProtocolError(f"{what}: the tag list has more than {MOST_PAGES:,} pages")
    _sort(listing)
    return listing


def next_query(header: str, what: str) -> str | None:
    """The query of the ``Link`` with ``rel=next`` (RFC 8288), or None on the last page.

    Raises:
        ProtocolError: there is such a link and its query cannot be sent.
    """
    for link in _LINK.finditer(header):
        relations = [quoted or plain for name, quoted, plain in _PARAMETERS.findall(link[2]) if name.lower() == "rel"]
        if not relations or "next" not in relations[0].lower().split():
            continue
        query = link[1].partition("#")[0].partition("?")[2]
        if not _QUERY.fullmatch(query):
            raise ProtocolError(f"{what}: the link to the next page, '{printable(link[1])}', names no page")
        return query
    return None


def _read_page(listing: Listing, response: httpx.Response, what: str) -> None:
    document = read_object(response, f"{what}: the tag list")
    tags = document.get("tags")
    if tags is None:
        tags = []
    if not isinstance(tags, list):
        raise ProtocolError(f"{what}: the tag list has no list of tags")
    found = only_tags(tags)
    listing.tags += found
    listing.dropped += len(tags) - len(found)
    _read_uploads(listing, document.get("manifest"))


def read_object(response: httpx.Response, what: str) -> dict[str, object]:
    """The JSON object that a response has to be.

    Raises:
        ProtocolError: it is something else, such as the page of a proxy or a single sign-on.
    """
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        raise ProtocolError(f"{what} came as a web page, which a proxy or a login page would send", hint=_REGISTRY)
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError) as err:
        raise ProtocolError(f"{what} is not JSON", hint=_REGISTRY) from err
    if not isinstance(document, dict):
        raise ProtocolError(f"{what} is not a JSON object", hint=_REGISTRY)
    return document


def _read_uploads(listing: Listing, manifest: object) -> None:
    """Google's extra: ``{"manifest": {DIGEST: {"tag": […], "timeUploadedMs": "…"}}}``."""
    if not isinstance(manifest, dict):
        return
    for entry in manifest.values():
        if not isinstance(entry, dict) or not isinstance(entry.get("tag"), list):
            continue
        stamp = entry.get("timeUploadedMs")
        if isinstance(stamp, str) and stamp.isascii() and stamp.isdigit() and 0 < len(stamp) < 16:
            moment = int(stamp) / 1000
            listing.uploaded.update({tag: moment for tag in entry["tag"] if is_tag(tag)})


def _warn(listing: Listing, header: str) -> None:
    """``Warning: 299 - "…"``: what the registry wants people to know (distribution-spec)."""
    for text in re.findall(r'299 \S+ "((?:[^"\\]|\\.)*)"', header[:_LONGEST_WARNING]):
        warning = "the registry says: " + printable(re.sub(r"\\(.)", r"\1", text))
        if warning not in listing.warnings and len(listing.warnings) < 10:
            listing.warnings.append(warning)


def _sort(listing: Listing) -> None:
    """Bytewise, each tag once; in place, since a million of them is a lot to copy."""
    tags = listing.tags
    tags.sort()
    duplicates = sum(map(operator.eq, tags, itertools.islice(tags, 1, None)))
    if duplicates:
        tags[:] = [tag for tag, _ in itertools.groupby(tags)]
    if listing.dropped or duplicates:
        counts = [
            f"{count:,} {kind}"
            for count, kind in ((listing.dropped, "that no tag can be"), (duplicates, "given twice"))
            if count
        ]
        listing.warnings.append("entries of the tag list were dropped: " + ", ".join(counts))
