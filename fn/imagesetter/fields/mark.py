"""One story: a marker behind every image that exactly one policy selects.

What is looked at: the images of containers and of volumes, the entries of kustomize's ``images:``, and
``repository:`` beside ``tag:`` as Helm charts have them. An image of a policy in any other place is named in the
report. A field is left alone, with a warning, where a marker cannot be (inside a collection on one line, behind
another comment), and where two policies select from the repository. The image of a container is left alone, too,
where ``images:`` of a kustomization sets its tag: what is written there counts. A pinned image is marked, since an
update keeps its pin; that Flux would not is said. Only comments are inserted; before a file is written, its new text
is read again: every scalar has to be what it was, every planned marker where it was planned.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagesetter.fields.field import Location, split_image
from imagesetter.fields.field_text import has_digest
from imagesetter.fields.images import MarkCandidate, candidates, is_generated, is_ours, overridden_images
from imagesetter.fields.report import failure, report
from imagesetter.fields.unfollowed import NESTED, WRITE_APART, nested_markers
from imagesetter.files.find import find_files
from imagesetter.files.read import read
from imagesetter.files.rewrite import Rewrite
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import Part
from imagesetter.flux.markers import KEY, Marker, PolicyName, parse_marker
from imagesetter.registry.reference import parse_flux_image, parse_reference
from krm_functions.errors import ReportedError, SpliceError, TextError
from krm_functions.result import Result
from krm_functions.yaml.comments import line_end
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.encoding import decode_text, encode_text
from krm_functions.yaml.field_path import format_path
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP_ALL, Comment, Scalar, ScanResult

_HEADER = re.compile(r"[|>][-+0-9]*")
_BEHIND = re.compile(r"[ \t]*,?")
_LONGEST = 512
"""Characters of a text that may be an image."""
_LONGEST_TEXT = 100_000
"""Characters of a text on several lines that are searched for images."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A policy that selects from a repository."""

    name: PolicyName
    reflects: bool
    """Whether its answer has a digest."""


Overridden = dict[str, set[Path]]
"""The names of the images whose tags kustomizations set, and the folders of these."""
Owners = Mapping[str, Sequence[Owner]]
"""The policies of each repository, by its canonical name."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A marker to insert: behind which scalar, and at which offset."""

    file: str
    scalar: Scalar
    marker: Marker
    at: int

    @property
    def comment(self) -> str:
        """The comment as it is written."""
        return f'# {{"{KEY}": "{self.marker}"}}'


@dataclass(slots=True)
class MarkOutcome:
    """What was marked or, under ``check``, would be."""

    insertions: list[Insertion] = field(default_factory=list)
    rewrites: list[Rewrite] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    marked: int = 0
    """Fields that have a marker already."""
    files: int = 0


def find_owners(catalog: Catalog, only: frozenset[PolicyName] = frozenset()) -> tuple[Owners, list[Result]]:
    """The policies that may be named by markers, by repository, and a warning for each that cannot be read.

    Args:
        catalog: all policies.
        only: the ones to look at; empty means all.
    """
    owners: dict[str, list[Owner]] = {}
    results: list[Result] = []
    for name in catalog.policy_names:
        if only and name not in only:
            continue
        for each in catalog.definitions(name):
            try:
                image = parse_flux_image(catalog.image(each)).canonical
                policy = catalog.find("ImagePolicy", *each)
            except ReportedError as error:
                message = f"no image of {name} is marked: {failure(error).message}"
                results.append(report("warning", message, tags={"error": "NotMarked", "policy": str(name)}))
                continue
            reflection = (policy.spec.get("digestReflectionPolicy") if policy else None) or "Never"
            known = owners.setdefault(image, [])
            if all(owner.name != name for owner in known):
                known.append(Owner(name, reflection != "Never"))
    return owners, results


def insert_markers(
    paths: Sequence[str | Path], owners: Owners, *, exclude: Iterable[str] = (), wide: bool = False
) -> MarkOutcome:
    """Plan the markers of a tree; `files.write_all` then writes them.

    With *wide*, images in other places are marked as well (`imagesetter.fields.images.candidates`), only by their
    tags where name and tag are apart, and none in a file that a tool writes.

    Files in which no policy's repository is mentioned are never parsed.

    Raises:
        UsageError: a path that does not exist.
    """
    outcome = MarkOutcome()
    words = {image.rpartition("/")[2].encode() for image in owners}
    found: list[tuple[Path, bytes]] = []
    overridden: Overridden = {}
    for path in find_files(paths, exclude=exclude):
        outcome.files += 1
        with _reported(path, outcome):
            data = read(path, paths)
            if any(word in data for word in words):
                found.append((path, data))
                if b"images" in data and (b"newTag" in data or b"digest" in data):
                    _note_overridden(path, data, overridden)
    for path, data in found:
        with _reported(path, outcome):
            _mark_file(path, data, owners, outcome, wide=wide, overridden=overridden)
    return outcome


@contextlib.contextmanager
def _reported(path: Path, outcome: MarkOutcome) -> Iterator[None]:
    """Report what goes wrong with one file."""
    try:
        yield
    except TextError as error:
        outcome.results.append(failure(error, Location(file=str(path)), severity="warning"))
    except ReportedError as error:
        outcome.results.append(failure(error, Location(file=str(path))))


