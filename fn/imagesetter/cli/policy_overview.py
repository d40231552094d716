"""Where every policy stands: its current and its latest tag, what holds it back, and what changed lately.

It plans the same update as ``imagesetter update --check``, so an overview and an update cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.field import MarkedField
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.git.change_log import EntryMove, entry_moves
from imagesetter.git.history import History, path_below
from imagesetter.git.reverts import tag_in
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.tag_age import Seen, shown_age, timestamp
from imagesetter.policy.explain import Funnel, explain
from imagesetter.selection.explain import RememberingRegistry
from imagesetter.selection.sources import Failed, LatestRefSource, MakeSource, Resolution
from imagesetter.update.downgrades import downgrade_guard
from imagesetter.update.files import marked_fields, update_files
from imagesetter.update.nearby import Nearby
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree
from krm_functions.errors import ReportedError
from krm_functions.result import Result

DAYS = 30
"""How far back changes are shown."""

State = Literal["failed", "held back", "to update", "unused", "up to date"]
STATES: tuple[State, ...] = ("failed", "held back", "to update", "unused", "up to date")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What holds a policy back, why, and until when (a date or a time); empty for no end."""

    what: str
    why: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class PolicyOverview:
    """Where one policy stands.

    ``fields`` are the fields that follow it, each with its tag; ``updates`` counts those that an update would change.
    ``locked`` is the time of the entry's last change. ``tags`` counts the tags that the registry or the lock lists;
    ``funnel`` is None without a list of tags.
    """

    name: PolicyName
    policy: ImagePolicy | None
    image: str
    chosen: LatestRef | None
    error: ReportedError | None
    fields: tuple[tuple[str, str], ...] = ()
    updates: int = 0
    held: tuple[HeldBack, ...] = ()
    notes: tuple[str, ...] = ()
    locked: str = ""
    tags: int = 0
    funnel: Funnel | None = None
    moves: tuple[EntryMove, ...] = ()
    verified: str = ""
    """What the lock records of the image's signatures; the column is shown where any policy has it."""

    @property
    def current(self) -> tuple[str, ...]:
        """The tags of the fields, each once."""
        return tuple(dict.fromkeys(tag for _, tag in self.fields if tag))

    @property
    def state(self) -> State:
        """What its reader should know first."""
        if self.error:
            return "failed"
        if self.held:
            return "held back"
        if self.updates:
            return "to update"
        return "up to date" if self.fields else "unused"


@dataclass(frozen=True, slots=True)
class Overview:
    """All policies, sorted by name; ``made`` is the time, in seconds since the epoch, ``source`` as in ``--from``."""

    policies: tuple[PolicyOverview, ...]
    made: float
    source: str
    history: bool = True
    """Whether there is a lock with its whole Git history; otherwise changes may be missing."""

    def count(self, state: State) -> int:
        """How many policies are in a state."""
        return sum(each.state == state for each in self.policies)


@dataclass(slots=True)
class _Gathering:
    """What an overview is made from."""

    tree: ScannedTree
    catalog: Catalog
    nearby: Nearby
    lock: Lock
    now: float
    registry: RememberingRegistry | None
    rules: PolicyRules
    fields: dict[PolicyName, list[MarkedField]] = field(default_factory=dict)
    moves: dict[tuple[str, PolicyName], list[EntryMove]] = field(default_factory=dict)
    updates: Counter[PolicyName] = field(default_factory=Counter)
    kept: dict[str, list[Result]] = field(default_factory=dict)
    """Why fields stay as they are, by the policy's text."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The answers of a run, for its plan."""

    known: Mapping[PolicyName, Resolution]

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        return {name: self.known[name] for name in names}


def make_overview(
    tree: ScannedTree,
    catalog: Catalog,
    nearby: Nearby,
    make_source: MakeSource,
    *,
    now: float,
    source: str,
    registry: RememberingRegistry | None = None,
    history: History | None = None,
) -> Overview:
    """Where every policy of a tree stands.

    Args:
        tree: the files.
        catalog: the policies.
        nearby: which policy and lock count for a file.
        make_source: where latest refs come from.
        now: the time, in seconds since the epoch.
        source: its name, as in ``--from``.
        registry: remembers the scans of *make_source*, for the funnels.
        history: of the checkout, for the changes of the last days; None without one.

    Raises:
        LockError: a lock cannot be used.
        GitError: git fails.
    """
    fields: list[MarkedField] = []
    for file in tree.marked:
        fields += (each._replace(marker=nearby.place(each.marker, file.name)) for each in marked_fields(file)[0])
    names = _names(catalog, nearby, fields)
    lock = nearby.lock() or Lock({})
    names += [name for name in lock.entries if not catalog.has_policy(name) and name not in names]
    run = _Gathering(tree, catalog, nearby, lock, now, registry, PolicyRules(catalog))
    for marked in fields:
        run.fields.setdefault(marked.marker.policy, []).append(marked)
    answers = make_source(catalog, FieldDigests(fields)).answers(names)
    _plan(run, _Known(answers), frozenset(names))
    complete = _read_history(run, history, names) if history else False
    each = (_overview(run, name, answers[name]) for name in sorted(names, key=lambda each: each.order))
    return Overview(tuple(each), now, source, complete)


