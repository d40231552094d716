"""A setter pass small enough to read: markers, latest refs, rewrite; the stories put files and results around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from imagesetter.errors import MarkerError
from imagesetter.flux.markers import Marker, parse_marker
from imagesetter.text.found import Comment, Scalar, Scan
from imagesetter.text.proof import rewrite
from imagesetter.text.scan import scan


class Ref(NamedTuple):
    """What a policy's status says."""

    name: str
    tag: str
    digest: str = ""

    def part(self, part: str) -> str:
        """The text that a marker asks for; empty for a digest that there is not."""
        if part:
            return str(getattr(self, part))
        return f"{self.name}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


Refs = Mapping[tuple[str, str], Ref]


def marked(found: Scan) -> Iterator[tuple[Comment, Scalar, Marker]]:
    """The comments that are markers of a scalar."""
    for comment in found.comments:
        try:
            marker = parse_marker(comment.text)
        except MarkerError:
            continue
        if marker and comment.scalar:
            yield comment, comment.scalar, marker


def plan(found: Scan, value: Callable[[Marker], str | None]) -> list[tuple[Scalar, str]]:
    """The scalars that change, with their new values; ``value`` says None to leave one alone."""
    planned = []
    for _, scalar, marker in marked(found):
        new = value(marker)
        if new and new != scalar.value:
            planned.append((scalar, new))
    return planned


def follow(text: str, refs: Refs, *, pure: bool = False) -> str:
    """The text after its marked scalars have followed their policies."""
    found = scan(text, pure=pure)
    planned = plan(found, lambda marker: refs[marker.policy].part(marker.part) if marker.policy in refs else None)
    return rewrite(text, planned, scan=found, pure=pure)