def _note_overridden(path: Path, data: bytes, overridden: Overridden) -> None:
    with contextlib.suppress(TextError):  # whoever marks the file says so
        for document in scan(decode_text(data, name=str(path)).text, NEEDLE, outline=KEEP_ALL).documents:
            scalars = {scalar.path: scalar for scalar in document.kept.values()}
            for name in overridden_images(scalars, ("newTag", "digest")):
                overridden.setdefault(name, set()).add(path.absolute().parent)


def insertions_in(path: Path, data: bytes, owners: Owners) -> list[Insertion]:
    """The markers that one file's bytes would get, in its order.

    Raises:
        TextError: the bytes are not UTF-8.
        SpliceError: the file with the markers would say something else.
    """
    outcome = MarkOutcome()
    _mark_file(path, data, owners, outcome, wide=False, overridden={})
    return outcome.insertions


def _mark_file(
    path: Path, data: bytes, owners: Owners, outcome: MarkOutcome, *, wide: bool, overridden: Overridden
) -> None:
    source = decode_text(data, name=str(path))
    if wide and is_generated(source.text):
        return
    before = scan(source.text, NEEDLE, outline=KEEP_ALL)
    found = _Marking(str(path), source.text, owners, names=not wide)
    for document in before.documents:
        images = list(candidates({scalar.path: scalar for scalar in document.kept.values()}, wide=wide))
        for candidate in sorted(images, key=lambda image: image.scalars[0][0].start):
            if not _is_overridden(candidate, path, overridden):
                found.add(candidate)
        if not is_ours(document):
            for scalar, policies in passed_over(document.kept.values(), images, owners):
                found.pass_over(scalar, policies)
    for line, column in nested_markers(source.text, before):
        found.results.append(report("info", f"{NESTED}; {WRITE_APART}", Location(str(path), line, column)))
    found.insertions.sort(key=lambda insertion: insertion.at)
    if found.insertions:
        edits = [Edit(each.at, each.at, f" {each.comment}") for each in found.insertions]
        after = splice(source.text, edits)
        prove(before, scan(after, NEEDLE, outline=KEEP_ALL), found.insertions)
        outcome.rewrites.append(Rewrite.whole(path, data, encode_text(after, bom=source.bom)))
    outcome.insertions += found.insertions
    outcome.results += found.results
    outcome.marked += found.marked
    for broken in before.broken:
        message = f"a document is not YAML ({broken.problem}), so no image in it was looked at"
        outcome.results.append(report("info", message, Location(str(path), broken.line, broken.column)))


def _is_overridden(candidate: MarkCandidate, path: Path, overridden: Overridden) -> bool:
    """Whether a kustomization sets the tag of an image: one in its folder or above, or any, if it has no tag at all."""
    ((scalar, part), *_) = candidate.scalars
    folders = overridden.get(split_image(scalar.value)[0], set()) if not part else set()
    untagged = not (candidate.tag or candidate.digest)
    return bool(folders) and (untagged or not folders.isdisjoint(path.absolute().parents))


def passed_over(
    scalars: Iterable[Scalar], found: Iterable[MarkCandidate], owners: Owners
) -> Iterator[tuple[Scalar, Sequence[Owner]]]:
    """The scalars that hold an image of a policy, and are none of the images that can be marked.

    Args:
        scalars: all scalars of a document.
        found: the images in it.
        owners: the policies.
    """
    looked_at = {scalar.start for candidate in found for scalar, _ in candidate.scalars}
    for scalar in scalars:
        named = len(scalar.path) > 2 and scalar.path[-1] == "name" and scalar.path[-3] == "images"
        if scalar.start in looked_at or named or "/" not in scalar.value or NEEDLE in scalar.value:
            continue
        whole = "\n" not in scalar.value
        if whole and len(scalar.value) > _LONGEST:
            continue
        # In a text, such as values in a HelmRelease or an Application: what ends a word there.
        words = [scalar.value] if whole else re.findall(r"""[^\s"'=,;]*/[^\s"'=,;]+""", scalar.value[:_LONGEST_TEXT])
        for word in words:
            try:
                image = parse_reference(word.rpartition("=")[2].removeprefix("docker://").removeprefix("oci://"))
            except ReportedError:
                continue
            if policies := owners.get(image.context.canonical):
                yield scalar, policies
                break


