"""Rules about what marked fields hold: a marker that was copied to the wrong line looks right when seen alone."""

from __future__ import annotations

from collections.abc import Iterator

from imagesetter.flux.markers import PolicyName
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import Subject
from imagesetter.lint.scanned_file import MarkerComment
from imagesetter.registry.reference import parse_flux_image, parse_reference
from krm_functions.errors import ReportedError

# Keys that together are one image, as kustomize's images and Helm's values have them.
_PARTS = {
    "name": ("name", "newName", "repository", "image"),
    "tag": ("tag", "newTag", "version"),
    "digest": ("digest",),
}


def disagreeing_policies(subject: Subject) -> Iterator[Problem]:
    """Two fields of one image, in one document, that follow different policies."""
    first: dict[tuple[object, ...], MarkerComment] = {}
    for mark in subject.fields:
        image = _image(mark)
        if not image or not mark.marker:
            continue
        other = first.setdefault(image, mark)
        if other.marker and other.marker.policy != mark.marker.policy:
            what = image[-1] if mark.marker.part == "" else "this image"
            message = (
                f"{what} follows {mark.marker.policy} here and {other.marker.policy} on line {other.comment.line}, "
                "so the two come apart"
            )
            yield Problem(mark.spot, message, "let both follow the same policy")


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


def other_repository(subject: Subject) -> Iterator[Problem]:
    """A field that holds an image of another repository than its policy's."""
    for mark in subject.fields:
        scalar, marker = mark.comment.scalar, mark.marker
        if not scalar or not marker or marker.part not in ("", "name"):
            continue
        held, selected = _repository(scalar.value), _image_of(subject, marker.policy)
        if held and selected and held != selected:
            message = f"the field holds an image of {held}, but {marker.policy} selects from {selected}"
            yield Problem(mark.spot, message, "name the policy of this image, unless it is meant to move there")


def _repository(value: str) -> str:
    """The canonical name of an image's repository; empty where the value is no image reference."""
    try:
        return parse_reference(value).context.canonical
    except ReportedError:
        return ""


def _image_of(subject: Subject, name: PolicyName) -> str:
    try:
        return parse_flux_image(subject.catalog.image(name)).canonical
    except ReportedError:
        return ""
