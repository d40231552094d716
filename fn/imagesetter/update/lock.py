"""One story: every policy is resolved, and the lock says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagesetter.errors import MovedTag
from imagesetter.fields.field import Location
from imagesetter.fields.report import failure, report
from imagesetter.files.find import display_path
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.tag_age import Seen, timestamp
from imagesetter.selection.sources import Failed, LatestRefSource, Resolution, Resolved, rule_tags
from imagesetter.update.downgrades import ALLOW, narrowed
from imagesetter.update.nearby import stray_holds
from imagesetter.update.plan import scan_notes
from imagesetter.update.tag_order import is_downgrade, is_earlier, step_back
from krm_functions.errors import ReportedError
from krm_functions.result import Result, Severity, failed

Stays = Callable[[LockEntry, LockEntry], Result | None]
"""Why an entry stays as it is, where it would become another one; None where it may."""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry of the lock before and after; None where there was, or is, none."""

    policy: PolicyName
    old: LockEntry | None
    new: LockEntry | None

    @property
    def result(self) -> Result:
        """The change as a result."""
        match self.old, self.new:
            case None, LockEntry() as new:
                message = f"locked to {new.ref}"
            case LockEntry() as old, None:
                message = f"no longer locked (was {old.ref})"
            case LockEntry() as old, LockEntry() as new if old.ref != new.ref:
                message = f"{old.ref} → {new.ref}"
            case _:
                message = "the policy changed, but not the image that it selects"
        return report("info", f"{_called(self.policy)}: {message}", tags={"policy": str(self.policy)})


