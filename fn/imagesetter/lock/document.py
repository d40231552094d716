"""The lock: what every policy resolved to, in a file that people review and that any run can apply without a network.

``images.lock.yaml`` is a Kubernetes resource (kind ImageLock, local-config), so that it travels inside a package and
reaches the function as an ordinary item. Entries are sorted by policy; an entry whose answer did not change keeps its
bytes, its time included; comments stay (`imagesetter.lock.records`).
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeGuard

from imagesetter.config.options import API_VERSION, GROUP
from imagesetter.errors import LockError
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.holds import Hold, in_force, midnight, wants_downgrade
from imagesetter.lock.tag_age import Seen
from krm_functions.suggestions import did_you_mean
from krm_functions.yaml.load import load_all

KIND = "ImageLock"
FILE_NAME = "images.lock.yaml"
REMEDY = "run `imagesetter lock`, and commit the lock"
_MEND = "fix it, or remove it from the lock and run `imagesetter lock`"
_ANEW = "delete the file, run `imagesetter lock`, and commit the lock"
_CONFLICT = r"(?m)^(?:<{7} |={7}$|>{7} )"

FieldType = Literal["policy", "string", "non-empty string", "count", "time", "date", "reflection"]


class LockField(NamedTuple):
    """A field of the lock: its name, type and description; the published schema is made from these."""

    name: str
    type: FieldType
    description: str = ""
    required: bool = True
    omitted: str | None = None
    """The value that is not written, and that a missing field has."""
    attribute: str = ""
    """Its name in Python, where that is another."""


ENTRY_FIELDS = (
    LockField("policy", "policy"),
    LockField(
        "folder",
        "string",
        "where several policies of this name are locked: the folder that defines this one, relative to the lock's",
        required=False,
        omitted="",
        attribute="policy.folder",
    ),
    LockField("image", "string", "the repository, as its ImageRepository writes it"),
    LockField("tag", "string"),
    LockField("digest", "string", "what the tag pointed to, whether the policy reflects it or not"),
    LockField("digestReflectionPolicy", "reflection", required=False, omitted="Never", attribute="reflection"),
    LockField("inputs", "string", "a hash of everything that decides the answer; of a changed policy it is another"),
    LockField("candidates", "count", "how many tags the registry listed", required=False),
    LockField("changed", "time", "when this entry changed last", required=False),
    LockField(
        "replaces",
        "string",
        "the higher tag that this entry replaced on purpose",
        required=False,
        omitted="",
    ),
    LockField(
        "rules",
        "string",
        "the rules that this image passed, and that no run without a registry can ask again",
        required=False,
        omitted="",
    ),
    LockField(
        "signedBy",
        "string",
        "who signed this image, as the policy asks",
        required=False,
        omitted="",
        attribute="signed_by",
    ),
    LockField(
        "passedOver",
        "string",
        "the best tag that a rule did not allow when this entry was made, with the rule",
        required=False,
        omitted="",
        attribute="passed_over",
    ),
    LockField(
        "newest",
        "string",
        "by what time this tag is the newest, where the policy takes that: the time, and who states it",
        required=False,
        omitted="",
    ),
)
"""What `imagesetter lock` writes for each policy, in this order."""

HOLD_FIELDS = (
    LockField("policy", "policy"),
    LockField("tag", "non-empty string", "stay at this tag", required=False, omitted=""),
    LockField("exclude", "non-empty string", "leave this tag out", required=False, omitted=""),
    LockField("reason", "non-empty string", omitted=""),
    LockField("until", "date", "the date (UTC) on which it expires", required=False, omitted=""),
)
"""A person's decision; exactly one of ``tag`` and ``exclude`` is given."""

SEEN_FIELDS = (
    LockField("policy", "policy"),
    LockField("tag", "string"),
    LockField("digest", "string", "not of a policy that takes the newest tag", required=False, omitted=""),
    LockField("since", "time"),
)
"""When a tag was first seen: one that is too young, or any of a policy that takes the newest."""

