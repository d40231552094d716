"""The lock: what every policy resolved to, in a file that people review and that any run can apply without a network.

``images.lock.yaml`` is a Kubernetes resource (kind ImageLock, local-config), so that it travels inside a package and
reaches the function as an ordinary item. Entries are sorted by policy; an entry whose answer did not change keeps its
bytes, its time included; comments stay (`krm_functions.yaml.records`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from imagesetter.config.options import API_VERSION, GROUP
from imagesetter.errors import LockError
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.holds import Hold, asks_for, in_force, midnight
from imagesetter.lock.tag_age import Seen
from krm_functions.errors import TextError
from krm_functions.suggestions import did_you_mean
from krm_functions.yaml.load import load_all

if TYPE_CHECKING:
    from krm_functions.yaml.records import Record

KIND = "ImageLock"
FILE_NAME = "images.lock.yaml"
REMEDY = "run `imagesetter lock`, and commit the lock"
_MEND = "mend it, or take it out of the lock and run `imagesetter lock`"
_ANEW = "take the file away, run `imagesetter lock`, and commit the lock"
_CONFLICT = re.compile(r"^(?:<{7} |={7}$|>{7} )", re.MULTILINE)

TEMPLATE = f"""\
# What every image policy resolved to. `imagesetter lock` writes this file and keeps your comments;
# `--from lock` applies it without a network.
apiVersion: {API_VERSION}
kind: {KIND}
metadata:
  name: images
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  entries: []
"""


class LockEntry(NamedTuple):
    """What one policy resolved to.

    ``digest`` is what the tag pointed to, whether the policy reflects it into fields or not; ``reflection`` says that.
    ``candidates`` counts the tags that the registry listed. ``changed`` is the time of the last change (RFC 3339, UTC).
    """

    policy: PolicyName
    image: str
    tag: str
    digest: str
    reflection: str
    inputs: str
    candidates: int
    changed: str
    replaces: str = ""
    """The higher tag from which the entry went back because somebody asked for it; fields may follow."""

    @property
    def ref(self) -> LatestRef:
        """The answer, as the policy's markers write it."""
        return LatestRef(self.image, self.tag, self.digest if self.reflection != "Never" else "")

    @property
    def record(self) -> Record:
        """The entry as it is written."""
        optional = {"digestReflectionPolicy": self.reflection} if self.reflection != "Never" else {}
        return {
            "policy": str(self.policy),
            "image": self.image,
            "tag": self.tag,
            "digest": self.digest,
            **optional,
            "inputs": self.inputs,
            "candidates": self.candidates,
            "changed": self.changed,
            **({"replaces": self.replaces} if self.replaces else {}),
        }

    def same_answer(self, other: LockEntry) -> bool:
        """Whether the other entry says the same; the count and the time of it do not matter."""
        return (self.image, self.tag, self.digest, self.reflection, self.inputs) == (
            other.image,
            other.tag,
            other.digest,
            other.reflection,
            other.inputs,
        )


class Lock(NamedTuple):
    """One lock, or several of a package taken together.

    ``holds`` are a person's decisions, ``seen`` is when candidates that are too young yet were first seen.
    """

    entries: Mapping[PolicyName, LockEntry]
    origin: str = FILE_NAME
    holds: tuple[Hold, ...] = ()
    seen: tuple[Seen, ...] = ()

    def holds_of(self, policy: PolicyName, now: float) -> list[Hold]:
        """The holds of a policy that are in force at a time."""
        return in_force(self.holds, policy, now)

    def asks(self, policy: PolicyName, old: str, new: str, now: float) -> bool:
        """Whether a hold in force, or the entry itself, asks that a field goes from the old tag back to the new one."""
        entry = self.entries.get(policy)
        went_back = entry is not None and (entry.replaces, entry.tag) == (old, new)
        return went_back or asks_for(self.holds_of(policy, now), old, new)


