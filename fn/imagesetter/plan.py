"""Fields and latest refs make changes: pure, the same for a file, an item and a rendered stream.

A Change is the one source of both the edit and the report, so text and report cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from imagesetter.errors import ImagesetterError
from imagesetter.flux.latest import LatestRef
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.krm.result import Field, File, ResourceRef, Result, Severity
from imagesetter.redaction import without_logins
from imagesetter.resolve import Answer, Failed
from imagesetter.text.fieldpath import FieldPath
from imagesetter.text.found import Scalar

FoundBy = Literal["target", "annotation", "marker", "source", "image"]
Siblings = tuple[PolicyName, str, int, FieldPath]
"""What fields of one policy have in common that stand in one mapping: policy, file, document and path."""

BOUND = frozenset({"tag", "digest"})
"""The parts that an image which is bound by its repository takes from the policy; the digest if there is one."""


class Place(NamedTuple):
    """Where something stands: a file with a line, an item of a ResourceList, or both.

    ``file`` is a path as the user knows it; ``index`` the resource's number in that file (KRM's ``file.index``);
    ``line`` and ``column`` count from 1, and are 0 where the text that we see is not the user's file.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    index: int | None = None  # type: ignore[assignment] # tuple.index
    resource: ResourceRef | None = None
    field: str = ""

    def __str__(self) -> str:
        parts = [self.file, *([str(self.line), str(self.column)] if self.line else [])] if self.file else []
        return ":".join(parts) or (str(self.resource) if self.resource else self.field)


class ImagesEntry(NamedTuple):
    """An entry of a kustomization's ``images:``; empty fields are not written.

    ``tagSuffix`` is left out: kustomize 5.8 appends it twice, and what it made is no text that we know.
    """

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""

    @property
    def sets_tag(self) -> bool:
        """Whether it replaces the tag or the digest of an image, whatever they are."""
        return bool(self.new_tag or self.digest)

    def matches(self, image: str) -> bool:
        """Whether it is about an image; its name is taken literally, though kustomize reads it as a pattern."""
        return split_image(image)[0] == self.name

    def apply(self, image: str) -> str:
        """What kustomize makes of an image (``imageTagUpdater`` in ``api/filters/imagetag/updater.go``)."""
        name, tag, digest = split_image(image)
        if name != self.name:
            return image
        if self.sets_tag:
            tag, digest = self.new_tag, self.digest
        return join_image(self.new_name or name, tag, digest)


class MarkedField(NamedTuple):
    """A scalar that follows a policy, and how that was found."""

    marker: Marker
    scalar: Scalar
    place: Place
    found_by: FoundBy = "marker"
    parts: frozenset[str] = frozenset()
    """Parts of an image reference to set one by one, where the scalar is such a reference and not the marker's text."""
    images: tuple[ImagesEntry, ...] = ()
    """What ``images:`` of kustomize does afterwards to the text in the source file, such as naming a mirror."""
    held: Result | None = None
    """Why the field is left alone, to be said unless it holds what its policy selects."""

    @property
    def siblings(self) -> Siblings:
        """What it shares with the fields of its policy beside it, such as a ``:digest`` beside a ``:tag``."""
        return self.marker.policy, self.place.file, self.scalar.document, self.scalar.path[:-1]

    def text_for(self, ref: LatestRef) -> str:
        """What the field becomes; empty where the ref has no digest and one is asked for."""
        text = self._text_for(ref)
        for entry in self.images:
            text = entry.apply(text)
        return text

    def _text_for(self, ref: LatestRef) -> str:
        """What the field becomes where its marker stands.

        An image that is set by parts keeps the others: its own spelling of the name (``nginx`` for
        ``docker.io/library/nginx``), since kustomize's ``images:`` of an upper layer match by spelling. A digest
        without its tag would lie, so it goes when only the tag is set.
        """
        bound = self.found_by == "image"
        parts = BOUND if bound else self.parts
        if not parts:
            return ref.part(self.marker.part)
        name, tag, digest = split_image(self.scalar.value)
        if "digest" in parts and not ref.digest and not bound:
            return ""
        name = ref.name if "name" in parts else name
        if "tag" in parts:
            tag, digest = ref.tag, ""
        digest = ref.digest if "digest" in parts else digest
        return join_image(name, tag, digest)


