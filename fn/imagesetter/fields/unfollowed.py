"""Markers inside the text of a value, which no field follows; and files that an edit makes unreadable for SOPS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from krm_functions.errors import TextError
from krm_functions.yaml.comments import breaks_between, line_end, line_start
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import NEEDLE
from krm_functions.yaml.scan_result import ScanResult

_NESTED = r"""#+[ \t]*\{[ \t]*\\?"\$imagepolicy\\?"[ \t]*:"""
NESTED = "this marker is inside the text of a value, so it has no effect (Flux ignores it, too)"
APART = "write the value into a field of its own, and mark it there"
WRITE_APART = f"{APART}; or follow it with --nested (nested: true), which Flux does not have"
MAC = "this edit breaks the MAC of the SOPS file, so that sops and kustomize-controller refuse it"
SEAL_AGAIN = (
    "move the field to a file that is not encrypted, or encrypt it with --mac-only-encrypted (mac_only_encrypted: true)"
)


def holds_marker(value: str) -> bool:
    """Whether a value has a marker inside its text."""
    return re.search(_NESTED, value) is not None


def nested_markers(text: str, found: ScanResult) -> Iterator[tuple[int, int]]:
    """Line and column of each marker that is inside the text of a value: a block, or quoted text on several lines.

    Args:
        text: the whole text.
        found: the scan of it for markers.
    """
    if text.count(NEEDLE) == sum(comment.text.count(NEEDLE) for comment in found.comments):
        return  # as nearly always: each marker is in a comment
    comments = {comment.line for comment in found.comments}
    line, counted = 1, 0
    at = text.find(NEEDLE)
    while at >= 0:
        start, end = line_start(text, at), line_end(text, at)
        line, counted = line + breaks_between(text, counted, start), start
        marker = re.compile(_NESTED).search(text, start, end)
        if marker and line not in comments:
            yield line, marker.start() - start + 1
        at = text.find(NEEDLE, end)


def sealed_documents(text: str, found: ScanResult) -> tuple[int, ...]:
    """The documents whose every value is covered by the MAC of SOPS: an edit makes the file unreadable.

    Args:
        text: the whole text.
        found: a scan of it with an outline, so that the documents are known.
    """
    sealed = []
    for node in found.documents if "sops:" in text else ():
        try:
            data = load(text[node.start : node.end])
        except TextError:
            continue
        sops = data.get("sops") if isinstance(data, Mapping) else None
        if isinstance(sops, Mapping) and sops.get("mac") and sops.get("mac_only_encrypted") is not True:
            sealed.append(node.document)
    return tuple(sealed)