class _Marking:
    """What is found in one text: markers to insert, and what is said about the other images."""

    def __init__(self, name: str, text: str, owners: Owners, *, names: bool = True) -> None:
        self.name = name
        self.names = names
        self.text = text
        self.owners = owners
        self.insertions: list[Insertion] = []
        self.results: list[Result] = []
        self.marked = 0

    def add(self, candidate: MarkCandidate) -> None:
        """Plan the markers of one image, or say why it gets none."""
        owners = self.owners.get(candidate.image.context.canonical, ())
        slots = [(scalar, part, slot(self.text, scalar)) for scalar, part in candidate.scalars] if owners else []
        self.marked += sum(isinstance(found, Marker) for _, _, found in slots)
        if not self.names or any(isinstance(found, Marker) and found.part == "tag" for _, _, found in slots):
            # All that Flux needs: the name beside it changes only if the policy's repository does.
            slots = [each for each in slots if each[1] != "name"]
        slots = [each for each in slots if not isinstance(each[2], Marker)]
        if not slots:
            return
        first = slots[0][0]
        if len(owners) > 1:
            names = " and ".join(str(owner.name) for owner in owners)
            image = candidate.image.context.canonical
            self._say(first, f"{names} both select from {image}; say with --policy which one to name")
        else:
            self._say_pinned(slots[0][0], [(scalar, part) for scalar, part, _ in slots], reflects=owners[0].reflects)
            for scalar, part, found in slots:
                if part == "digest" and not owners[0].reflects:
                    continue  # Flux would empty it; an update writes it beside the tag without a marker
                if isinstance(found, int):
                    marker = Marker(owners[0].name.plain, part)
                    self.insertions.append(Insertion(self.name, scalar, marker, found))
                elif isinstance(found, str):
                    self._say(scalar, f"{found}; mark it by hand")

    def _say_pinned(self, first: Scalar, parts: Sequence[tuple[Scalar, Part]], *, reflects: bool) -> None:
        """Say of a pinned image that Flux, which reads the same markers, would unpin it."""
        if any(has_digest(scalar.value) and (part in ("tag", "name") or not reflects) for scalar, part in parts):
            message = "the image is pinned by a digest: imagesetter writes that of each new tag, Flux would not"
            location = Location(self.name, first.line, first.column, None, None, format_path(first.path))
            self.results.append(report("info", message, location, tags={"notice": "Pinned"}))

    def pass_over(self, scalar: Scalar, policies: Sequence[Owner]) -> None:
        """Say of an image that it is in a place where imagesetter marks none."""
        if isinstance(slot(self.text, scalar), Marker):
            self.marked += 1
            return
        names = " or ".join(str(owner.name) for owner in policies)
        where = format_path(scalar.path)
        hint = "if it is to follow the policy, mark it by hand"
        if "\n" in scalar.value:
            hint = "no marker inside a text is followed, but with --nested; write the image into a field of its own"
        message = f"not marked: {where} holds an image of {names}; {hint}"
        location = Location(self.name, scalar.line, scalar.column, None, None, where)
        self.results.append(report("info", message, location, tags={"error": "NotMarked"}))

    def _say(self, scalar: Scalar, why: str) -> None:
        location = Location(self.name, scalar.line, scalar.column, None, None, format_path(scalar.path))
        self.results.append(report("warning", f"not marked: {why}", location, tags={"error": "NotMarked"}))


def slot(text: str, scalar: Scalar) -> int | str | Marker:
    """Where a comment behind a scalar would begin; the marker that is there already; or why none can be there."""
    if scalar.style in ("|", ">"):
        header = _HEADER.match(text, scalar.start)
        at = header.end() if header else scalar.start
    else:
        at = scalar.end
    behind = _BEHIND.match(text, at)
    rest = text[behind.end() if behind else at : line_end(text, at)].strip(" \t")
    if not rest:
        # A comma ends an entry of a flow collection on several lines; the comment belongs behind it.
        return behind.end() if behind and behind[0].endswith(",") else at
    if not rest.startswith("#"):
        return "it is in a collection on one line, where a comment would hide the rest"
    try:
        marker = parse_marker(rest)
    except ReportedError:
        marker = None
    return marker or "another comment follows it"


def prove(before: ScanResult, after: ScanResult, insertions: Sequence[Insertion]) -> None:
    """Every scalar is what it was, every comment is where it was, and the planned markers are there besides.

    Raises:
        SpliceError: they are not; the text is to be left alone.
    """
    if _values(before) != _values(after) or len(before.broken) != len(after.broken):
        raise SpliceError("with the markers, the file would have other values")
    planned = {(each.scalar.document, each.scalar.path): each for each in insertions}
    others: list[Comment] = []
    for comment in after.comments:
        key = (comment.scalar.document, comment.scalar.path) if comment.scalar else None
        insertion = planned.get(key) if key else None
        if insertion and comment.text.rstrip() == insertion.comment and parse_marker(comment.text) == insertion.marker:
            del planned[insertion.scalar.document, insertion.scalar.path]
        else:
            others.append(comment)
    if planned or [_seen(comment) for comment in others] != [_seen(comment) for comment in before.comments]:
        raise SpliceError("a marker would not belong to the field for which it was planned")


def _values(found: ScanResult) -> list[tuple[object, ...]]:
    scalars = (scalar for document in found.documents for scalar in document.kept.values())
    values: list[tuple[object, ...]] = [
        (each.document, each.path, each.value, each.style, each.anchor, each.tag) for each in scalars
    ]
    return values + [(alias.document, alias.path) for alias in found.aliases]


def _seen(comment: Comment) -> tuple[object, ...]:
    scalar = comment.scalar
    return (comment.text, comment.place, (scalar.document, scalar.path) if scalar else None)