def parse_lock(text: str, name: str) -> Lock:
    """The lock in a file's text.

    Raises:
        LockError: a merge conflict, another version, a field that is missing; *hint* says which command mends it.
        TextError: not YAML.
    """
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        raise LockError(
            "the lock is in a merge conflict",
            where=f"{name}:{line}",
            hint="take either side (`git checkout --theirs` or `--ours`), then run `imagesetter lock`",
        )
    documents = load_all(text, name=name)
    locks = [from_data(data, f"{name}:{line}") for data, line in documents if is_lock(data)]
    if not locks:
        raise LockError(f"holds no {KIND}", where=name, hint=_ANEW)
    return merge_locks(locks)


def is_lock(data: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a loaded resource is a lock of any version."""
    return (
        isinstance(data, Mapping)
        and data.get("kind") == KIND
        and str(data.get("apiVersion", "")).startswith(f"{GROUP}/")
    )


def from_data(data: Mapping[str, Any], origin: str) -> Lock:
    """The lock in a loaded resource.

    Raises:
        LockError: as `parse_lock`.
    """
    if data.get("apiVersion") != API_VERSION:
        raise LockError(
            f"the lock is {data.get('apiVersion')}, and this imagesetter reads {API_VERSION}",
            where=origin,
            hint=f"use the imagesetter that wrote it; or {_ANEW}",
        )
    spec = data.get("spec")
    if not isinstance(spec, Mapping):
        raise LockError(f"spec: expected a mapping, not {spec!r}", where=origin, hint=_ANEW)
    entries: dict[PolicyName, LockEntry] = {}
    for number, row in enumerate(_list(spec, "entries", origin)):
        entry = _entry(row, f"{origin}: spec.entries[{number}]")
        if entry.policy in entries:
            raise LockError(f"policy {entry.policy} is locked twice", where=origin, hint="keep one of its entries")
        entries[entry.policy] = entry
    holds = [_hold(row, f"{origin}: spec.holds[{n}]") for n, row in enumerate(_list(spec, "holds", origin))]
    seen = [_seen(row, f"{origin}: spec.seen[{n}]") for n, row in enumerate(_list(spec, "seen", origin))]
    return Lock(entries, origin, tuple(holds), tuple(seen))


def _list(spec: Mapping[str, Any], name: str, origin: str) -> list[object]:
    rows = spec.get(name)
    if rows is not None and not isinstance(rows, list):
        raise LockError(f"spec.{name}: expected a list, not {rows!r}", where=origin, hint=_MEND)
    return rows or []


def _entry(row: object, where: str) -> LockEntry:
    if not isinstance(row, Mapping):
        raise LockError(f"expected a mapping, not {row!r}", where=where, hint=_MEND)
    missing = [name for name in ("policy", "image", "tag", "digest", "inputs") if not isinstance(row.get(name), str)]
    namespace, colon, name = str(row.get("policy", "")).partition(":")
    if missing or not colon:
        raise LockError(f"{(missing or ['policy'])[0]}: is required, as a string", where=where, hint=_MEND)
    candidates = row.get("candidates", 0)
    return LockEntry(
        policy=PolicyName(namespace, name),
        image=row["image"],
        tag=row["tag"],
        digest=row["digest"],
        reflection=str(row.get("digestReflectionPolicy", "Never")),
        inputs=row["inputs"],
        candidates=candidates if isinstance(candidates, int) else 0,
        changed=str(row.get("changed", "")),
        replaces=str(row.get("replaces", "")),
    )


def _hold(row: object, where: str) -> Hold:
    """People write holds by hand, so every slip is named."""
    hint = "`imagesetter hold` writes one as it has to be"
    known = ("policy", "tag", "exclude", "reason", "until")
    if not isinstance(row, Mapping):
        raise LockError(f"expected a mapping, not {row!r}", where=where, hint=hint)
    for name, value in row.items():
        if name not in known:
            raise LockError(f"{name}: no such field{did_you_mean(str(name), known)}", where=where, hint=hint)
        if not isinstance(value, str):
            raise LockError(f"{name}: must be a text, not {value!r}: put it in quotes", where=where, hint=hint)
    namespace, colon, name = row.get("policy", "").partition(":")
    if not colon or not row.get("reason"):
        raise LockError(f"{'reason' if colon else 'policy'}: is required", where=where, hint=hint)
    if bool(row.get("tag")) == bool(row.get("exclude")):
        raise LockError("write exactly one of tag and exclude", where=where, hint=hint)
    until = row.get("until", "")
    try:
        midnight(until or "1970-01-01")
    except ValueError as error:
        raise LockError(f"until: {error}", where=where, hint=hint) from error
    return Hold(PolicyName(namespace, name), row.get("tag", ""), row.get("exclude", ""), row["reason"], until)


def _seen(row: object, where: str) -> Seen:
    fields = row if isinstance(row, Mapping) else {}
    namespace, _, name = str(fields.get("policy", "")).partition(":")
    found = Seen(PolicyName(namespace, name), *(str(fields.get(field, "")) for field in ("tag", "digest", "since")))
    try:
        if not (name and found.tag and found.digest and found.time):
            raise ValueError("policy, tag, digest and since are required")
    except ValueError as error:
        raise LockError(f"not a first sight: {error}", where=where, hint="take it out of the lock") from error
    return found


def merge_locks(locks: Iterable[Lock]) -> Lock:
    """Several locks as one.

    Raises:
        LockError: they lock a policy to different refs.
    """
    entries: dict[PolicyName, LockEntry] = {}
    origins: list[str] = []
    holds: list[Hold] = []
    seen: list[Seen] = []
    for lock in locks:
        origins.append(lock.origin)
        holds += lock.holds
        seen += lock.seen
        for name, entry in lock.entries.items():
            other = entries.setdefault(name, entry)
            if not other.same_answer(entry):
                raise LockError(
                    f"policy {name} is locked to {other.ref} and to {entry.ref}",
                    where=" and ".join(origins),
                    hint="keep one lock for the policy",
                )
    return Lock(entries, ", ".join(origins) or FILE_NAME, tuple(dict.fromkeys(holds)), tuple(dict.fromkeys(seen)))


def render_lock(text: str, entries: Mapping[PolicyName, LockEntry], seen: Iterable[Seen] = ()) -> str:
    """The lock's text with these entries; equal to *text* when no answer changed.

    Args:
        text: the present text, or an empty one.
        entries: all entries that the lock shall hold.
        seen: all first sights that it shall hold.

    Raises:
        LockError: the text is not in a layout that can be kept.
    """
    records = [entries[name].record for name in sorted(entries, key=str)]
    text = _updated(_begun(text), "entries", records, lambda record: record["policy"])
    sights = [each.record for each in sorted(seen, key=lambda each: (str(each.policy), each.tag))]
    return _updated(text, "seen", sights, lambda record: (record["policy"], record["tag"]))


def render_holds(text: str, holds: Iterable[Hold]) -> str:
    """The lock's text with these holds, in the order in which they are given.

    Raises:
        LockError: the text is not in a layout that can be kept.
    """
    records = [hold.record for hold in holds]
    return _updated(
        _begun(text),
        "holds",
        records,
        lambda record: tuple(record.get(f) for f in ("policy", "tag", "exclude")),
    )


def _begun(text: str) -> str:
    return text if text.strip() else TEMPLATE


def _updated(text: str, name: str, records: Sequence[Record], identity: Callable[[Mapping[str, str]], object]) -> str:
    from krm_functions.yaml.records import update_records

    try:
        return update_records(text, ("spec", name), records, identity=identity)
    except TextError as error:
        raise LockError(
            f"the lock cannot be brought up to date: {error}",
            where=error.where,
            hint=f"write spec.{name} as a block list of block mappings, or remove the file and lock again",
        ) from error