def _names(catalog: Catalog, nearby: Nearby, fields: Iterable[MarkedField]) -> list[PolicyName]:
    """Every policy once: as its fields mean it, and those that no field follows."""
    names = dict.fromkeys(marked.marker.policy for marked in fields)
    followed = {name.plain for name in names}
    for name in catalog.policy_names:
        for each in catalog.definitions(name):
            if each.folder or each not in followed:
                names[nearby.at_home(each)] = None
    return list(names)


def _plan(run: _Gathering, source: LatestRefSource, names: frozenset[PolicyName]) -> None:
    """Find out which fields an update would change, and which it leaves as they are."""

    def wanted(policy: PolicyName, old: str, new: str) -> bool:
        return run.lock.wants_downgrade(policy, old, new, run.now)

    planned = update_files(
        run.tree,
        lambda fields: source,
        only=names,
        guards_of=lambda fields: [downgrade_guard(run.catalog, fields, wanted=wanted)],
        reads=run.rules.reads,
        place=run.nearby.place,
    )
    run.updates.update(change.field.marker.policy for change in planned.changes)
    for result in planned.results:
        if result.severity != "info" and result.tags.get("error") in ("Downgrade", "LostDigest", "Release"):
            run.kept.setdefault(result.tags.get("policy", ""), []).append(result)


def _overview(run: _Gathering, name: PolicyName, answer: Resolution) -> PolicyOverview:
    try:
        policy = run.catalog.policy(name) if run.catalog.has_policy(name) else None
    except ReportedError:
        policy = None
    entry = run.lock.entries.get(name)
    chosen = None if isinstance(answer, Failed) else answer.ref
    image = policy.image.written if policy else entry.image if entry else ""
    fields = run.fields.get(name, [])
    scan = run.registry.scans.get(policy.image.canonical) if run.registry and policy else None
    funnel = explain(policy.tags, scan.tags, limit=0).funnel if policy and scan else None
    ref = LatestRef(image, "")
    held = [*_holds(run, name), *_young(run, name, policy, answer), *_kept(run, name)]
    return PolicyOverview(
        name=name,
        policy=policy,
        image=image,
        chosen=chosen,
        error=answer.error if isinstance(answer, Failed) else None,
        fields=tuple((_place(each), tag_in(each, ref, run.rules, each.scalar.value)) for each in fields),
        updates=run.updates[name],
        held=tuple(dict.fromkeys(held)),
        notes=_notes(run, name, answer),
        locked=entry.changed if entry else "",
        tags=funnel.listed if funnel else entry.candidates if entry else 0,
        funnel=funnel,
        moves=tuple(_moves(run, name)),
    )


def _notes(run: _Gathering, name: PolicyName, answer: Resolution) -> tuple[str, ...]:
    """What else the answer says: holds alone are told already."""
    told = {str(hold) for hold in run.lock.holds_of(name, run.now)}
    notes = () if isinstance(answer, Failed) else (*answer.notes, *answer.reasons)
    return tuple(note for note in dict.fromkeys(notes) if note not in told)


def _place(marked: MarkedField) -> str:
    return f"{marked.location.file}:{marked.location.line}"


def _holds(run: _Gathering, name: PolicyName) -> Iterator[HeldBack]:
    for hold in run.lock.holds_of(name, run.now):
        yield HeldBack(f"held at {hold.tag}" if hold.tag else f"without {hold.exclude}", hold.reason, hold.until)


def _young(run: _Gathering, name: PolicyName, policy: ImagePolicy | None, answer: Resolution) -> Iterator[HeldBack]:
    """The better tags that are not old enough yet, as the run or the lock saw them."""
    if not policy or not policy.minimum_age:
        return
    seen: Sequence[Seen] = answer.too_young or ()
    if not run.registry:
        seen = [each for each in run.lock.seen if each.policy in (name, name.plain)]
    born = {each.tag: each.time for each in seen}
    scan = run.registry.scans.get(policy.image.canonical) if run.registry else None
    tag = answer.ref.tag if not isinstance(answer, Failed) else ""
    for other, uploaded in (scan.uploaded if scan else {}).items():
        if not tag or run.rules.order(name, tag, other) == -1:
            born.setdefault(other, uploaded)
    for other, since in born.items():
        ripe = since + policy.minimum_age
        if run.now < ripe:
            yield HeldBack(f"{other} is too young", f"not {shown_age(policy.minimum_age)} old", timestamp(ripe))


def _kept(run: _Gathering, name: PolicyName) -> Iterator[HeldBack]:
    """The fields that an update leaves as they are, though the policy selects something else."""
    files = {marked.location.file for marked in run.fields.get(name, ())}
    for result in run.kept.get(str(name), ()):
        if result.file and result.file.path in files:
            yield HeldBack(result.message)


def _locks_of(run: _Gathering, name: PolicyName) -> Iterator[tuple[str, LockEntry]]:
    for path, entry in run.nearby.entries_of(name):
        if entry:
            yield path, entry


def _moves(run: _Gathering, name: PolicyName) -> Iterator[EntryMove]:
    for path, entry in _locks_of(run, name):
        yield from run.moves.get((path, entry.policy), ())
        return


def _read_history(run: _Gathering, history: History, names: Iterable[PolicyName]) -> bool:
    """Read what changed in the locks; returns whether there is one, with its whole history."""
    since = run.now - DAYS * 86400
    found = False
    for path in dict.fromkeys(path for name in names for path, _ in _locks_of(run, name)):
        found = True
        for policy, move in entry_moves(history, path_below(Path(path), history.git.directory), since):
            run.moves.setdefault((path, policy), []).append(move)
    return found and not history.is_shallow()