@dataclass(frozen=True, slots=True)
class Locked:
    """What locking came to: all entries that the lock shall hold, what changed, and what went wrong."""

    entries: Mapping[PolicyName, LockEntry]
    changes: tuple[EntryChange, ...]
    results: tuple[Result, ...]
    seen: tuple[Seen, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether any result is an error."""
        return failed(self.results)


def update_lock(
    catalog: Catalog,
    before: Lock,
    source: LatestRefSource,
    *,
    now: float,
    only: frozenset[PolicyName] = frozenset(),
    allow_downgrade: bool = False,
    strict: bool = False,
    keep_on_error: bool = False,
    keep_unknown: bool = False,
    stays: Stays = lambda old, new: None,
) -> Locked:
    """Resolve the policies and bring the entries up to date.

    A policy without an answer keeps its entry, and is an error. An entry whose policy is gone goes, unless *only* some
    policies are asked for; these leave all other entries alone. An entry whose tag the policy still allows and ranks
    above the selected tag stays, with a warning, unless that is allowed or a hold asks for it.

    Args:
        catalog: the policies.
        before: the present lock; an empty one for none.
        source: asks for every digest (`FromRegistry` with ``pin``), and heeds holds and ages
            (`imagesetter.selection.choose.Chooser`).
        now: the time, in seconds since the epoch.
        only: the policies to resolve; empty means all.
        allow_downgrade: an entry may go back to a lower tag.
        strict: an entry that stays at a higher tag is an error.
        keep_on_error: a policy without an answer is a warning, not an error.
        keep_unknown: an entry whose policy is gone stays: perhaps its policy could not be read.
        stays: asked before an entry gets another image; why it stays, or None.
    """
    names = [each for name in catalog.policy_names if not only or name in only for each in catalog.definitions(name)]
    entries = dict(before.entries)
    seen = {
        name: [each for each in before.seen if each.policy == name] for name in {each.policy for each in before.seen}
    }
    results: list[Result] = []
    if not (only or keep_unknown):
        for name in set(entries) - set(names):
            del entries[name]
        plain = {name.plain for name in names}
        seen = {name: sights for name, sights in seen.items() if name in plain}
    answers = source.answers(names)
    stay: dict[PolicyName, None] = {}
    for name, answer in answers.items():
        if answer.too_young is not None:
            others = [each for each in seen.get(name.plain, ()) if name.folder]
            young = [each._replace(policy=name.plain) for each in answer.too_young]
            seen[name.plain] = list({each.tag: each for each in (*young, *others)}.values())
        try:
            new = _entry(catalog, name, answer, entries.get(name), now)
            back = _back(catalog, entries.get(name), new, now)
            allowed = allow_downgrade or (back and _wants_back(before, name, answers, now))
            kept = _stays(back, new, answer, strict=strict) if back and not allowed else None
            old = entries.get(name)
            if old and not back and old.ref != new.ref:
                kept = stays(old, new)
        except ReportedError as error:
            stay[name] = None
            failed = failure(error, Location(), severity="warning" if keep_on_error else "error", policy=str(name))
            results.append(failed._replace(message=f"{_called(name)}: {failed.message}"))
            continue
        results += _notes(name, answer)
        results += _narrowed(catalog, entries.get(name), new)
        if kept:
            stay[name] = None
            results.append(kept)
        else:
            entries[name] = new._replace(replaces=back.tag) if back else new
    results += _keep_releases(before, entries, answers, stay)
    for name in sorted(only - set(catalog.policy_names), key=lambda each: each.order):
        results.append(failure(catalog.unknown(name), policy=str(name)))
    results += () if only else stray_holds(before, catalog)
    results += scan_notes(answers.values())
    sights = [each for name in sorted(seen, key=lambda each: each.order) for each in seen[name]]
    return Locked(entries, tuple(entry_changes(before.entries, entries)), tuple(results), tuple(sights))


def _wants_back(before: Lock, name: PolicyName, answers: Mapping[PolicyName, Resolution], now: float) -> bool:
    """Whether somebody wants that a policy goes back, or another one of its release."""
    release = answers[name].release
    for each in release.policies if release else (name,):
        old, answer = before.entries.get(each), answers.get(each)
        if old and isinstance(answer, Resolved) and before.wants_downgrade(each, old.tag, answer.ref.tag, now):
            return True
    return False


def _keep_releases(
    before: Lock,
    entries: dict[PolicyName, LockEntry],
    answers: Mapping[PolicyName, Resolution],
    stay: Mapping[PolicyName, None],
) -> Iterable[Result]:
    """Take the changes of a release back of which an entry stays as it is: all of them change, or none."""
    for held in stay:
        release = answers[held].release
        for name in release.policies if release else ():
            old, new = before.entries.get(name), entries.get(name)
            if name in stay or new is None or (old and old.ref == new.ref):
                continue
            if old:
                entries[name] = old
            else:
                del entries[name]
            kept = f"stays locked at {old.tag}" if old else "is not locked"
            message = f"{_called(name)} {kept}, since release {release.name if release else ''} changes as a whole, "
            yield report(
                "warning",
                f"{message}and {_called(held)} stays as it is",
                tags={"policy": str(name), "error": "Release"},
            )


def _called(name: PolicyName) -> str:
    """A policy's name, with its folder where several have that name."""
    return f"{name} ({display_path(Path(name.folder))})" if name.folder else str(name)


def _notes(name: PolicyName, answer: Resolution) -> Iterable[Result]:
    if isinstance(answer, Resolved):
        for note in answer.notes:
            yield report("warning", f"{name}: {note}", tags={"policy": str(name)})
        for note in answer.reasons:
            yield report("info", f"{name}: {note}", tags={"policy": str(name), **rule_tags(answer, note)})


def _narrowed(catalog: Catalog, old: LockEntry | None, new: LockEntry) -> Iterable[Result]:
    """That an entry goes back because its policy does not allow the tag any more."""
    if old is None or old.image != new.image or old.tag == new.tag:
        return
    if why := step_back(catalog, new.policy, old.tag, new.tag):
        message = narrowed(new.policy, old.tag, new.tag, why)
        yield report("info", message, tags={"policy": str(new.policy), "notice": "Narrowed"})


def _back(catalog: Catalog, old: LockEntry | None, new: LockEntry, now: float) -> LockEntry | None:
    """The old entry, if the new one goes back to a lower tag of its repository, and the policy does not allow that."""
    if old is None or (old.image, old.tag) == (new.image, new.tag) or old.image != new.image:
        return None
    earlier = is_earlier(catalog, new.policy, old.tag, old.newest, new.newest, now)
    return old if earlier or is_downgrade(catalog, new.policy, old.tag, new.tag) else None


def _stays(old: LockEntry, new: LockEntry, answer: Resolution, *, strict: bool) -> Result:
    """Why an entry stays as it is though the answer is a lower tag."""
    stale = old.inputs != new.inputs
    why = "the policy has changed" if stale else "a tag was deleted, or the registry did not return all tags"
    why = next((each.reason for each in answer.passed_over if each.tag == old.tag), why)
    message = (
        f"{new.policy} stays locked at {old.tag}, which it ranks above the selected tag, {new.tag}: {why}; {ALLOW}"
    )
    severity: Severity = "error" if strict or stale else "warning"
    return report(severity, message, tags={"policy": str(new.policy), "error": "Downgrade"})


def _entry(catalog: Catalog, name: PolicyName, answer: Resolution, old: LockEntry | None, now: float) -> LockEntry:
    if isinstance(answer, Failed):
        raise answer.error
    policy = catalog.policy(name)
    ref = answer.ref
    new = LockEntry(
        policy=name,
        image=ref.name,
        tag=ref.tag,
        digest=ref.digest,
        reflection=policy.reflection,
        inputs=policy.inputs,
        candidates=answer.candidates,
        changed=timestamp(now),
        rules=", ".join(answer.rules),
        signed_by=answer.signed_by,
        newest=answer.newest,
        passed_over=next((f"{each.tag} ({each.rule})" for each in answer.passed_over if each.until is None), ""),
    )
    if old is None:
        return new
    moved = (old.image, old.tag) == (new.image, new.tag) and old.digest != new.digest
    if moved and policy.reflection != "Always":
        raise MovedTag(
            f"the tag {new.image}:{new.tag} has moved: locked at {old.digest}, it now points to {new.digest}",
            where=f"ImagePolicy {name}",
            hint="find out who moved it; take the entry out of the lock to accept the new image, "
            "or set digestReflectionPolicy: Always for a tag that is meant to move",
        )
    return old if old.same_answer(new) else new


def entry_changes(
    before: Mapping[PolicyName, LockEntry], after: Mapping[PolicyName, LockEntry]
) -> Iterable[EntryChange]:
    """The entries that are there no more, are new, or say something else, sorted by policy."""
    for name in sorted({*before, *after}, key=lambda each: each.order):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield EntryChange(name, old, new)
