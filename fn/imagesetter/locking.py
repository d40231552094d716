"""One story: every policy is resolved, and the lock says what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imagesetter.ages import timestamp
from imagesetter.errors import ImagesetterError, LockError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.krm.result import Result
from imagesetter.lock import Entry, Lock
from imagesetter.plan import Place, failure, report
from imagesetter.resolve import Answer, Failed, Source


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry of the lock before and after; None where there was, or is, none."""

    policy: PolicyName
    old: Entry | None
    new: Entry | None

    @property
    def result(self) -> Result:
        """The change as a result."""
        match self.old, self.new:
            case None, Entry() as new:
                message = f"locked to {new.ref}"
            case Entry() as old, None:
                message = f"no longer locked (was {old.ref})"
            case Entry() as old, Entry() as new if old.ref != new.ref:
                message = f"{old.ref} → {new.ref}"
            case _:
                message = "the policy changed, its answer did not"
        return report("info", f"{self.policy}: {message}", tags={"policy": str(self.policy)})


@dataclass(frozen=True, slots=True)
class Locked:
    """What locking came to: all entries that the lock shall hold, what changed, and what went wrong."""

    entries: Mapping[PolicyName, Entry]
    changes: tuple[EntryChange, ...]
    results: tuple[Result, ...]


def relock(
    catalog: Catalog,
    before: Lock,
    source: Source,
    *,
    now: float,
    only: frozenset[PolicyName] = frozenset(),
) -> Locked:
    """Resolve the policies and bring the entries up to date.

    A policy without an answer keeps its entry, and is an error. An entry whose policy is gone goes, unless *only* some
    policies are asked for; these leave all other entries alone.

    Args:
        catalog: the policies.
        before: the present lock; an empty one for none.
        source: asks for every digest (`FromRegistry` with ``pin``).
        now: the time, in seconds since the epoch.
        only: the policies to resolve; empty means all.
    """
    names = [name for name in catalog.policy_names if not only or name in only]
    entries = dict(before.entries)
    results: list[Result] = []
    if not only:
        for name in set(entries) - set(names):
            del entries[name]
    for name, answer in source.answers(names).items():
        try:
            entries[name] = _entry(catalog, name, answer, entries.get(name), now)
        except ImagesetterError as error:
            results.append(failure(error, Place(), policy=str(name)))
    for name in sorted(only - set(catalog.policy_names), key=str):
        results.append(failure(catalog.unknown(name), policy=str(name)))
    return Locked(entries, tuple(_changes(before.entries, entries)), tuple(results))


def _entry(catalog: Catalog, name: PolicyName, answer: Answer, old: Entry | None, now: float) -> Entry:
    if isinstance(answer, Failed):
        raise answer.error
    question = catalog.policy(name)
    ref = answer.ref
    new = Entry(
        policy=name,
        image=ref.name,
        tag=ref.tag,
        digest=ref.digest,
        reflection=question.reflection,
        inputs=question.inputs,
        candidates=answer.candidates,
        changed=timestamp(now),
    )
    if old is None:
        return new
    moved = (old.image, old.tag) == (new.image, new.tag) and old.digest != new.digest
    if moved and question.reflection != "Always":
        raise LockError(
            f"the tag {new.image}:{new.tag} has moved: locked at {old.digest}, it now points to {new.digest}",
            where=f"ImagePolicy {name}",
            hint="find out who moved it; take the entry out of the lock to accept the new image, "
            "or set digestReflectionPolicy: Always for a tag that is meant to move",
        )
    return old if old.same_answer(new) else new


def _changes(before: Mapping[PolicyName, Entry], after: Mapping[PolicyName, Entry]) -> Iterable[EntryChange]:
    for name in sorted({*before, *after}, key=str):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield EntryChange(name, old, new)
