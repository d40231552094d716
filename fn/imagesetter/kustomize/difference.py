"""How the input of a build of updated sources differs from ours: what to report, and the text to give back."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator, Sequence

from imagesetter.fields.list_fields import location_of
from imagesetter.fields.report import report
from imagesetter.update.files import FileUpdates
from imagesetter.update.plan import Change
from krm_functions.item import Item
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result, Severity
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.field_path import FieldPath

_Pair = tuple[Item | None, Item | None]


def items_edit(ours: ResourceList, text: str) -> list[Edit]:
    """The edit that gives our list the items of another list's text; the rest of ours stays."""
    theirs = ResourceList.parse(text.encode("utf-8", "surrogatepass"))
    mine, other = ours.layout.parts.get("items"), theirs.layout.parts.get("items")
    if mine is None or other is None:
        return []
    new = text[other.start : other.end]
    return [] if ours.text[mine.start : mine.end] == new else [Edit(mine.start, mine.end, new)]


def differences(ours: ResourceList, theirs: ResourceList, changes: Sequence[Change]) -> list[Result]:
    """One result for each field that differs, and for each item that is there once only."""
    found: list[Result] = []
    for mine, other in _pairs(ours.items, theirs.items):
        if mine is None or other is None:
            found += [_there_once(mine, other)]
        elif mine.text != other.text:
            found += _fields(mine, other, changes)
    return found


def _pairs(ours: Sequence[Item], theirs: Sequence[Item]) -> Iterator[_Pair]:
    """The items that belong together: those of the same name, and of those the ones in the same order."""
    waiting: dict[tuple[str, ...], list[Item]] = {}
    for item in reversed(theirs):
        waiting.setdefault(_key(item), []).append(item)
    for item in ours:
        same = waiting.get(_key(item))
        yield item, same.pop() if same else None
    for item in theirs:
        if item in waiting.get(_key(item), ()):
            yield None, item


def _key(item: Item) -> tuple[str, ...]:
    return item.api_version, item.kind, item.namespace, item.name


def _there_once(mine: Item | None, other: Item | None) -> Result:
    item = other or mine
    assert item is not None
    message = "is in the build of the updated sources only" if other else "is not in the build of the updated sources"
    return report("info", f"{item.kind} {item.name} {message}", location_of(item), tags={"foundBy": "source"})


def _fields(mine: Item, other: Item, changes: Sequence[Change]) -> Iterator[Result]:
    old, new = _scalars(mine), _scalars(other)
    for path in [*old, *(path for path in new if path not in old)]:
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        location = location_of(other, path)
        tags = {"foundBy": "source"}
        if before is None or after is None:
            yield report("info", "is there now" if after is not None else "is gone", location, tags=tags)
            continue
        change = _reason(before, after, changes)
        if change is None and (mine.kind == "Secret" or "\n" in before + after):
            inside = _inside(before, after, changes)
            for each in inside if mine.kind != "Secret" else ():
                more = {**tags, "policy": str(each.field.marker.policy)}
                yield report("info", f"set {each.old} → {each.new} in its text", location, tags=more)
            if mine.kind == "Secret" or not inside:
                policies = sorted({str(each.field.marker.policy) for each in inside})
                more = {**tags, "policy": ", ".join(policies)} if policies else tags
                yield report("info", "set what its updated sources give", location, tags=more)
            continue
        if change is not None:
            tags["policy"] = str(change.field.marker.policy)
        yield report("info", f"set {before} → {after}", location, old=before, new=after, tags=tags)


def _scalars(item: Item) -> dict[FieldPath, str]:
    return {scalar.path: scalar.value for scalar in item.scalars()}


def _reason(before: str, after: str, changes: Sequence[Change]) -> Change | None:
    """The change in the sources that a field shows: its very text, or else what a layer above has made of it."""
    same = (change for change in changes if change.new == after)
    part = (change for change in changes if "\n" not in before and _shows(before, after, change))
    return next(same, None) or next(part, None)


def _shows(before: str, after: str, change: Change) -> bool:
    ref = change.ref
    return any(part and part in after and part not in before for part in (ref.tag, ref.digest, ref.name))


def _inside(before: str, after: str, changes: Sequence[Change]) -> list[Change]:
    """The changes that a text shows: one of several lines, or that of a Secret, which is encoded."""
    with contextlib.suppress(ValueError):
        before, after = (base64.b64decode("".join(each.split()), validate=True).decode() for each in (before, after))
    return [change for change in changes if after.count(change.text) > before.count(change.text)]


def outdated(result: Result) -> Result:
    """A difference as an error, for a check."""
    message = f"not up to date: {result.message}"
    return result._replace(severity="error", message=message, tags={**result.tags, "error": "OutOfDate"})


def hidden(changes: Iterable[Change], results: Sequence[Result]) -> Iterator[Result]:
    """An info for each change in the sources of which nothing is seen in the build."""
    seen = {policy for result in results for policy in result.tags.get("policy", "").split(", ")} | {
        result.field.proposed_value for result in results if result.field
    }
    for change in changes:
        policy = str(change.field.marker.policy)
        if policy not in seen and change.new not in seen:
            message = f"{change.old} → {change.new} does not reach the build: a layer above sets the field"
            location = change.field.location._replace(resource=None, field="")
            yield report("info", message, location, tags={"policy": policy})


def not_followed(updated: FileUpdates, kustomization: str, *, strict: bool) -> Iterator[Result]:
    """What is said of marked values that a function does not follow, since kustomize reads them after it.

    Args:
        updated: what an update of their files would do.
        kustomization: the one that declares the function.
        strict: these are errors, not warnings.
    """
    severity: Severity = "error" if strict else "warning"
    for change in updated.changes:
        message = (
            f"{change.old} → {change.new} is not followed: the function in {kustomization} runs before kustomize reads "
            "this file; declare it as the last transformer of the outermost kustomization"
        )
        location = change.field.location._replace(resource=None, field="")
        tags = {"policy": str(change.field.marker.policy), "error": "NotFollowed"}
        yield report(severity, message, location, tags=tags)
    for result in updated.results:
        yield result._replace(severity=severity) if result.severity == "error" else result
