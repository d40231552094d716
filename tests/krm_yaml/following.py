"""A setter pass small enough to read: markers, latest refs, rewrite; the stories put files and results around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from imagesetter.errors import MarkerError
from imagesetter.flux.markers import Marker, parse_marker
from krm_functions.yaml.proof import rewrite
from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import Comment, Scalar, ScanResult


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


def marked(found: ScanResult) -> Iterator[tuple[Comment, Scalar, Marker]]:
    """The comments that are markers of a scalar."""
    for comment in found.comments:
        try:
            marker = parse_marker(comment.text)
        except MarkerError:
            continue
        if marker and comment.scalar:
            yield comment, comment.scalar, marker


def plan(found: ScanResult, value: Callable[[Marker], str | None]) -> list[tuple[Scalar, str]]:
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

    def value(marker: Marker) -> str | None:
        ref = refs.get((marker.policy.namespace, marker.policy.name))
        return ref.part(marker.part) if ref else None

    planned = plan(found, value)
    return rewrite(text, planned, scan=found, pure=pure)
