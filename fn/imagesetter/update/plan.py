"""Fields and latest refs make changes: pure, the same for a file, an item and a rendered stream.

A Change is the one source of both the edit and the report, so text and report cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from imagesetter.fields.field import MarkedField, Siblings, has_digest
from imagesetter.fields.report import failure, report
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.selection.sources import Failed, Resolution
from krm_functions.redaction import without_logins
from krm_functions.result import Result, Severity


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
        location = self.field.location
        tags = {"policy": str(self.field.marker.policy), "foundBy": self.field.found_by}
        if self.field.scalar.anchor:
            tags["anchor"] = self.field.scalar.anchor
        follow = f" (aliases of &{self.field.scalar.anchor} follow)" if self.field.scalar.anchor else ""
        return report("info", f"set {self.old} → {self.new}{follow}", location, old=self.old, new=self.new, tags=tags)


class Plan(NamedTuple):
    """What to change, and what to say besides: failures, warnings, in the order of the fields."""

    changes: tuple[Change, ...] = ()
    results: tuple[Result, ...] = ()
    unchanged: int = 0


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
            result = failure(failed.error, marked.location, severity=self.severity, policy=str(name))
            yield result._replace(message=f"{name}: {result.message}{held}")


Guard = Callable[[MarkedField, LatestRef, str], Result | None]
"""Says why a field must not take the new text (a downgrade, say), or None; an ``info`` is said and does not stop it."""


def plan_changes(
    fields: Sequence[MarkedField],
    answers: Mapping[PolicyName, Resolution],
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
        for note in answer.reasons:
            noted.setdefault((marked.marker.policy, "info", note), marked)
        new = marked.text_for(answer.ref)
        if not new:
            message = f"{marked.marker}: the policy reflects no digest, so there is nothing to write here"
            hint = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
            results.append(report(severity, f"{message}; {hint}", marked.location, tags={"error": "NoDigest"}))
        elif new == marked.scalar.value:
            unchanged += 1
        else:
            objections = list(_objections(guards, marked, answer.ref, new))
            results += objections
            if any(found.severity != "info" for found in objections):
                continue
            if has_digest(marked.scalar.value) and not has_digest(new):
                results.append(_lost_digest(marked, answer.ref, new, strict=strict))
                if strict:
                    continue
            changes.append(Change(marked, new, answer.ref))
    notes = [
        report(weight, f"{name}: {note}", marked.location, tags={"policy": str(name)})
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
    message = f"{marked.marker}: the digest in {marked.location.field} {verb} lost: {old} → {new}; {hint}"
    tags = {"error": "LostDigest", "policy": str(marked.marker.policy)}
    return report("error" if strict else "warning", message, marked.location, old=old, new=new, tags=tags)


def _objections(guards: Sequence[Guard], marked: MarkedField, ref: LatestRef, new: str) -> Iterable[Result]:
    """What guards have to say about a change, up to the first refusal."""
    for guard in guards:
        found = guard(marked, ref, new)
        if found:
            yield found
            if found.severity != "info":
                return


def known_digests(fields: Iterable[MarkedField]) -> Callable[[PolicyName, LatestRef], str]:
    """What the fields themselves say about digests: the state behind ``digestReflectionPolicy: IfNotPresent``.

    A digest is known for a name and tag when one field holds ``name:tag@digest``, or when a ``:digest`` field of the
    policy stands in the same mapping as its ``:tag`` field. Two fields that disagree make it unknown.
    """
    whole: dict[tuple[PolicyName, str], set[str]] = {}
    parts: dict[Siblings, dict[str, str]] = {}
    for marked in fields:
        marker, value = marked.marker, marked.scalar.value
        if marker.part == "":
            reference, at, digest = value.partition("@")
            if at:
                whole.setdefault((marker.policy, reference), set()).add(digest)
        else:
            parts.setdefault(marked.siblings, {})[marker.part] = value
    for (policy, _, _, _), values in parts.items():
        if values.get("digest", "").startswith("sha") and "tag" in values:
            whole.setdefault((policy, f"{values.get('name', '')}:{values['tag']}"), set()).add(values["digest"])

    def known(policy: PolicyName, ref: LatestRef) -> str:
        digests = whole.get((policy, f"{ref.name}:{ref.tag}"), set()) | whole.get((policy, f":{ref.tag}"), set())
        return next(iter(digests)) if len(digests) == 1 else ""

    return known


def summary(changed: int, unchanged: int, *, would: bool = False) -> Result:
    """The closing line of a run: how many fields changed and how many were right already."""
    verb = "would change" if would else "changed"
    plural = "" if changed == 1 else "s"
    return report("info", f"{changed} field{plural} {verb}, {unchanged} up to date", tags={"summary": "true"})