def split_image(text: str) -> tuple[str, str, str]:
    """The name, tag and digest of an image as it is written; tag and digest may be empty."""
    name, _, digest = text.partition("@")
    head, colon, tail = name.rpartition(":")
    return (head, tail, digest) if colon and "/" not in tail else (name, "", digest)


def join_image(name: str, tag: str, digest: str) -> str:
    """The image of a name, a tag and a digest; tag and digest may be empty."""
    return f"{name}{':' if tag else ''}{tag}{'@' if digest else ''}{digest}"


_DIGEST = re.compile(r"(?:^|@)sha(?:256|384|512):[0-9A-Fa-f]+")


def has_digest(text: str) -> bool:
    """Whether a text is a digest, or ends an image or a tag with one (``name:tag@sha256:…``, ``tag@sha256:…``)."""
    return _DIGEST.search(text) is not None


class Change(NamedTuple):
    """A field, the text it holds, and the text that its policy selects."""

    field: MarkedField
    new: str
    ref: LatestRef

    @property
    def old(self) -> str:
        """The text that the field holds now, as it may be shown."""
        return without_logins(self.field.scalar.value)

    @property
    def result(self) -> Result:
        """The change as a KRM result."""
        place = self.field.place
        tags = {"policy": str(self.field.marker.policy), "foundBy": self.field.found_by}
        if self.field.scalar.anchor:
            tags["anchor"] = self.field.scalar.anchor
        follow = f" (aliases of &{self.field.scalar.anchor} follow)" if self.field.scalar.anchor else ""
        return report("info", f"set {self.old} → {self.new}{follow}", place, old=self.old, new=self.new, tags=tags)


class Plan(NamedTuple):
    """What to change, and what to say besides: failures, warnings, in the order of the fields."""

    changes: tuple[Change, ...] = ()
    results: tuple[Result, ...] = ()
    unchanged: int = 0


