"""The ``Link`` header of a tag list: the query of the next page (RFC 8288).

Only the query is taken. Scheme, host and path stay those of the request, whether the server is wrong about its own
address (Artifactory, Nexus) or means to send us elsewhere.

Some registries write the header wrongly. What can mean one thing only is read: a target without angle brackets (an old
zot), single quotes around ``next``, quotes around the whole header, one link without ``rel`` or with an empty one.
Anything else is an error, as are links to several next pages: a list that ends at an unreadable link is not whole.
"""

import re
from typing import NamedTuple

from imagesetter.errors import ProtocolError
from imagesetter.registry.http.redaction import printable

WRONG = "the registry, or a proxy before it, sends it wrongly; its administrator has to fix that"
_QUERY = re.compile(r"[!-~]{1,8192}")
_NO_TAGS = re.compile(r"(?:^|&)n=(?:0*|-[0-9]*)(?:&|$)")
_GAP = re.compile(r"[\s,]*")
_TARGET = re.compile(r"<([^<>]*)>|([^\s;,<>\"']*\?[^\s;,<>\"']*)")
_PARAMETER = re.compile(
    r"""\s*;\s*([!#$%&'*+\-.^_`|~\w]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^'\\]*)'|([^\s",;']*)))?"""
)
_LINK_ENDS = re.compile(r"\s*(?:,|$)")


class _Link(NamedTuple):
    target: str
    relations: tuple[str, ...] | None
    """The words of the first ``rel``; None where there is no ``rel``."""


def next_query(header: str, what: str) -> str | None:
    """The query of the link to the next page, or None on the last page.

    Args:
        header: the value of ``Link``; several headers joined by commas; "" where there is none.
        what: the repository, for messages.

    Raises:
        ProtocolError: the header cannot be read, or its link to the next page has no query that can be sent.
    """
    links = _parse(_unquoted(header.strip()), what)
    following = [link for link in links if link.relations is not None and "next" in link.relations]
    if not following and len(links) == 1 and not links[0].relations:
        following = links
    if not following:
        return None
    target = following[0].target
    query = _query(target)
    if any(_query(link.target) != query for link in following):
        raise ProtocolError(
            f"{what}: the Link header of the tag list, '{printable(header, 100)}', names several next pages",
            hint=WRONG,
        )
    if not _QUERY.fullmatch(query) or _NO_TAGS.search(query):
        raise ProtocolError(f"{what}: the link to the next page, '{printable(target)}', names no page", hint=WRONG)
    return query


def _query(target: str) -> str:
    return target.partition("#")[0].partition("?")[2]


def _parse(header: str, what: str) -> list[_Link]:
    """``#( "<" URI-Reference ">" *( OWS ";" OWS link-param ) )``."""
    links: list[_Link] = []
    at = _end(_GAP, header, 0)
    while at < len(header):
        target = _TARGET.match(header, at)
        if target is None:
            raise _unreadable(header, what)
        at, relations = target.end(), None
        while (parameter := _PARAMETER.match(header, at)) is not None:
            at = parameter.end()
            name, *values = parameter.groups()
            if name.lower() == "rel" and relations is None:
                relations = tuple(next((value for value in values if value is not None), "").lower().split())
                if not all(map(str.isascii, relations)):  # such as quotes of a word processor
                    raise _unreadable(header, what)
        links.append(_Link(target[1] if target[1] is not None else target[2], relations))
        if _LINK_ENDS.match(header, at) is None:
            raise _unreadable(header, what)
        at = _end(_GAP, header, at)
    return links


def _unquoted(header: str) -> str:
    """The header without quotes around all of it, such as ``"</v2/…>; rel=\\"next\\""``."""
    if len(header) > 1 and header[0] == header[-1] and header[0] in "\"'":
        return header[1:-1].replace('\\"', '"')
    return header


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match is not None else at


def _unreadable(header: str, what: str) -> ProtocolError:
    return ProtocolError(
        f"{what}: the Link header of the tag list, '{printable(header, 100)}', cannot be read, so the list is not"
        " whole",
        hint='the registry, or a proxy before it, writes it wrongly: it should be <URL>; rel="next"',
    )
