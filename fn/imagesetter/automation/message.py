"""Changes, as a commit message template sees them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from imagesetter.flux.markers import PolicyName
from imagesetter.flux.template.data import ChangeRecord, TemplateData
from imagesetter.flux.template.names import ObjectIdentifier
from imagesetter.plan import Change


def template_data(
    name: PolicyName, changes: Iterable[Change], top: Path, values: Mapping[str, str] | None = None
) -> TemplateData:
    """The data of a commit message.

    Args:
        name: the automation's.
        changes: what changed.
        top: ``update.path``: files are named relative to it, a file that is it by its own name.
        values: ``messageTemplateValues``.
    """
    records = tuple(_record(change, top) for change in changes)
    return TemplateData(name.namespace, name.name, records, values)


def _record(change: Change, top: Path) -> ChangeRecord:
    place, marker = change.field.place, change.field.marker
    file = os.path.relpath(place.file, top)
    resource = place.resource
    return ChangeRecord(
        file=os.path.basename(place.file) if file == "." else file,  # noqa: PTH119 - paths are texts here
        object=ObjectIdentifier(resource.api_version, resource.kind, resource.name, resource.namespace)
        if resource
        else ObjectIdentifier(),
        old=change.old,
        new=change.new,
        setter=str(marker),
        ref=change.ref,
        policy=marker.policy,
    )
