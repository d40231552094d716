"""``GET /v2/NAME/tags/list``: all pages of it, and nothing but tags.

A list is whole, or it is an error: part of the tags would be a wrong result. What registries really do:

- They sort, or do not (docker-registry 2.8, GHCR and Quay do not). So the order is not relied on, reading never stops
  early, and the result is sorted.
- They page by ``Link``, or send all tags whatever ``n`` says. A page shorter than ``n`` is not the last one if it has a
  ``Link``. `imagesetter.registry.link_header` reads it.
- Some cut the list at ``n`` or at a size of their own and send no ``Link`` (old Nexus, and proxies before registries).
  So a page that may have been cut is followed by a request with ``last=``, until nothing new comes; or with a larger
  ``n``, where ``last`` is ignored. What such a request brings once more is no part of the list.
- Some send a ``Link`` with the last, empty page as well. After an empty page, a page without new tags is the end.
- ``n=1000`` is what Flux sends; a server that refuses it gets the request once more without.
- ``tags`` may be missing or null, in an empty repository and past the end; entries may be null (Nexus) or digests
  (Artifactory). Such entries are dropped and counted. Other types are an error: they may stand for tags.
- An error may come with status 200, as ``{"errors": […]}``, or as an object of another form with a ``message``.
- A list may come with any content type, even as a web page.
"""

import itertools
import json
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from imagesetter.errors import ProtocolError
from imagesetter.registry.http.redaction import error_reason, printable
from imagesetter.registry.link_header import WRONG, next_query
from imagesetter.registry.reference import is_tag, only_tags
from imagesetter.registry.upload_times import upload_moment

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx

PAGE_CAP = 32 * 1024 * 1024
TOTAL_CAP = 64 * 1024 * 1024
MOST_TAGS = 1_000_000
MOST_PAGES = 10_000
_MOST_REPEATS = 20

_PAGE_SIZE = 1000
_FIRST = f"n={_PAGE_SIZE}"
_LONGEST_CUT = 10_000
_WIDEST = f"n={_LONGEST_CUT}"
_CUT_AT, _CUT_BEYOND = 50, 500
"""Registries cut at round numbers: multiples of these up to ``n``, and beyond where it is ignored; or powers of two."""
_SMALLEST_POWER = 64
_REFUSED = (400, 404, 405, 422)
"""Statuses of a registry that does not support ``n`` or ``last``."""
_LONGEST_LAST = 256
_ETAG = re.compile(r"[!-~]{1,256}")
_LONGEST_WARNING = 4096
_REGISTRY = "is there a registry at this address?"


class Listing:
    """The tags of a repository, as far as they have been read."""

    def __init__(self, *, etag: str = "", unchanged: bool = False) -> None:
        self.tags: list[str] = []
        self.dropped = 0
        """Entries that no tag can be."""
        self.uploaded: dict[str, float] = {}
        """tag → seconds since 1970, where the registry tells it for nothing (Google's do)."""
        self.warnings: list[str] = []
        self.etag = etag
        """Stands for the list as it is now, where it is one response and the registry sends an ETag."""
        self.unchanged = unchanged
        """The list is still that of the ETag that was sent; the rest is empty then."""


GetPage = Callable[[str, tuple[int, ...], str], "httpx.Response"]
"""Sends ``GET …/tags/list?QUERY``; given query, expected statuses besides 200, and the ETag of a list that is known."""


def list_tags(
    get: GetPage, what: str, on_page: Callable[[int], None], max_tags: int = MOST_TAGS,
    cuts: "CutDetection | None" = None, etag: str = "",
) -> Listing:  # fmt: skip
    """Read every page.

    Args:
        get: requests a page.
        what: the repository, for messages.
        on_page: called with the number of tags so far, after each page.
        max_tags: more tags are an error.
        cuts: what is known of the registry.
        etag: of a list that is known already.

    Raises:
        RegistryError: a response that is not a list of tags, or pages without end.
    """
    return _Pages(get, what, max_tags, cuts or CutDetection()).read(on_page, etag)


class CutDetection:
    """What earlier lists of a registry say about lists that are cut without a ``Link``."""

    def __init__(self, ignores_last: bool = False) -> None:
        self.ignores_last = ignores_last
        """It sends the same page whatever ``last`` is: it does not page, and may cut a list at ``n`` only."""


