"""Which of the recorded inputs is the one that the function outside of the build would have had."""

from __future__ import annotations

import contextlib
from pathlib import Path

from imagesetter.kustomize.recording import RecordedInput
from krm_functions.errors import ReportedError
from krm_functions.resource_list import ResourceList


def matching(inputs: list[RecordedInput], folder: Path, ours: ResourceList) -> list[ResourceList]:
    """The inputs of our function in a folder, in the order in which they came.

    Args:
        inputs: of one build.
        folder: the directory of the kustomization that declares the function.
        ours: our own input: its functionConfig says which function.
    """
    config = _config(ours)
    found: list[ResourceList] = []
    for each in inputs:
        if each.folder == folder:
            with contextlib.suppress(ReportedError):
                listing = ResourceList.parse(each.data)
                if _config(listing) == config:
                    found.append(listing)
    return found


def distinct(listings: list[ResourceList]) -> list[ResourceList]:
    """Those with different texts."""
    return list({listing.text: listing for listing in listings}.values())


def _config(listing: ResourceList) -> str:
    part = listing.layout.parts.get("functionConfig")
    return listing.text[part.start : part.end] if part else ""
