"""Rules about marker comments: one that is passed over is worse than none, since it looks as if it worked.

What is and is not a marker is Flux's decision (kyaml ``fieldmeta/fieldmeta.go``); `imagesetter.flux.markers` and
`krm_functions.yaml.comments` hold its rules, so that the linter and ``update`` cannot disagree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from imagesetter.fields.marker_problems import MISPLACED
from imagesetter.flux.markers import KEY, parse_marker
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import Subject
from imagesetter.lint.scanned_file import MarkerComment
from krm_functions.errors import ReportedError

_MISSPELLED = re.compile(r'#+\s*\{\s*"(?P<key>\$?image-?policy)"\s*:', re.IGNORECASE)
_WRITE = 'write it as # {"$imagepolicy": "NAMESPACE:NAME"}'
_BEHIND = "put it behind the value, on the same line"


def dangling_marker(subject: Subject) -> Iterator[Problem]:
    """A marker, a target or an annotation whose policy is not there."""
    named = [(mark.marker.policy, mark.spot) for mark in subject.fields if mark.marker]
    named += [(found.policy, found.spot) for file in subject.files for found in file.named]
    for policy, spot in named:
        if not subject.catalog.has_policy(policy):
            try:
                subject.catalog.recorded(policy)
            except ReportedError as error:
                yield Problem(spot, error.what, error.hint)


def text_after_json(subject: Subject) -> Iterator[Problem]:
    """A marker with something behind it on the line."""
    for mark in subject.marks:
        rest = _rest(mark)
        if rest and KEY not in rest:
            message = f"text after the JSON object, {_short(rest)}, so nothing is followed (Flux ignores it as well)"
            yield Problem(mark.spot, message, "leave the marker alone on its line; put the text on a line above")


def two_markers(subject: Subject) -> Iterator[Problem]:
    """Two markers on one scalar."""
    for mark in subject.marks:
        if KEY in _rest(mark):
            message = "two markers in one comment, so nothing follows either (Flux ignores both as well)"
            yield Problem(mark.spot, message, "keep one of them")
        elif mark.marker and mark.comment.scalar and _names_key_twice(mark.comment.text):
            message = f'the marker has "{KEY}" twice; only the last, {mark.marker}, counts'
            yield Problem(mark.spot, message, "keep one of them")
        elif mark.marker and mark.comment.place == "hidden" and (other := _line_marker_below(subject, mark)):
            message = f"the marker on the next line, {other.marker}, counts; this one does not"
            yield Problem(mark.spot, message, "keep one of them")


def malformed_marker(subject: Subject) -> Iterator[Problem]:
    """A comment that wants to be a marker and is none."""
    for mark in subject.marks:
        if not mark.comment.scalar or mark.marker or _rest(mark):
            continue
        if mark.error:
            yield Problem(mark.spot, mark.error.what, mark.error.hint)
        elif (found := _MISSPELLED.match(mark.comment.text)) and found["key"] != KEY:
            yield Problem(mark.spot, f'not a marker: its key is "{found["key"]}", not "{KEY}"', _WRITE)


def marker_above_key(subject: Subject) -> Iterator[Problem]:
    """A marker on a line of its own above a key."""
    for mark in subject.marks:
        if mark.marker and mark.comment.place == "above":
            message = "a marker on its own line above a key, so nothing follows it (Flux ignores it as well)"
            yield Problem(mark.spot, message, _BEHIND)


def misplaced_marker(subject: Subject) -> Iterator[Problem]:
    """A marker in any other place that belongs to no scalar."""
    for mark in subject.marks:
        where = MISPLACED.get(mark.comment.place)
        if not mark.marker or not where or mark.comment.place == "above":
            continue
        if mark.comment.place == "hidden" and _line_marker_below(subject, mark):
            continue  # two-markers says so
        message = f"this marker stands {where}, so nothing follows it (Flux ignores it as well)"
        yield Problem(mark.spot, message, _BEHIND)


def commented_out_marker(subject: Subject) -> Iterator[Problem]:
    """A marker on a line that is commented out."""
    for mark in subject.marks:
        if mark.comment.place != "commented-out":
            continue
        try:
            marker = parse_marker(f"#{mark.comment.text.rpartition('#')[2]}")
        except ReportedError:
            continue
        if marker:
            message = f"a marker of {marker.policy} on a line that is commented out; nothing follows it"
            yield Problem(mark.spot, message, "delete the line if it is not coming back")


def digest_without_reflection(subject: Subject) -> Iterator[Problem]:
    """A ``:digest`` marker whose policy reflects no digest."""
    for mark in subject.fields:
        if not mark.marker or mark.marker.part != "digest":
            continue
        try:
            policy = subject.catalog.find("ImagePolicy", *mark.marker.policy)
        except ReportedError:
            continue  # ambiguous-policy says so
        if policy and (policy.spec.get("digestReflectionPolicy") or "Never") == "Never":
            message = f"{mark.marker}: the policy reflects no digest (Flux would write an empty text here)"
            hint = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
            yield Problem(mark.spot, message, hint)


def _rest(mark: MarkerComment) -> str:
    """What stands behind the JSON object of a comment that follows a scalar; empty where nothing does."""
    text = mark.comment.text.lstrip("#").strip()
    if not mark.comment.scalar or not mark.error or not text.startswith("{"):
        return ""
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return ""
    return text[end:].strip() if KEY in found else ""


def _names_key_twice(comment: str) -> bool:
    pairs: list[tuple[str, object]] = json.loads(comment.lstrip("#"), object_pairs_hook=list)
    return [key for key, _ in pairs].count(KEY) > 1


def _line_marker_below(subject: Subject, mark: MarkerComment) -> MarkerComment | None:
    return next(
        (other for other in subject.fields if other.file == mark.file and other.comment.line == mark.comment.line + 1),
        None,
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
