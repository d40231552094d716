"""Compare the images of a rendered stream with what the lock or the policies select.

``kustomize build`` skips an exec function with success when ``--enable-exec`` is missing, and nothing inside the
function can tell. Its output shows it: an image of a policy's repository with another tag was not set.

Only whole image references are compared. Comments are gone, so a tag in a field of its own looks like any other text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imagesetter.fields.field import Location, MarkedField
from imagesetter.fields.report import failure, report
from imagesetter.fields.resource_list import image_owners, is_image
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.registry.reference import parse_reference
from imagesetter.selection.sources import Failed, LatestRefSource, Resolution
from krm_functions.errors import ReportedError, UsageError
from krm_functions.result import ResourceRef, Result
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.field_path import format_path
from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import KEEP_ALL, SPAN, Scalar, ScanResult


@dataclass(frozen=True, slots=True)
class RenderedCheck:
    """The result of the comparison: an error for each wrong image, and the number of right ones."""

    results: tuple[Result, ...]
    right: int


def check_rendered(data: bytes, name: str, catalog: Catalog, source: LatestRefSource) -> RenderedCheck:
    """Compare every container image of a rendered stream with what its policy selects.

    Args:
        data: the stream, as ``kustomize build`` prints it.
        name: its name in errors.
        catalog: the policies.
        source: what they select.

    Raises:
        TextError: the stream is not UTF-8.
        UsageError: the stream contains no resource.
    """
    owners = image_owners(catalog)
    scanned = scan(decode_text(data, name=name).text, outline={SPAN: True, "*": KEEP_ALL})
    if not any(document.kept for document in scanned.nodes):
        raise UsageError("contains no resource", where=name, hint="check the command that renders it")
    found = list(_images(scanned, name))
    wanted: dict[PolicyName, None] = {}
    for scalar, _ in found:
        wanted.update(dict.fromkeys(owners.get(_repository(scalar.value), ())))
    answers = source.answers(wanted)
    results: list[Result] = []
    right = 0
    for scalar, place in found:
        policies = owners.get(_repository(scalar.value), [])
        if not policies:
            continue
        verdicts = [_verdict(scalar, place, policy, answers[policy]) for policy in policies]
        if None in verdicts:
            right += 1
        else:
            results += [verdict for verdict in verdicts if verdict]
    return RenderedCheck(tuple(results), right)


def _verdict(scalar: Scalar, place: Location, policy: PolicyName, answer: Resolution) -> Result | None:
    """The error of a wrong image; None if the image is what the policy selects."""
    if isinstance(answer, Failed):
        return failure(answer.error, place, policy=str(policy))
    marked = MarkedField(Marker(policy), scalar, place, "image")
    wanted = marked.text_for(answer.ref)
    if scalar.value == wanted or (not answer.ref.digest and scalar.value.startswith(f"{wanted}@")):
        return None
    return report(
        "error",
        f"the image is {scalar.value}, but {policy} selects {wanted}; "
        "if kustomize skipped imagesetter, run it with --enable-alpha-plugins and --enable-exec",
        place,
        old=scalar.value,
        new=wanted,
        tags={"policy": str(policy), "error": "NotSet"},
    )


def _repository(image: str) -> str:
    try:
        return str(parse_reference(image).context)
    except ReportedError:
        return ""


def _images(scanned: ScanResult, name: str) -> Iterator[tuple[Scalar, Location]]:
    for document in scanned.nodes:
        values = {path: scalar.value for path, scalar in document.kept.items()}
        ref = ResourceRef(
            values.get(("apiVersion",), ""),
            values.get(("kind",), ""),
            values.get(("metadata", "name"), ""),
            values.get(("metadata", "namespace"), ""),
        )
        yield from _image_scalars(document.kept.items(), name, ref)


def _image_scalars(
    scalars: Iterable[tuple[tuple[str | int, ...], Scalar]], name: str, ref: ResourceRef
) -> Iterator[tuple[Scalar, Location]]:
    for path, scalar in scalars:
        if is_image(path):
            place = Location(
                file=name,
                line=scalar.line,
                column=scalar.column,
                index=scalar.document,
                resource=ref if ref.complete else None,
                field=format_path(path),
            )
            yield scalar, place
