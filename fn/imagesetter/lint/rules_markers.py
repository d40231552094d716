"""Rules about marker comments that have no effect, though they look as if they had one.

What is and is not a marker is Flux's decision (kyaml ``fieldmeta/fieldmeta.go``); `imagesetter.flux.markers` and
`krm_functions.yaml.comments` hold its rules, so that the linter and ``update`` cannot disagree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from imagesetter.fields.report import MISPLACED
from imagesetter.flux.markers import KEY, parse_marker
from imagesetter.flux.variables import variables_of
from imagesetter.lint.finding import Fix, Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.odd_keys import is_odd
from imagesetter.lint.scanned_file import MarkerComment
from krm_functions.errors import ReportedError

_FIRST_KEY = re.compile(r'#+\s*\{\s*"(?P<key>[^"]*)"\s*:')
_SLASH = re.compile(r'("\$imagepolicy"\s*:\s*"[^"/:]+)/([^"/:]+)')
_WRITE = 'write it as # {"$imagepolicy": "NAMESPACE:NAME"}'
_BEHIND = "put it after the value, on the same line"


def dangling_marker(tree: LintedTree) -> Iterator[Problem]:
    """A marker, a target or an annotation whose policy is unknown."""
    named = [(mark.marker.policy, mark.position) for mark in tree.fields if mark.marker]
    named += [(reference.policy, reference.position) for file in tree.files for reference in file.references]
    for policy, position in named:
        if not tree.catalog.has_policy(policy):
            try:
                tree.catalog.recorded(policy)
            except ReportedError as error:
                yield Problem(position, error.what, error.hint)


def text_after_json(tree: LintedTree) -> Iterator[Problem]:
    """A marker with text after it on the line."""
    for mark in tree.marker_comments:
        rest = _rest(mark)
        if rest and KEY not in rest:
            message = f"text {_short(rest)} after the JSON object disables the marker (Flux ignores it, too)"
            written = mark.comment.text
            said = f"# {rest.lstrip('# ')}" if any(map(str.isalnum, rest)) else ""
            fix = Fix(written, written[: written.rindex(rest)].rstrip(), said)
            yield Problem(mark.position, message, "move the text to a line above", fix)


def two_markers(tree: LintedTree) -> Iterator[Problem]:
    """Two markers on one scalar."""
    for mark in tree.marker_comments:
        if KEY in _rest(mark):
            message = "two markers in one comment disable each other (Flux ignores both, too)"
            yield Problem(mark.position, message, "keep one of them")
        elif mark.marker and mark.comment.scalar and _names_key_twice(mark.comment.text):
            message = f'the marker has "{KEY}" twice; only the last one, {mark.marker}, is used'
            yield Problem(mark.position, message, "keep one of them")
        elif mark.marker and mark.comment.place == "hidden" and (other := _line_marker_below(tree, mark)):
            message = f"this marker is ignored, because the next line has its own: {other.marker}"
            yield Problem(mark.position, message, "keep one of them")


def malformed_marker(tree: LintedTree) -> Iterator[Problem]:
    """A comment that looks like a marker but is not one."""
    for mark in tree.marker_comments:
        if not mark.comment.scalar or mark.marker or _rest(mark):
            continue
        if mark.error and not variables_of(mark.comment.text):  # else unresolved-variable says so
            yield Problem(mark.position, mark.error.what, mark.error.hint, _written_right(mark))
        elif key := _odd_key(mark.comment.text):
            fix = Fix(mark.comment.text, mark.comment.text.replace(f'"{key}"', f'"{KEY}"', 1))
            yield Problem(mark.position, f'not a marker: its key is "{key}", not "{KEY}"', _WRITE, fix)


def marker_above_key(tree: LintedTree) -> Iterator[Problem]:
    """A marker on a line of its own above a key."""
    for mark in tree.marker_comments:
        if mark.marker and mark.comment.place == "above":
            message = "a marker on its own line above a key has no effect (Flux ignores it, too)"
            yield Problem(mark.position, message, _BEHIND)


def misplaced_marker(tree: LintedTree) -> Iterator[Problem]:
    """A marker in any other place that belongs to no scalar."""
    for mark in tree.marker_comments:
        where = MISPLACED.get(mark.comment.place)
        if not mark.marker or not where or mark.comment.place == "above":
            continue
        if mark.comment.place == "hidden" and _line_marker_below(tree, mark):
            continue  # two-markers says so
        message = f"this marker is {where}, so it has no effect (Flux ignores it, too)"
        yield Problem(mark.position, message, _BEHIND)


def commented_out_marker(tree: LintedTree) -> Iterator[Problem]:
    """A marker on a line that is commented out."""
    for mark in tree.marker_comments:
        if mark.comment.place != "commented-out":
            continue
        try:
            marker = parse_marker(f"#{mark.comment.text.rpartition('#')[2]}")
        except ReportedError:
            continue
        if marker:
            message = f"a marker for {marker.policy} on a commented-out line has no effect"
            yield Problem(mark.position, message, "delete the line if you no longer need it")


def digest_without_reflection(tree: LintedTree) -> Iterator[Problem]:
    """A ``:digest`` marker whose policy does not reflect a digest."""
    for mark in tree.fields:
        if not mark.marker or mark.marker.part != "digest":
            continue
        try:
            policy = tree.catalog.find("ImagePolicy", *tree.meant(mark.marker.policy, mark.file))
        except ReportedError:
            continue  # ambiguous-policy says so
        if policy and (policy.spec.get("digestReflectionPolicy") or "Never") == "Never":
            message = f"{mark.marker}: the policy does not reflect a digest (Flux would write an empty string here)"
            hint = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
            yield Problem(mark.position, message, hint)


def _written_right(mark: MarkerComment) -> Fix | None:
    """The fix of a marker with a slash between namespace and name; of others a person has to say what was meant."""
    old = mark.comment.text
    new = _SLASH.sub(r"\1:\2", old, count=1)
    try:
        return Fix(old, new) if new != old and parse_marker(new) else None
    except ReportedError:
        return None


def _odd_key(comment: str) -> str:
    """The first key of a comment's JSON where it looks like the marker's, and is not."""
    found = _FIRST_KEY.match(comment)
    return found["key"] if found and is_odd(found["key"]) else ""


def _rest(mark: MarkerComment) -> str:
    """The text after the JSON object of a comment that follows a scalar; empty if there is none."""
    text = mark.comment.text.lstrip("#").strip(" \t\r\n")
    if not mark.comment.scalar or not mark.error or not text.startswith("{"):
        return ""
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return ""
    return text[end:].strip(" \t\r\n") if KEY in found else ""


def _names_key_twice(comment: str) -> bool:
    pairs: list[tuple[str, object]] = json.loads(comment.lstrip("#"), object_pairs_hook=list)
    return [key for key, _ in pairs].count(KEY) > 1


def _line_marker_below(tree: LintedTree, mark: MarkerComment) -> MarkerComment | None:
    return next(
        (other for other in tree.fields if other.file == mark.file and other.comment.line == mark.comment.line + 1),
        None,
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