RELEASED_FIELDS = (
    LockField("policy", "policy"),
    LockField("since", "time", "when `imagesetter unhold` was run"),
)
"""A policy that goes on though somebody set a field back before (`imagesetter.git.reverts`)."""


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
    rules: str = ""
    """Names of rules, with commas between them, as in `imagesetter.candidates.chain.Decision`."""
    signed_by: str = ""
    passed_over: str = ""
    """``TAG (RULE)``."""
    newest: str = ""
    """``TIME (WHO STATES IT)``, as in `imagesetter.candidates.newest`."""

    @property
    def ref(self) -> LatestRef:
        """The answer, as the policy's markers write it."""
        return LatestRef(self.image, self.tag, self.digest if self.reflection != "Never" else "")

    def same_answer(self, other: "LockEntry") -> bool:
        """Whether the other entry says the same; the count and the time of it do not matter."""
        return (self.image, self.tag, self.digest, self.reflection, self.inputs) == (
            other.image,
            other.tag,
            other.digest,
            other.reflection,
            other.inputs,
        )


class Released(NamedTuple):
    """A policy that goes on though somebody set a field of it back before ``since`` (RFC 3339, UTC)."""

    policy: PolicyName
    since: str


class Lock(NamedTuple):
    """One lock, or several of a package taken together.

    ``holds`` and ``released`` are a person's decisions, ``seen`` is when candidates that are too young yet were first
    seen.
    """

    entries: Mapping[PolicyName, LockEntry]
    origin: str = FILE_NAME
    holds: tuple[Hold, ...] = ()
    seen: tuple[Seen, ...] = ()
    released: tuple[Released, ...] = ()
    ledger: Mapping[str, Mapping[tuple[str, str], str]] = {}
    """What other locks have seen (`imagesetter.lock.ledger`), where the run has a ledger."""

    def holds_of(self, policy: PolicyName, now: float) -> list[Hold]:
        """The holds of a policy that are in force at a time."""
        return in_force(self.holds, policy, now)

    def wants_downgrade(self, policy: PolicyName, old: str, new: str, now: float) -> bool:
        """Whether a hold in force, or the entry itself, asks that a field goes from the old tag back to the new one."""
        entry = self.entries.get(policy)
        went_back = entry is not None and (entry.replaces, entry.tag) == (old, new)
        return went_back or wants_downgrade(self.holds_of(policy, now), old, new)


def parse_lock(text: str, name: str) -> Lock:
    """The lock in a file's text.

    Raises:
        LockError: a merge conflict, another version, a field that is missing; *hint* says which command mends it.
        TextError: not YAML.
    """
    either = "take either side (`git checkout --theirs` or `--ours`), then run `imagesetter lock`"
    refuse_conflict(text, name, "the lock", either)
    documents = load_all(text, name=name)
    locks = [from_data(data, f"{name}:{line}") for data, line in documents if is_lock(data)]
    if not locks:
        raise LockError(f"does not contain an {KIND}", where=name, hint=_ANEW)
    return merge_locks(locks)


