"""One story: the marked fields in a tree of files follow their policies.

Files without ``$imagepolicy`` are read but never parsed. What is wrong holds up its own fields only: a policy that
fails those that follow it, a document that does not parse its own, a file that cannot be read or proved itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from imagesetter.fields.digests import digests_beside, registries_beside
from imagesetter.fields.field import Location, MarkedField, shared
from imagesetter.fields.nested import edits as nested_edits
from imagesetter.fields.report import failure, marker_problem, report
from imagesetter.fields.unfollowed import MAC, NESTED, SEAL_AGAIN, WRITE_APART
from imagesetter.files.atomic_write import write_all
from imagesetter.files.rewrite import ByteEdit, Rewrite
from imagesetter.flux.markers import Marker, PolicyName, parse_comments
from imagesetter.selection.sources import LatestRefSource, Resolution
from imagesetter.update.plan import Change, Guard, Reads, plan_changes, scan_notes, torn
from krm_functions.errors import ReportedError, TextError
from krm_functions.result import ResourceRef, Result, failed
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.encoding import decode_text, encode_text
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.proof import edits as proved_edits
from krm_functions.yaml.scan_result import NOTHING, Scalar

if TYPE_CHECKING:
    from imagesetter.update.read_tree import MarkedFile, ScannedTree


@dataclass(frozen=True, slots=True)
class FileUpdates:
    """What an update did or, under ``check``, would do."""

    changes: tuple[Change, ...]
    rewrites: tuple[Rewrite, ...]
    results: tuple[Result, ...]
    unchanged: int
    files: int

    @property
    def failed(self) -> bool:
        """Whether any result is an error."""
        return failed(self.results)


def marked_fields(file: MarkedFile) -> tuple[list[MarkedField], list[Result]]:
    """The fields of a file that follow a policy, and what is wrong with its other markers."""
    fields: list[MarkedField] = []
    results: list[Result] = []
    name = file.name
    resources = {(document, path): resource for document, path, resource in file.resources}
    for parsed in parse_comments(file.scan.comments):
        comment = parsed.comment
        if parsed.marker and comment.scalar:
            fields.append(MarkedField(parsed.marker, comment.scalar, _location(name, comment.scalar, resources)))
        elif problem := marker_problem(parsed, Location(file=name, line=comment.line, column=comment.column)):
            results.append(problem)
    for mark in file.nested:
        fields.append(MarkedField(mark.marker, mark.scalar, _location(name, mark.scalar, resources), nested=mark))
    followed = {mark.comment.line for mark in file.nested}
    for line, column in file.unfollowed:
        if line in followed:
            continue
        location = Location(file=name, line=line, column=column)
        results.append(report("warning", f"{NESTED}; {WRITE_APART}", location, tags={"error": "NestedMarker"}))
    for broken in file.scan.broken:
        if any(broken.start_line <= comment.line <= broken.end_line for comment in file.scan.comments):
            location = Location(file=name, line=broken.line, column=broken.column)
            unreadable = TextError(
                f"a document with markers is not YAML: {broken.problem}",
                hint="fix it, or leave the file out with --exclude",
            )
            results.append(failure(unreadable, location))
    if file.beside:
        scalars_of = partial(_scalars_beside, file)
        fields = registries_beside(fields, scalars_of)
        apart = [marked for marked in fields if not marked.nested]
        fields += digests_beside(apart, scalars_of, lambda _, scalar: _location(name, scalar, resources))
    fields.sort(key=lambda marked: marked.scalar.start)
    return fields, results


def _scalars_beside(file: MarkedFile, marked: MarkedField) -> Mapping[FieldPath, Scalar]:
    return file.beside.get(marked.scalar.document, NOTHING)


def _location(name: str, scalar: Scalar, resources: dict[tuple[int, FieldPath], ResourceRef]) -> Location:
    """The place of a field in a file; its path counts from the resource that holds it."""
    for depth in (2, 0):
        resource = resources.get((scalar.document, scalar.path[:depth]))
        if resource:
            break
    else:
        depth = 0
    return Location(
        file=name,
        line=scalar.line,
        column=scalar.column,
        index=scalar.document,
        resource=resource,
        field=shared(format_path(scalar.path[depth:])),
    )


def update_files(
    tree: ScannedTree,
    source_of: Callable[[Sequence[MarkedField]], LatestRefSource],
    *,
    keep_on_error: bool = False,
    only: frozenset[PolicyName] = frozenset(),
    guards_of: Callable[[Sequence[MarkedField]], Sequence[Guard]] = lambda fields: (),
    strict: bool = False,
    allow_unpin: bool = False,
    reads: Reads | None = None,
    place: Callable[[Marker, str], Marker] = lambda marker, file: marker,
) -> FileUpdates:
    """Plan what the tree's marked fields become; `write_files` then writes it.

    Args:
        tree: what `read_tree` gave.
        source_of: makes the source of latest refs, once the fields are known (their digests may be kept).
        keep_on_error: what holds up a field is a warning, not an error; the field stays either way.
        only: the policies to follow; empty means all.
        guards_of: makes the guards (see `imagesetter.update.plan.plan_changes`), once the fields are known.
        strict: a pinned field for whose new tag there is no digest is an error, not a warning.
        allow_unpin: such a field loses its digest.
        reads: finds the tag of a policy among other text (see `imagesetter.update.plan.plan_changes`).
        place: finds out which of several policies of one name a marker means in a file
            (`imagesetter.update.nearby.Nearby.place`).
    """
    results = list(tree.results)
    fields: list[MarkedField] = []
    by_file: dict[str, MarkedFile] = {}
    for file in tree.marked:
        found, problems = marked_fields(file)
        found = [marked._replace(marker=place(marked.marker, file.name)) for marked in found]
        fields += [marked for marked in found if not only or {marked.marker.policy, marked.marker.policy.plain} & only]
        results += problems
        by_file[file.name] = file
    names = dict.fromkeys(marked.marker.policy for marked in fields)
    answers = source_of(fields).answers(names) if names else {}
    planned = plan_changes(
        fields,
        answers,
        keep_on_error=keep_on_error,
        guards=guards_of(fields),
        strict=strict,
        allow_unpin=allow_unpin,
        reads=reads,
    )
    results += (*planned.results, *scan_notes(answers.values()))
    wanted = _by_file(planned.changes)
    rewrites: dict[str, Rewrite] = {}
    left = [*wanted]
    for name in left:  # grows where a file that cannot be changed takes changes of its release from others
        if name not in wanted or name in rewrites:
            continue
        try:
            rewrites[name] = _rewritten(by_file[name], wanted[name])
        except ReportedError as error:
            results.append(failure(error, Location(file=name)))
            results += _without(wanted, wanted.pop(name), answers, rewrites)
            left += [each for each in wanted if each not in rewrites]
    for name, changes in wanted.items():
        results += _broken_seals(by_file[name], changes)
    done = tuple(change for changes in wanted.values() for change in changes)
    return FileUpdates(done, tuple(rewrites[name] for name in wanted), tuple(results), planned.unchanged, tree.files)


def _without(
    wanted: dict[str, list[Change]],
    lost: Sequence[Change],
    answers: Mapping[PolicyName, Resolution],
    rewrites: dict[str, Rewrite],
) -> Iterable[Result]:
    """Take the changes out that belong to a release of one that cannot be made; files without them are made anew."""
    for broken in lost:
        release = answers[broken.field.marker.policy].release
        for name, changes in [*wanted.items()] if release else ():
            dropped = [each for each in changes if release and each.field.marker.policy in release.policies]
            if dropped and release:
                yield from (torn(each, release, broken.field) for each in dropped)
                rewrites.pop(name, None)
                wanted[name] = [each for each in changes if each not in dropped]
                if not wanted[name]:
                    del wanted[name]


def _broken_seals(file: MarkedFile, changes: Iterable[Change]) -> Iterable[Result]:
    """A warning for each change in a document that SOPS has sealed."""
    for change in changes:
        if change.field.scalar.document in file.sealed:
            yield report("warning", f"{MAC}; {SEAL_AGAIN}", change.field.location, tags={"error": "SopsMac"})


def _by_file(changes: Iterable[Change]) -> dict[str, list[Change]]:
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.field.location.file, []).append(change)
    return grouped


def _rewritten(file: MarkedFile, changes: Sequence[Change]) -> Rewrite:
    """The changes of a file, proved.

    Raises:
        SpliceError: the file would not read as planned.
        FileChangedError: it has changed since it was scanned.
        InputError: it cannot be read any more.
    """
    data = file.read()
    text, bom = decode_text(data)
    if file.nested:
        edits = nested_edits(
            text, [(change.field.scalar, change.text, change.field.nested) for change in changes], file.scan
        )
    else:
        edits = proved_edits(text, [(change.field.scalar, change.text) for change in changes], scan=file.scan)
    if file.kept is not None:
        return Rewrite.whole(file.name, data, encode_text(splice(text, edits), bom=bom))
    return Rewrite(file.name, file.fingerprint, tuple(_byte_edits(text, edits, bom=bom)))


@lru_cache(maxsize=4096)
def _encoded(text: str) -> bytes:
    """The bytes of a text, the same object each time: many files change alike."""
    return text.encode()


def _byte_edits(text: str, edits: Iterable[Edit], *, bom: bool) -> Iterator[ByteEdit]:
    """The edits of a text as those of the bytes that it was decoded from."""
    done, at = 0, len(encode_text("", bom=bom))
    for edit in sorted(edits):
        at += len(text[done : edit.start].encode())
        old = _encoded(text[edit.start : edit.end])
        yield ByteEdit(at, old, _encoded(edit.replacement))
        at, done = at + len(old), edit.end


def write_files(rewrites: Sequence[Rewrite]) -> list[Result]:
    """Write what was planned; a file that cannot be written is a result, and the others are written all the same."""
    errors = zip(rewrites, write_all(rewrites), strict=True)
    return [failure(error, Location(file=rewritten.name)) for rewritten, error in errors if error]
