"""The ledger: when each tag was first seen, in a file that several locks, clusters or repositories share.

It has one line for each image, tag and digest, with the earliest time at which any of them saw it. Merging takes the
earlier time of each, so it does not matter who merges what, in which order and how often; and where git merges two
versions, the lines of both sides may stay (``merge=union``), since a line that is there twice counts once.

It only ever grows. A line without a digest, of a policy that takes the newest tag, does not count for a minimum age.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from imagesetter.config.options import API_VERSION
from imagesetter.errors import LockError
from imagesetter.lock.document import LockField, refuse_conflict
from imagesetter.lock.tag_age import seconds_of
from krm_functions.yaml.load import load_all

KIND = "ImageLedger"
LEDGER_FIELDS = (
    LockField("image", "non-empty string", "the repository, with its registry"),
    LockField("tag", "non-empty string"),
    LockField("digest", "string", "not of a policy that takes the newest tag", required=False, omitted=""),
    LockField("since", "time", "the earliest time at which one of the locks saw it"),
)
"""What the ledger has for each tag, in this order."""

_HEAD = f"""\
# When each tag was first seen. `imagesetter lock --ledger` adds to it; in a merge, keep the lines of both sides.
apiVersion: {API_VERSION}
kind: {KIND}
metadata:
  name: first-seen
  annotations:
    config.kubernetes.io/local-config: "true"
spec:"""
_ROWS = "\n  seen:"
_LINE = "fix or delete it: the ledger is only a record, and `imagesetter lock --ledger` adds what it sees"

Ledger = Mapping[str, Mapping[tuple[str, str], str]]
"""Of each image, by tag and digest, since when it has been seen (RFC 3339, UTC)."""


class FirstSight(NamedTuple):
    """When a tag of an image was first seen with a digest, which is empty where it is not known."""

    image: str
    tag: str
    digest: str
    since: str


def merged(ledger: Ledger, sights: Iterable[FirstSight]) -> Ledger:
    """A ledger with further first sights; of each the earliest time counts."""
    found = {image: dict(rows) for image, rows in ledger.items()}
    for each in sights:
        rows = found.setdefault(each.image, {})
        key = each.tag, each.digest
        rows[key] = min(rows.get(key, each.since), each.since)
    return found


def sights_of(ledger: Ledger) -> list[FirstSight]:
    """All that a ledger has, sorted."""
    return sorted(FirstSight(image, *key, since) for image, rows in ledger.items() for key, since in rows.items())


def parse_ledger(text: str, name: str) -> Ledger:
    """The ledger in a file's text; nothing for an empty one.

    Raises:
        LockError: it is in a merge conflict, of another kind or version, or a line is not valid.
        TextError: it is not YAML.
    """
    both = "keep the lines of both sides, and delete the lines that git added"
    refuse_conflict(text, name, "the ledger", both)
    found: Ledger = {}
    for data, line in load_all(text, name=name):
        spec = data.get("spec") if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or (data.get("apiVersion"), data.get("kind")) != (API_VERSION, KIND):
            what, hint = f"is not an {KIND} of {API_VERSION}", "name another file; `imagesetter lock` creates a new one"
            raise LockError(what, where=f"{name}:{line}", hint=hint)
        rows = (spec.get("seen") or []) if isinstance(spec, Mapping) else None
        if not isinstance(rows, list):
            raise LockError("spec.seen: must be a list", where=f"{name}:{line}", hint=_LINE)
        found = merged(found, (_sight(row, f"{name}: spec.seen[{number}]") for number, row in enumerate(rows)))
    return found


def _sight(row: object, where: str) -> FirstSight:
    fields = row if isinstance(row, Mapping) else {}
    found = FirstSight(*(fields.get(field.name, field.omitted) for field in LEDGER_FIELDS))
    try:
        if not all(isinstance(value, str) for value in found) or not (found.image and found.tag):
            raise ValueError("image, tag and since are required, as strings")
        seconds_of(found.since)
    except ValueError as error:
        raise LockError(f"not a valid entry: {error}", where=where, hint=_LINE) from error
    return found


def render_ledger(text: str, ledger: Ledger) -> str:
    """The text of a ledger; what is above the lines of the present text stays."""
    head, there, _ = text.replace("\r\n", "\n").partition(_ROWS)
    rows = "".join(f"\n    - {{{_fields(each)}}}" for each in sights_of(ledger))
    return f"{head if there else _HEAD}{_ROWS}{rows or ' []'}\n"


def _fields(sight: FirstSight) -> str:
    values = zip(LEDGER_FIELDS, sight, strict=True)
    return ", ".join(f"{field.name}: {json.dumps(value)}" for field, value in values if value != field.omitted)
