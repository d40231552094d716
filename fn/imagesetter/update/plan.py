"""Fields and latest refs make changes: pure, the same for a file, an item and a rendered stream.

A Change is the one source of both the edit and the report, so text and report cannot disagree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from imagesetter.errors import FieldError
from imagesetter.fields.field import MarkedField, Siblings, shared
from imagesetter.fields.field_text import FieldText, has_digest, is_digest
from imagesetter.fields.report import failure, report
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.selection.sources import Failed, Resolution, Resolved, rule_tags
from krm_functions.redaction import without_logins
from krm_functions.result import Result, Severity

if TYPE_CHECKING:
    from imagesetter.flux.releases import Release


class Change(NamedTuple):
    """A field, the text it holds, and the text that its policy selects."""

    field: MarkedField
    text: str
    """What is written; it may hold a part of the old text, and so a login."""
    ref: LatestRef
    kept: tuple[str, str] = ("", "")
    """What of the text stays, in front and behind, where only a part of it is the policy's."""

    @property
    def old(self) -> str:
        """The text that the field holds now, as it may be shown."""
        return without_logins(self.field.scalar.value)

    @property
    def new(self) -> str:
        """The text that is written, as it may be shown."""
        return without_logins(self.text)

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

Reads = Callable[[PolicyName, str], bool]
"""Whether a word can be a tag of a policy (`imagesetter.update.policy_rules.PolicyRules.reads`)."""

ALLOW_UNPIN = "allow it with --allow-unpin (allowUnpin: true in a functionConfig)"


def plan_changes(
    fields: Sequence[MarkedField],
    answers: Mapping[PolicyName, Resolution],
    *,
    keep_on_error: bool = False,
    guards: Sequence[Guard] = (),
    strict: bool = False,
    allow_unpin: bool = False,
    reads: Reads | None = None,
) -> Plan:
    """What each field becomes.

    A field that is pinned by a digest, in its own text or in a field beside it, stays pinned: it gets the digest of the
    new tag, or none of the two changes. A ``:digest`` field for which there is no digest is an error: no field is ever
    set to an empty text.

    Args:
        fields: in the order in which they shall be reported.
        answers: one for each policy that a field names.
        keep_on_error: report what holds up a field as a warning, not an error; the field stays either way.
        guards: asked in turn before a change is planned.
        strict: a pinned field for whose new tag there is no digest is an error; otherwise that is a warning.
        allow_unpin: such a field loses its digest.
        reads: finds the tag of a policy among other text; None: what looks like a version.
    """
    planner = _Planner(fields, answers, "warning" if keep_on_error else "error", guards, strict, allow_unpin, reads)
    for digests in (False, True):  # digests come last: what they do depends on the tags beside them
        for number, marked in enumerate(fields):
            if _is_digest_field(marked) == digests:
                planner.add(number, marked)
    return planner.plan()


