"""A fleet's policies in parts, one for each of many processes, and their locks as one again.

Policies are parted by the repository that they ask, so that each repository is still listed once in all; those of a
release by that of its first policy. Which part a repository belongs to depends on its canonical name and the number of
parts alone: any process can tell, none has to ask another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import all_releases
from imagesetter.lock.document import Lock, merge_locks
from imagesetter.registry.reference import parse_flux_image
from imagesetter.update.lock import Locked, entry_changes
from krm_functions.errors import ReportedError, UsageError

_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of several; *index* counts from 0."""

    index: int
    count: int

    def names(self, catalog: Catalog) -> frozenset[PolicyName]:
        """The policies of this part; those of a release are in one.

        Raises:
            ReportedError: a release is not valid.
        """
        first = {name: release.policies[0] for release in all_releases(catalog) for name in release.policies}
        names = catalog.policy_names
        return frozenset(name for name in names if self.holds(repository_of(catalog, first.get(name, name))))

    def holds(self, repository: str) -> bool:
        """Whether a repository, by its canonical name, belongs to this part."""
        digest = hashlib.sha256(repository.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index


def parse_shard(text: str) -> Shard:
    """``INDEX/COUNT``, such as ``0/4``.

    Raises:
        UsageError: anything else.
    """
    match = _SHARD.fullmatch(text)
    if not match or int(match[1]) >= int(match[2]):
        raise UsageError(
            f"{text!r} is not a shard", where="--shard", hint="write INDEX/COUNT: 0/4 is the first of four"
        )
    return Shard(int(match[1]), int(match[2]))


def repository_of(catalog: Catalog, name: PolicyName) -> str:
    """The canonical name of a policy's repository; of one that cannot be read, what is known of it.

    A policy without a repository has to be in some part too, so that its error is reported, and only once.
    """
    try:
        written = catalog.image(name)
    except ReportedError:
        return str(name)
    try:
        return parse_flux_image(written).canonical
    except ReportedError:
        return written


def restricted(lock: Lock, names: frozenset[PolicyName]) -> Lock:
    """What a lock says about some policies; holds are kept as they are."""
    entries = {name: entry for name, entry in lock.entries.items() if name.plain in names}
    return Lock(entries, lock.origin, lock.holds, tuple(each for each in lock.seen if each.policy in names))


def merge_shards(before: Lock, parts: Sequence[Lock]) -> Locked:
    """The locks of all parts as one; an entry that no part has is gone.

    Raises:
        LockError: two parts lock a policy to different refs.
    """
    whole = merge_locks(parts)
    # merged() puts a later part's entry behind; equal answers may differ in their time, and the older one counts.
    entries = dict(whole.entries)
    for part in parts:
        for name, entry in part.entries.items():
            entries[name] = min(entries[name], entry, key=lambda each: (each.changed, each.candidates))
    for name, old in before.entries.items():
        if name in entries and old.same_answer(entries[name]):
            entries[name] = old
    return Locked(entries, tuple(entry_changes(before.entries, entries)), (), whole.seen)