def refuse_conflict(text: str, name: str, what: str, hint: str) -> None:
    """Refuse a file that git left in a merge conflict.

    Raises:
        LockError: it is; with the line where the conflict begins.
    """
    if conflict := re.search(_CONFLICT, text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise LockError(f"{what} is in a merge conflict", where=f"{name}:{line}", hint=hint)


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
    released = [
        _released(row, f"{origin}: spec.released[{n}]") for n, row in enumerate(_list(spec, "released", origin))
    ]
    return Lock(entries, origin, tuple(holds), tuple(seen), tuple(released))


def _list(spec: Mapping[str, Any], name: str, origin: str) -> list[object]:
    rows = spec.get(name)
    if rows is not None and not isinstance(rows, list):
        raise LockError(f"spec.{name}: expected a list, not {rows!r}", where=origin, hint=_MEND)
    return rows or []


def _entry(row: object, where: str) -> LockEntry:
    if not isinstance(row, Mapping):
        raise LockError(f"expected a mapping, not {row!r}", where=where, hint=_MEND)
    missing = [field.name for field in ENTRY_FIELDS if field.required and not isinstance(row.get(field.name), str)]
    if missing or ":" not in row["policy"]:
        raise LockError(f"{(missing or ['policy'])[0]}: is required, as a string", where=where, hint=_MEND)
    values = _values(ENTRY_FIELDS, row)
    folder = values.pop("folder")
    entry = LockEntry(**{**values, "policy": values["policy"]._replace(folder=folder)})
    if invalid := LatestRef(entry.image, entry.tag, entry.digest).invalid_part():
        part, text = invalid
        field = "image" if part == "name" else part
        raise LockError(f"{field}: {text!r} is not a valid {part}", where=where, hint=_MEND)
    return entry


def _values(fields: Iterable[LockField], row: Mapping[Any, Any]) -> dict[str, Any]:
    """What a row says, by attribute; a missing field has the value that is not written."""
    return {
        (field.name if "." in field.attribute else field.attribute or field.name): _value(field, row)
        for field in fields
    }


def _value(field: LockField, row: Mapping[Any, Any]) -> object:
    value = row.get(field.name)
    match field.type:
        case "policy":
            namespace, _, name = str(value or "").partition(":")
            return PolicyName(namespace, name)
        case "count":
            return value if isinstance(value, int) else 0
        case _:
            return str(row.get(field.name, field.omitted or ""))


def _hold(row: object, where: str) -> Hold:
    """People write holds by hand, so every slip is named."""
    hint = "`imagesetter hold` writes one as it has to be"
    known = [field.name for field in HOLD_FIELDS]
    if not isinstance(row, Mapping):
        raise LockError(f"expected a mapping, not {row!r}", where=where, hint=hint)
    for name, value in row.items():
        if name not in known:
            raise LockError(f"{name}: unknown field{did_you_mean(str(name), known)}", where=where, hint=hint)
        if not isinstance(value, str):
            raise LockError(f"{name}: must be a text, not {value!r}: put it in quotes", where=where, hint=hint)
    missing = "policy" if ":" not in row.get("policy", "") else "" if row.get("reason") else "reason"
    if missing:
        raise LockError(f"{missing}: is required", where=where, hint=hint)
    if bool(row.get("tag")) == bool(row.get("exclude")):
        raise LockError("write exactly one of tag and exclude", where=where, hint=hint)
    hold = Hold(**_values(HOLD_FIELDS, row))
    try:
        midnight(hold.until or "1970-01-01")
    except ValueError as error:
        raise LockError(f"until: {error}", where=where, hint=hint) from error
    return hold


def _seen(row: object, where: str) -> Seen:
    found = Seen(**_values(SEEN_FIELDS, row if isinstance(row, Mapping) else {}))
    try:
        if not (found.policy.name and found.tag and found.time):
            raise ValueError("policy, tag and since are required")
    except ValueError as error:
        raise LockError(f"not a valid entry: {error}", where=where, hint="take it out of the lock") from error
    return found


def _released(row: object, where: str) -> Released:
    found = Released(**_values(RELEASED_FIELDS, row if isinstance(row, Mapping) else {}))
    if not (found.policy.name and found.since):
        raise LockError("policy and since are required", where=where, hint="`imagesetter unhold` writes a valid one")
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
    released: list[Released] = []
    for lock in locks:
        origins.append(lock.origin)
        holds += lock.holds
        seen += lock.seen
        released += lock.released
        for name, entry in lock.entries.items():
            other = entries.setdefault(name, entry)
            if not other.same_answer(entry):
                raise LockError(
                    f"policy {name} is locked to {other.ref} and to {entry.ref}",
                    where=" and ".join(origins),
                    hint="keep one lock for the policy",
                )
    decisions = tuple(dict.fromkeys(holds)), tuple(dict.fromkeys(seen)), tuple(dict.fromkeys(released))
    return Lock(entries, ", ".join(origins) or FILE_NAME, *decisions)


def in_folder(lock: Lock, folder: str) -> Lock:
    """A lock that is in a folder, with the folders of its entries absolute, as policies have them."""
    moved = {_joined(name, folder): entry for name, entry in lock.entries.items()}
    return lock._replace(entries={name: entry._replace(policy=name) for name, entry in moved.items()})


def _joined(name: PolicyName, folder: str) -> PolicyName:
    return name._replace(folder=os.path.normpath(os.path.join(folder, name.folder))) if name.folder else name  # noqa: PTH118


def relative_entries(entries: Mapping[PolicyName, LockEntry], folder: str) -> dict[PolicyName, LockEntry]:
    """Entries with folders relative to the one in which the lock is, as it is written."""

    def relative(name: PolicyName) -> PolicyName:
        return name._replace(folder=os.path.relpath(name.folder, folder).replace(os.sep, "/")) if name.folder else name

    return {relative(name): entry._replace(policy=relative(name)) for name, entry in entries.items()}
