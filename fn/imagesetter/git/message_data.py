"""The data of a commit message template, made from changes.

Departure from Flux: old values, file names, names of resources and policies come from files that a stranger may have
written. Flux inserts them unchanged; here `commit_text` escapes each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from imagesetter.flux.commit_message.data import ChangeRecord, TemplateData
from imagesetter.flux.commit_message.names import ObjectIdentifier
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.update.plan import Change
from krm_functions.messages import harmless

# Text in a commit message that Git, GitHub, GitLab and other CI systems act on. Each alternative takes one
# character, whose escape breaks the word. References to images, paths and Kubernetes names match none of them.
_OBEYED = re.compile(
    r"""(?ix)
      (?<!\w) @ (?=\w)                                                        # a mention
    | \# (?=\d)                                                              # a reference to an issue
    | \b (?= (?:clos|fix|resolv|implement) (?:e[sd]?|ed|s|ing)? :? \s) \w     # a word that closes one
    | \[ (?= (?:skip|no)[ -] | \w+[ -]skip) | \* (?= \*\*NO_CI)                # what keeps CI from running
    | (?<!\S) (?= (?: (?-i:[A-Z])[a-z0-9-]* | [a-z0-9-]+-by | skip-checks ) \s* :   # a trailer: Signed-off-by:
               | [a-z0-9-]+ \s* : (?:\s|\Z) ) [a-z0-9]                         # and any other that has a value
    """
)


def commit_text(text: str) -> str:
    """Escape a value from a file for a commit message: on one line, with nothing that a CI system acts on.

    Escapes line breaks, control characters and other unprintable characters as Python does, and one character of each
    mention, issue reference, closing keyword, trailer and CI skip marker.
    """
    return _OBEYED.sub(lambda found: f"\\x{ord(found[0]):02x}", harmless(text, kept=""))


def template_data(
    name: PolicyName, changes: Iterable[Change], top: Path, values: Mapping[str, str] | None = None
) -> TemplateData:
    """The data of a commit message.

    Args:
        name: the automation's.
        changes: what changed.
        top: ``update.path``: file names are relative to it; if it is a file itself, its own name is used.
        values: ``messageTemplateValues``: the automation's author wrote them, so they stay unescaped.
    """
    records = tuple(_record(change, top) for change in changes)
    return TemplateData(commit_text(name.namespace), commit_text(name.name), records, values)


def _record(change: Change, top: Path) -> ChangeRecord:
    location, marker = change.field.location, change.field.marker
    file = os.path.relpath(location.file, top).replace(os.sep, "/")
    resource = location.resource
    return ChangeRecord(
        file=commit_text(os.path.basename(location.file) if file == "." else file),  # noqa: PTH119 - paths are texts here
        object=ObjectIdentifier(
            *map(commit_text, (resource.api_version, resource.kind, resource.name, resource.namespace))
        )
        if resource
        else ObjectIdentifier(),
        old=commit_text(change.old),
        new=commit_text(change.new),
        setter=commit_text(str(marker)),
        ref=LatestRef(*map(commit_text, change.ref)),
        policy=PolicyName(*map(commit_text, marker.policy)),
    )
