"""Rules about the values of marked fields: they find markers that do not fit, or were copied to the wrong line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imagesetter.errors import FieldError
from imagesetter.fields.field import Location, MarkedField
from imagesetter.fields.field_text import FieldText, ReadsTag, fitting_part
from imagesetter.flux.latest_ref import LatestRef, Part
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.lint.finding import Fix, Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import MarkerComment
from imagesetter.registry.reference import parse_flux_image, parse_reference
from imagesetter.update.policy_rules import PolicyRules
from krm_functions.errors import ReportedError
from krm_functions.yaml.scan_result import Scalar

# Keys that together are one image, as kustomize's images and Helm's values have them.
_PARTS = {
    "name": ("name", "newName", "repository", "image"),
    "tag": ("tag", "newTag", "version"),
    "digest": ("digest",),
}


def wrong_part(tree: LintedTree) -> Iterator[Problem]:
    """A marker that writes something else than its field holds, or a field of which it is unclear what changes."""
    rules = PolicyRules(tree.catalog)
    for mark in tree.fields:
        scalar, marker = mark.comment.scalar, mark.marker
        if not scalar or not marker:
            continue
        policy = tree.meant(marker.policy, mark.file)
        repository = _repository_of(tree, policy)
        right = right_part(scalar, marker)
        try:
            if repository or right != marker.part:
                _read(mark, marker, scalar, repository, partial(rules.reads, policy))
        except FieldError as error:
            better = str(marker._replace(part=right))
            written = mark.comment.text
            fixed = written.replace(f'"{marker}"', f'"{better}"', 1) if right != marker.part else written
            fix = Fix(written, fixed) if fixed != written else None
            yield Problem(mark.position, error.what, error.hint, fix)


def right_part(scalar: Scalar, marker: Marker) -> Part:
    """The part that fits a marked field: the marker's own, if it does."""
    key = next((step for step in scalar.path[-1:] if isinstance(step, str)), "")
    return fitting_part(marker.part, key, scalar.value)


def disagreeing_policies(tree: LintedTree) -> Iterator[Problem]:
    """Two fields of one image, in one document, that follow different policies."""
    first: dict[tuple[object, ...], MarkerComment] = {}
    for mark in tree.fields:
        image = _image(mark)
        if not image or not mark.marker:
            continue
        other = first.setdefault(image, mark)
        if other.marker and other.marker.policy != mark.marker.policy:
            what = image[-1] if mark.marker.part == "" else "this image"
            message = (
                f"{what} follows {mark.marker.policy} here and {other.marker.policy} on line {other.comment.line}, "
                "so the two can get different versions"
            )
            yield Problem(mark.position, message, "make both follow the same policy")


def _image(mark: MarkerComment) -> tuple[object, ...]:
    """What tells one image of a document from another; empty where the field does not say."""
    scalar, marker = mark.comment.scalar, mark.marker
    if not scalar or not marker or not scalar.path:
        return ()
    if marker.part:
        fits = scalar.path[-1] in _PARTS[marker.part]
        return (mark.file, scalar.document, "parts", scalar.path[:-1]) if fits else ()
    name = _repository(scalar.value)
    return (mark.file, scalar.document, "image", name) if name else ()


def other_repository(tree: LintedTree) -> Iterator[Problem]:
    """A field that holds an image of another repository than its policy's."""
    for mark in tree.fields:
        scalar, marker = mark.comment.scalar, mark.marker
        if not scalar or not marker or marker.part not in ("", "name") or right_part(scalar, marker) != marker.part:
            continue  # of the last, wrong-part says so
        policy = tree.meant(marker.policy, mark.file)
        try:
            text = _read(mark, marker, scalar, _repository_of(tree, policy))
        except FieldError:
            continue  # wrong-part says so
        held, selected = _repository(text.name), _image_of(tree, policy)
        if held and selected and held != selected:
            message = f"the field holds an image of {held}, but {marker.policy} selects from {selected}"
            yield Problem(
                mark.position,
                message,
                "use the policy of this image, or change the repository in the field",
            )


def _read(
    mark: MarkerComment, marker: Marker, scalar: Scalar, repository: str, reads: ReadsTag | None = None
) -> FieldText:
    """The pieces of a field's text, as an update reads them.

    Raises:
        FieldError: the marker does not fit the field, or it is not clear what it means.
    """
    return MarkedField(marker, scalar, Location(), registry=mark.registry).read(LatestRef(repository, ""), reads)


def _repository(value: str) -> str:
    """The canonical name of an image's repository; empty where the value is not an image reference."""
    try:
        return parse_reference(value).context.canonical
    except ReportedError:
        return ""


def _image_of(tree: LintedTree, name: PolicyName) -> str:
    try:
        return parse_flux_image(tree.catalog.image(name)).canonical
    except ReportedError:
        return ""


def _repository_of(tree: LintedTree, name: PolicyName) -> str:
    """The repository of a policy as its ImageRepository writes it; empty where there is none."""
    try:
        return tree.catalog.image(name)
    except ReportedError:
        return ""