class _Pages:
    """The pages of one list, and what the next request is."""

    def __init__(self, get: GetPage, what: str, max_tags: int, cuts: CutDetection) -> None:
        self.get = get
        self.what = what
        self.max_tags = max_tags
        self.cuts = cuts
        self._listing = Listing()
        self._seen: set[str] = set()
        """The queries so far."""
        self._known: set[str] | None = None
        """The tags so far, where it matters whether a page has new ones."""
        self._sized = True
        """Whether the registry accepts ``n``."""
        self._paged = False
        """Whether there was a ``Link``: a registry that sends one does not cut without."""
        self._emptied = False
        """Whether there was an empty page with a ``Link``."""
        self._probing = False
        """Whether this page was requested with ``last`` although there was no ``Link``."""
        self._previous: list[str] = []
        """The tags of the page before, and how many pages had the same."""
        self._repeats = 0

    def read(self, on_page: Callable[[int], None], etag: str) -> Listing:
        size, most_pages = 0, max(MOST_PAGES, self.max_tags // 100)
        query: str | None = _FIRST
        while query is not None:
            if len(self._seen) >= most_pages:
                raise ProtocolError(f"{self.what}: the tag list has more than {most_pages:,} pages", hint=WRONG)
            self._seen.add(query)
            first = query == _FIRST
            response = self.get(query, _REFUSED if self._probing else (400,) if first else (), etag if first else "")
            if first and response.status_code == 304:
                return Listing(unchanged=True, etag=etag)
            if response.status_code != 200:
                query = self._refused()
                continue
            size += len(response.content)
            _warn(self._listing, response.headers.get("Warning", ""))
            page = _read_page(self._listing, response, self.what)
            self._check_size(size)
            on_page(len(self._listing.tags))
            query = self._following(response.headers.get("Link", ""), page)
            if first and query is None:
                self._listing.etag = _etag(response.headers.get("ETag", ""))
        _sort(self._listing)
        return self._listing

    def _refused(self) -> str | None:
        """The next query when the registry refuses ``n`` or ``last``."""
        if not self._probing:
            self._sized = False
            return ""
        count = len(self._listing.tags)
        if count == _PAGE_SIZE:
            self._listing.warnings.append(
                f"the tag list may have been cut: it has exactly {count:,} tags, and the registry lists no others"
            )
        return None

    def _following(self, link: str, page: "_Page") -> str | None:
        """The query of the next page, None after the last one."""
        query = next_query(link, self.what)
        new = self._count_new(page) if self._probing or self._emptied else page.entries
        if query is None:
            if self._probing and not new:
                self.cuts.ignores_last |= page.entries >= _CUT_AT
                return self._widened(page)
            return self._probe(page) if self._probing or self._may_be_cut(page) else self._widened(page)
        self._paged, self._probing = True, False
        if (self._emptied and not new) or (not page.entries and query in self._seen):
            return None
        if query in self._seen:
            raise ProtocolError(f"{self.what}: the pages of the tag list lead in a circle", hint=WRONG)
        self._check_progress(self._listing.tags[page.start :])
        if not page.entries and not self._emptied:
            self._emptied = True
            self._known = set(self._listing.tags)
        return query

    def _widened(self, page: "_Page") -> str | None:
        """The query of all tags at once where a list has exactly ``n`` and the registry ignores ``last``, else None."""
        if page.entries != _PAGE_SIZE or not self._sized or self._paged or _WIDEST in self._seen:
            return None
        self._known, self._probing = set(self._listing.tags), True
        return _WIDEST

    def _may_be_cut(self, page: "_Page") -> bool:
        """Whether a page without ``Link`` may be a part of the list: a round number of entries."""
        step = _CUT_AT if page.entries <= _PAGE_SIZE or not self._sized else _CUT_BEYOND
        power = page.entries >= _SMALLEST_POWER and page.entries.bit_count() == 1
        round_number = 0 < page.entries <= _LONGEST_CUT and (power or not page.entries % step)
        return round_number and not self._paged and not self.cuts.ignores_last

    def _probe(self, page: "_Page") -> str | None:
        """The query of what follows the last entry of a page; None where there is none that can be sent."""
        if not page.last:
            return None
        if not self._probing:
            self._known = set(self._listing.tags)
        self._probing = True
        last = f"last={quote(page.last, safe='')}"
        return f"{_FIRST}&{last}" if self._sized else last

    def _count_new(self, page: "_Page") -> int:
        """How many tags of a page no page before it had; the others of a page that was probed for are taken out."""
        assert self._known is not None
        tags = self._listing.tags
        new = [tag for tag in tags[page.start :] if tag not in self._known]
        if self._probing:
            tags[page.start :] = new
        self._known.update(new)
        return len(new)

    def _check_progress(self, tags: list[str]) -> None:
        self._repeats = self._repeats + 1 if tags and tags == self._previous else 0
        self._previous = tags
        if self._repeats >= _MOST_REPEATS:
            raise ProtocolError(f"{self.what}: the tag list repeats the same page under other links", hint=WRONG)

    def _check_size(self, size: int) -> None:
        longest = TOTAL_CAP * max(1, self.max_tags // MOST_TAGS)
        if len(self._listing.tags) > self.max_tags or size > longest:
            raise ProtocolError(
                f"{self.what} has more than {self.max_tags:,} tags or {longest >> 20} MiB of them",
                hint="if that is right, allow more: --max-tags, or IMAGESETTER_MAX_TAGS",
            )


class _Page(NamedTuple):
    """Where a page begins among the tags, how many entries it has, and the last one, "" where none can be sent."""

    start: int
    entries: int
    last: str


def _read_page(listing: Listing, response: "httpx.Response", what: str) -> _Page:
    """Add the tags of a page to the list."""
    document = read_object(response, f"{what}: the tag list")
    tags = document.get("tags")
    if "tags" not in document and "name" not in document and not document.get("errors"):
        raise ProtocolError(f"{what}: the tag list has neither name nor tags", hint=_REGISTRY)
    if document.get("errors") or (not tags and (document.get("message") or document.get("error"))):
        raise ProtocolError(f"{what}: the registry responded with an error in place of tags{_reason(response)}")
    if tags is None:
        tags = []
    if not isinstance(tags, list):
        raise ProtocolError(f"{what}: the tag list has no list of tags", hint=_REGISTRY)
    if not set(map(type, tags)) <= {str, type(None)}:
        raise ProtocolError(f"{what}: the tag list has entries that are not the names of tags", hint=WRONG)
    start, found = len(listing.tags), only_tags(tags)
    listing.tags += found
    listing.dropped += len(tags) - len(found)
    _read_uploads(listing, document.get("manifest"))
    last = next((entry for entry in reversed(tags) if isinstance(entry, str) and len(entry) < _LONGEST_LAST), "")
    return _Page(start, len(tags), last)


def _reason(response: "httpx.Response") -> str:
    reason = error_reason(response.content, "application/json")
    return f": {reason}" if reason else ""


def read_object(response: "httpx.Response", what: str) -> dict[str, object]:
    """The JSON object that a response has to be.

    Raises:
        ProtocolError: it is something else, such as the page of a proxy or a single sign-on.
    """
    try:
        document = json.loads(response.content, object_pairs_hook=_members)
    except (ValueError, RecursionError) as err:
        if response.content.lstrip()[:1] == b"<":
            raise ProtocolError(
                f"{what} came as a web page, which a proxy or a login page would send", hint=_REGISTRY
            ) from err
        if isinstance(err, _Twice):
            raise ProtocolError(f"{what} {err}", hint=WRONG) from err
        raise ProtocolError(f"{what} is not JSON", hint=_REGISTRY) from err
    if not isinstance(document, dict):
        raise ProtocolError(f"{what} is not a JSON object", hint=_REGISTRY)
    return document


class _Twice(ValueError):
    """A member that an object has twice: readers differ in which one they take."""


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Twice(f"has '{printable(name, 40)}' twice")
    return members


def _read_uploads(listing: Listing, manifest: object) -> None:
    """Google's extra: ``{"manifest": {DIGEST: {"tag": […], "timeUploadedMs": "…"}}}``."""
    if not isinstance(manifest, dict):
        return
    for entry in manifest.values():
        if not isinstance(entry, dict) or not isinstance(entry.get("tag"), list):
            continue
        stamp = str(entry.get("timeUploadedMs"))
        digits = stamp.isascii() and stamp.isdigit() and len(stamp) < 16
        moment = upload_moment(int(stamp) / 1000) if digits else None
        if moment is not None:
            listing.uploaded.update({tag: moment for tag in entry["tag"] if is_tag(tag)})


def _etag(header: str) -> str:
    """``ETag``, or "" where it cannot be sent back."""
    return header if _ETAG.fullmatch(header) else ""


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
