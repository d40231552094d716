"""One story: a rendered stream is held against what the lock or the policies say its images should be.

``kustomize build`` skips an exec function with success when ``--enable-exec`` is missing, and nothing inside the
function can tell. Its output can: an image of a policy's repository at another tag was not set.

Only whole image references can be judged here. Comments are gone, so a tag that stands alone in some field cannot be
told from any other text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imagesetter.errors import ImagesetterError, UsageError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.krm.result import ResourceRef, Result
from imagesetter.places.places import image_owners, is_image
from imagesetter.plan import MarkedField, Place, failure, report
from imagesetter.registry.reference import parse
from imagesetter.resolve import Answer, Failed, Source
from imagesetter.text.fieldpath import format_path
from imagesetter.text.found import KEEP_ALL, SPAN, Scalar, Scan
from imagesetter.text.scan import scan
from imagesetter.text.source import decode


@dataclass(frozen=True, slots=True)
class Held:
    """What the comparison found: an error for each image that should be another, and how many are right."""

    results: tuple[Result, ...]
    right: int


def hold(data: bytes, name: str, catalog: Catalog, source: Source) -> Held:
    """Compare every container image of a rendered stream with what its policy selects.

    Args:
        data: the stream, as ``kustomize build`` prints it.
        name: how errors call it.
        catalog: the policies.
        source: what they select.

    Raises:
        TextError: the stream is not UTF-8.
        UsageError: the stream holds no resource.
    """
    owners = image_owners(catalog)
    scanned = scan(decode(data, name=name).text, outline={SPAN: True, "*": KEEP_ALL})
    if not any(document.kept for document in scanned.nodes):
        raise UsageError("holds no resource", where=name, hint="did the command that renders it fail?")
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
    return Held(tuple(results), right)


def _verdict(scalar: Scalar, place: Place, policy: PolicyName, answer: Answer) -> Result | None:
    """None where the image is what the policy selects; of several policies on one repository any may be meant."""
    if isinstance(answer, Failed):
        return failure(answer.error, place, policy=str(policy))
    marked = MarkedField(Marker(policy.namespace, policy.name, ""), scalar, place, "image")
    wanted = marked.text_for(answer.ref)
    if scalar.value == wanted or (not answer.ref.digest and scalar.value.startswith(f"{wanted}@")):
        return None
    return report(
        "error",
        f"the image is {scalar.value}, and {policy} selects {wanted}: was imagesetter skipped? "
        "(kustomize needs --enable-alpha-plugins and --enable-exec)",
        place,
        old=scalar.value,
        new=wanted,
        tags={"policy": str(policy), "error": "NotSet"},
    )


def _repository(image: str) -> str:
    try:
        return str(parse(image).context)
    except ImagesetterError:
        return ""


def _images(scanned: Scan, name: str) -> Iterator[tuple[Scalar, Place]]:
    for document in scanned.nodes:
        values = {path: scalar.value for path, scalar in document.kept.items()}
        ref = ResourceRef(
            values.get(("apiVersion",), ""),
            values.get(("kind",), ""),
            values.get(("metadata", "name"), ""),
            values.get(("metadata", "namespace"), ""),
        )
        yield from _placed(document.kept.items(), name, ref)


def _placed(
    scalars: Iterable[tuple[tuple[str | int, ...], Scalar]], name: str, ref: ResourceRef
) -> Iterator[tuple[Scalar, Place]]:
    for path, scalar in scalars:
        if is_image(path):
            place = Place(
                file=name,
                line=scalar.line,
                column=scalar.column,
                index=scalar.document,
                resource=ref if ref.complete else None,
                field=format_path(path),
            )
            yield scalar, place