class _Planner:
    """A plan under way."""

    def __init__(
        self,
        fields: Sequence[MarkedField],
        answers: Mapping[PolicyName, Resolution],
        severity: Severity,
        guards: Sequence[Guard],
        strict: bool,
        allow_unpin: bool,
        reads: Reads | None,
    ) -> None:
        self.fields, self.answers, self.severity, self.guards = fields, answers, severity, guards
        self.strict, self.allow_unpin, self.reads = strict, allow_unpin, reads
        self.failures = _Failures(severity)
        self.changes: dict[int, Change] = {}
        self.results: dict[int, list[Result]] = {}
        self.notes: dict[tuple[PolicyName, Severity, str], tuple[int, MarkedField]] = {}
        self.current: set[int] = set()
        """The fields that are up to date."""
        self.digests = {
            marked.siblings for marked in fields if _is_digest_field(marked) and is_digest(marked.scalar.value)
        }
        """Where a field beside others holds their digest."""
        self.beside = {marked.siblings for marked in fields if _is_digest_field(marked)}
        """Where a field beside others is one for their digest."""
        self.tags: dict[Siblings, tuple[str, bool]] = {}
        """The tag that each field beside such a field holds, and whether it stays though another one is selected."""

    def plan(self) -> Plan:
        """What has been planned, in the order of the fields."""
        self._keep_releases()
        changes = tuple(self.changes[number] for number in sorted(self.changes))
        results = [result for number in sorted(self.results) for result in self.results[number]]
        notes = [
            report(
                weight,
                f"{name}: {note}",
                marked.location,
                tags={"policy": str(name), **rule_tags(self.answers[name], note)},
            )
            for (name, weight, note), (_, marked) in sorted(self.notes.items(), key=lambda each: each[1][0])
        ]
        return Plan(changes, (*self.failures.results(), *results, *notes), len(self.current))

    def _keep_releases(self) -> None:
        """Drop the changes of a release of which a field stays as it is: all of them change, or none."""
        releases = dict.fromkeys(answer.release for answer in self.answers.values() if answer.release)
        for release in releases:
            members = [number for number, each in enumerate(self.fields) if each.marker.policy in release.policies]
            stuck = next((each for each in members if each not in self.changes and each not in self.current), None)
            changing = [number for number in members if number in self.changes]
            if stuck is None or not changing:
                continue
            for number in changing:
                change = self.changes.pop(number)
                self._say(number, torn(change, release, self.fields[stuck]))

    def _is_current(self, marked: MarkedField) -> bool:
        answer = self.answers.get(marked.marker.policy)
        return isinstance(answer, Resolved) and marked.text_for(answer.ref) == marked.scalar.value

    def add(self, number: int, marked: MarkedField) -> None:
        """Plan one field."""
        answer = self.answers[marked.marker.policy]
        if marked.held:
            if marked.is_unsure or not all(map(self._is_current, (marked, *marked.others))):
                self._say(number, marked.held)
            else:
                self.current.add(number)
            return
        if isinstance(answer, Failed):
            if marked.found_by != "beside":
                self.failures.add(answer, marked)
            return
        policy = marked.marker.policy
        for note in answer.notes:
            self.notes.setdefault((policy, "warning", note), (number, marked))
        for note in answer.reasons:
            self.notes.setdefault((policy, "info", note), (number, marked))
        reads = partial(self.reads, policy) if self.reads else None
        try:
            text = marked.read(answer.ref, reads)
        except FieldError as error:
            self._say(number, failure(error, marked.location, severity=self.severity, policy=str(policy)))
            self._keep_tag(marked, "", stays=True)
            return
        if _is_digest_field(marked):
            self._add_digest(number, marked, text, answer)
        else:
            self._add_image(number, marked, text, answer)

    def _add_image(self, number: int, marked: MarkedField, text: FieldText, answer: Resolved) -> None:
        """Plan a field that holds an image or a part of one, with the digest that belongs to it."""
        ref, pinned = answer.ref, marked.is_pinned(text)
        digest = ref.digest
        if pinned and not digest:
            # A name says nothing of the tag that its digest belongs to.
            same = marked.marker.part != "name" and marked.written(text, ref, text.digest) == marked.scalar.value
            digest = text.digest if same else answer.pin
        new = marked.written(text, ref, digest)
        tagged = marked.marker.part in ("", "tag") or bool(marked.parts)
        moves = tagged and text.tag != ref.tag and new != marked.scalar.value
        lost = (pinned and not digest) or (moves and marked.siblings in self.digests and not (digest or answer.pin))
        only_here = pinned and not (moves and marked.siblings in self.digests)
        stays = True
        if not new:
            self._say(number, _no_digest(marked, self.severity))
        elif new == marked.scalar.value:
            self.current.add(number)
            stays = False
        elif self._refused(number, marked, new, ref):
            pass
        elif lost and not (self.allow_unpin and only_here):
            self._say(number, self._unpinnable(marked, answer, new))
        else:
            if lost:
                self._say(number, _lost_digest(marked, new))
            self.changes[number] = Change(marked, shared(new), ref, (text.before, text.after))
            stays = False
        if tagged:
            self._keep_tag(marked, text.tag, stays=stays)

    def _add_digest(self, number: int, marked: MarkedField, text: FieldText, answer: Resolved) -> None:
        """Plan a field that holds a digest alone: it goes with the tag beside it."""
        tag, stays = self.tags.get(marked.siblings, ("", False))
        digest = answer.ref.digest
        if not digest and text.digest:
            digest = text.digest if tag == answer.ref.tag else answer.pin
        new = marked.written(text, answer.ref, digest)
        if stays and marked.found_by == "beside":
            return
        if not new:
            self._say(number, _no_digest(marked, self.severity))
        elif stays and new != marked.scalar.value and not self._refused(number, marked, new, answer.ref):
            message = "stays as it is, since the tag beside it stays"
            self._say(number, report("info", message, marked.location, tags={"policy": str(marked.marker.policy)}))
        elif new == marked.scalar.value:
            self.current.add(number)
        elif not stays and not self._refused(number, marked, new, answer.ref):
            self.changes[number] = Change(marked, new, answer.ref, (text.before, text.after))

    def _keep_tag(self, marked: MarkedField, tag: str, *, stays: bool) -> None:
        """Note the tag of a field for the digest beside it."""
        if self.beside and marked.siblings in self.beside:
            self.tags[marked.siblings] = (tag, stays)

    def _refused(self, number: int, marked: MarkedField, new: str, ref: LatestRef) -> bool:
        """Whether a guard refuses a change; what guards have to say is said, up to the first refusal."""
        for guard in self.guards:
            found = guard(marked, ref, new)
            if found:
                self._say(number, found)
                if found.severity != "info":
                    return True
        return False

    def _unpinnable(self, marked: MarkedField, answer: Resolved, new: str) -> Result:
        """Why a pinned field stays: there is no digest for its new tag."""
        old, policy, ref = marked.scalar.value, marked.marker.policy, answer.ref
        severity: Severity = "error" if self.strict else "warning"
        beside = not has_digest(old)
        why = f"{policy} gives no digest of {ref.tag}"
        hint = "take it from a registry or a lock, or set spec.digestReflectionPolicy on the ImagePolicy"
        if answer.unpinned:
            severity, why = self.severity, f"the digest of {ref.tag} could not be had: {answer.unpinned}"
            hint = answer.unpinned.hint or "try again"
        what = "the digest beside it pins the image" if beside else "it is pinned by a digest"
        way_out = "remove that digest" if beside else ALLOW_UNPIN
        message = f"{marked.marker}: stays at {old}: {what}, and {why}; {hint}; or {way_out}"
        tags = {"error": "LostDigest", "policy": str(policy)}
        return report(severity, message, marked.location, old=old, new=new, tags=tags)

    def _say(self, number: int, result: Result) -> None:
        self.results.setdefault(number, []).append(result)