def report(
    severity: Severity,
    message: str,
    place: Place | None = None,
    *,
    old: str | None = None,
    new: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Result:
    """A Result about a place; the one spot where places become KRM's words."""
    place = place or Place()
    tags = dict(tags or {})
    message, old = without_logins(message), old and without_logins(old)
    if place.line:
        tags["line"] = str(place.line)
    return Result(
        message=message,
        severity=severity,
        resource_ref=place.resource,
        field=Field(place.field, current_value=old, proposed_value=new) if place.field else None,
        file=File(place.file, place.index or 0) if place.file else None,
        tags=tags,
    )


def failure(
    error: ImagesetterError, place: Place | None = None, *, severity: Severity = "error", **tags: str
) -> Result:
    """An error as a Result: what, where and what to do in one message, its class as a tag."""
    where = f" ({error.where})" if error.where else ""
    hint = f"; {error.hint}" if error.hint else ""
    return report(severity, f"{error.what}{where}{hint}", place, tags={"error": type(error).__name__, **tags})


class _Failures:
    """Failed policies, each reported once, at the first field that names it, with how many more fields it holds up."""

    def __init__(self, severity: Severity) -> None:
        self.severity = severity
        self.first: dict[PolicyName, tuple[Failed, MarkedField]] = {}
        self.more: dict[PolicyName, int] = {}

    def add(self, failed: Failed, marked: MarkedField) -> None:
        name = marked.marker.policy
        if name in self.first:
            self.more[name] += 1
        else:
            self.first[name], self.more[name] = (failed, marked), 0

    def results(self) -> Iterable[Result]:
        for name, (failed, marked) in self.first.items():
            more = self.more[name]
            held = f" ({more} more field{'s' if more > 1 else ''} follow{'' if more > 1 else 's'} it)" if more else ""
            result = failure(failed.error, marked.place, severity=self.severity, policy=str(name))
            yield result._replace(message=f"{name}: {result.message}{held}")


Guard = Callable[[MarkedField, LatestRef, str], Result | None]
"""Says why a field must not take the new text (a downgrade, say), or None; an ``info`` is said and does not stop it."""


def plan(
    fields: Sequence[MarkedField],
    answers: Mapping[PolicyName, Answer],
    *,
    keep_on_error: bool = False,
    guards: Sequence[Guard] = (),
    strict: bool = False,
) -> Plan:
    """What each field becomes.

    Args:
        fields: in the order in which they shall be reported.
        answers: one for each policy that a field names.
        keep_on_error: report a policy without an answer as a warning, not an error; its fields stay either way.
        guards: asked in turn before a change is planned.
        strict: a field that would lose its digest is an error and is not changed; otherwise that is a warning.

    A ``:digest`` field whose policy reflects no digest is an error: no field is ever set to an empty text.
    """
    severity: Severity = "warning" if keep_on_error else "error"
    changes: list[Change] = []
    results: list[Result] = []
    failures = _Failures(severity)
    noted: dict[tuple[PolicyName, Severity, str], MarkedField] = {}
    unchanged = 0
    for marked in fields:
        answer = answers[marked.marker.policy]
        if marked.held:
            if isinstance(answer, Failed) or marked.text_for(answer.ref) != marked.scalar.value:
                results.append(marked.held)
            else:
                unchanged += 1
            continue
        if isinstance(answer, Failed):
            failures.add(answer, marked)
            continue
        for note in answer.notes:
            noted.setdefault((marked.marker.policy, "warning", note), marked)
        for note in answer.decided:
            noted.setdefault((marked.marker.policy, "info", note), marked)
        new = marked.text_for(answer.ref)
        if not new:
            message = f"{marked.marker}: the policy reflects no digest, so there is nothing to write here"
            hint = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
            results.append(report(severity, f"{message}; {hint}", marked.place, tags={"error": "NoDigest"}))
        elif new == marked.scalar.value:
            unchanged += 1
        else:
            said = list(_said(guards, marked, answer.ref, new))
            results += said
            if any(found.severity != "info" for found in said):
                continue
            if has_digest(marked.scalar.value) and not has_digest(new):
                results.append(_lost_digest(marked, answer.ref, new, strict=strict))
                if strict:
                    continue
            changes.append(Change(marked, new, answer.ref))
    notes = [
        report(weight, f"{name}: {note}", marked.place, tags={"policy": str(name)})
        for (name, weight, note), marked in noted.items()
    ]
    return Plan(tuple(changes), (*failures.results(), *results, *notes), unchanged)


def _lost_digest(marked: MarkedField, ref: LatestRef, new: str, *, strict: bool) -> Result:
    """What is said about a field that is pinned by a digest, and whose new text has none."""
    reflect = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
    if marked.parts:
        hint = "put a :digest marker behind the digest of this entry of images: as well"
    elif marked.marker.part and marked.found_by != "image":
        hint = "write the digest into a field of its own that follows the policy with :digest"
    else:
        hint = ""
    hint = "; ".join(filter(None, (hint, "" if ref.digest else reflect)))
    old = marked.scalar.value
    verb = "would be" if strict else "is"
    message = f"{marked.marker}: the digest in {marked.place.field} {verb} lost: {old} → {new}; {hint}"
    tags = {"error": "LostDigest", "policy": str(marked.marker.policy)}
    return report("error" if strict else "warning", message, marked.place, old=old, new=new, tags=tags)


def _said(guards: Sequence[Guard], marked: MarkedField, ref: LatestRef, new: str) -> Iterable[Result]:
    """What guards have to say about a change, up to the first refusal."""
    for guard in guards:
        found = guard(marked, ref, new)
        if found:
            yield found
            if found.severity != "info":
                return


def summary(changed: int, unchanged: int, *, would: bool = False) -> Result:
    """The closing line of a run: how many fields changed and how many were right already."""
    verb = "would change" if would else "changed"
    plural = "" if changed == 1 else "s"
    return report("info", f"{changed} field{plural} {verb}, {unchanged} up to date", tags={"summary": "true"})
