"""Writing the lock: its text with other entries, first sights or holds; what did not change keeps its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from imagesetter.config.options import API_VERSION
from imagesetter.errors import LockError
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import (
    ENTRY_FIELDS,
    HOLD_FIELDS,
    KIND,
    RELEASED_FIELDS,
    SEEN_FIELDS,
    LockEntry,
    LockField,
    Released,
)
from imagesetter.lock.holds import Hold
from imagesetter.lock.records import Record, update_records
from imagesetter.lock.tag_age import Seen
from krm_functions.errors import TextError

TEMPLATE = f"""\
# What every image policy resolved to. `imagesetter lock` writes this file and keeps your comments;
# `--from lock` applies it without a network.
apiVersion: {API_VERSION}
kind: {KIND}
metadata:
  name: images
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  entries: []
"""


def render_lock(text: str, entries: Mapping[PolicyName, LockEntry], seen: Iterable[Seen] = ()) -> str:
    """The lock's text with these entries; equal to *text* when no answer changed.

    Args:
        text: the present text, or an empty one.
        entries: all entries that the lock shall hold.
        seen: all first sights that it shall hold.

    Raises:
        LockError: the text is not in a layout that can be kept.
    """
    names = sorted(entries, key=lambda name: (str(name), name.folder))
    records = [_record(ENTRY_FIELDS, entries[name]) for name in names]
    text = _updated(_begun(text), "entries", records, lambda record: (record["policy"], record.get("folder", "")))
    sights = [_record(SEEN_FIELDS, each) for each in sorted(seen, key=lambda each: (str(each.policy), each.tag))]
    return _updated(text, "seen", sights, lambda record: (record["policy"], record["tag"]))


def render_holds(text: str, holds: Iterable[Hold]) -> str:
    """The lock's text with these holds, in the order in which they are given.

    Raises:
        LockError: the text is not in a layout that can be kept.
    """
    records = [_record(HOLD_FIELDS, hold) for hold in holds]
    return _updated(
        _begun(text),
        "holds",
        records,
        lambda record: tuple(record.get(f) for f in ("policy", "tag", "exclude")),
    )


def render_released(text: str, released: Iterable[Released]) -> str:
    """The lock's text with these released policies, sorted.

    Raises:
        LockError: the text is not in a layout that can be kept.
    """
    records = [_record(RELEASED_FIELDS, each) for each in sorted(released, key=lambda each: str(each.policy))]
    return _updated(_begun(text), "released", records, lambda record: record["policy"])


def _begun(text: str) -> str:
    return text if text.strip() else TEMPLATE


def _updated(text: str, name: str, records: Sequence[Record], identity: Callable[[Mapping[str, str]], object]) -> str:
    try:
        return update_records(text, ("spec", name), records, identity=identity)
    except TextError as error:
        raise LockError(
            f"the lock cannot be brought up to date: {error}",
            where=error.where,
            hint=f"write spec.{name} as a block list of block mappings, or remove the file and lock again",
        ) from error


def _record(fields: Iterable[LockField], value: LockEntry | Hold | Seen | Released) -> Record:
    """A value as the lock writes it."""
    found = ((field, attrgetter(field.attribute or field.name)(value)) for field in fields)
    return {
        field.name: str(value) if field.type == "policy" else value for field, value in found if value != field.omitted
    }