def _is_digest_field(marked: MarkedField) -> bool:
    return marked.marker.part == "digest" and not marked.parts


def torn(change: Change, release: "Release", stays: MarkedField) -> Result:
    """Why a change of a release is not made: another of its fields stays as it is."""
    marked = change.field
    where = ":".join(map(str, filter(None, (stays.location.file, stays.location.line))))
    what = f"the field of {stays.marker.policy}{f' at {where}' if where else ''} stays as it is"
    message = (
        f"{marked.marker.policy}: stays at {change.old}, since release {release.name} changes as a whole, and {what}"
    )
    tags = {"error": "Release", "policy": str(marked.marker.policy)}
    return report("warning", message, marked.location, old=change.old, new=change.new, tags=tags)


def _no_digest(marked: MarkedField, severity: Severity) -> Result:
    message = f"{marked.marker}: the policy reflects no digest, so there is nothing to write here"
    hint = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
    return report(severity, f"{message}; {hint}", marked.location, tags={"error": "NoDigest"})


def _lost_digest(marked: MarkedField, new: str) -> Result:
    """What is said about a field that loses its digest because somebody allows that."""
    old = marked.scalar.value
    message = f"{marked.marker}: the digest in {marked.location.field} is lost: {old} → {new}"
    tags = {"error": "LostDigest", "policy": str(marked.marker.policy)}
    return report("warning", message, marked.location, old=old, new=new, tags=tags)


def scan_notes(answers: Iterable[Resolution]) -> Iterable[Result]:
    """That tags are from the cache, said once for a run."""
    times = sorted({answer.cached for answer in answers if isinstance(answer, Resolved) and answer.cached})
    if times:
        first = datetime.fromtimestamp(times[0])
        shown = f"{first:%H:%M}" if first.date() == datetime.now().date() else f"{first:%Y-%m-%d %H:%M}"
        what = f"scan of {shown}" if len(times) == 1 else f"scans of {shown} and later"
        yield report("info", f"{what}; --refresh asks again", tags={"cached": "true"})


def summary(changed: int, unchanged: int, *, would: bool = False) -> Result:
    """The closing line of a run: how many fields changed and how many were right already."""
    verb = "would change" if would else "changed"
    plural = "" if changed == 1 else "s"
    return report("info", f"{changed} field{plural} {verb}, {unchanged} up to date", tags={"summary": "true"})
