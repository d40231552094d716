"""Latest refs from the lock, without any network."""

from collections.abc import Iterable
from typing import NamedTuple

from imagesetter.errors import LockError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import RELEASE
from imagesetter.lock.document import REMEDY, Lock, LockEntry
from imagesetter.lock.holds import forbid, notices
from imagesetter.selection.sources import Failed, Resolution, Resolved
from krm_functions.errors import ReportedError


class LockSource(NamedTuple):
    """The answers that were recorded: no network, no credentials, the same bytes for ever.

    ``now`` is for the holds: an entry that one in force forbids is refused, since the lock was not made after it.
    """

    catalog: Catalog
    lock: Lock
    now: float = 0.0

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """The locked refs; an entry whose policy has changed since is an error that says so."""
        names = list(names)
        if not self.catalog.of_kind(RELEASE):
            return {name: self._answer(name) for name in names}
        from imagesetter.selection.releases import answers_in_one_version

        return answers_in_one_version(self.catalog, names, self._answer, REMEDY, self.lock.entries)

    def _answer(self, name: PolicyName) -> Resolution:
        try:
            locked = self._name_in_lock(name)
            decided = [str(hold) for hold in self.lock.holds_of(locked, self.now)]
            over = notices(self.lock.holds, locked, self.now)
            entry = self._entry(name, locked)
            return Resolved(entry.ref, over, reasons=tuple(decided), pin=entry.digest)
        except ReportedError as error:
            return Failed(error)

    def _entry(self, name: PolicyName, locked: PolicyName) -> LockEntry:
        entry = self.lock.entries.get(locked)
        # A package may travel without its policies; the lock then is all there is to know.
        inputs = self.catalog.inputs(name) if self.catalog.has_policy(name) else None
        if entry is None:
            raise LockError(f"policy {name} is not in the lock", where=self.lock.origin, hint=REMEDY)
        if inputs not in (None, entry.inputs):
            raise LockError(
                f"policy {name} has changed since it was locked to {entry.ref}", where=self.lock.origin, hint=REMEDY
            )
        hold = forbid(self.lock.holds_of(locked, self.now), entry.tag)
        if hold:
            raise LockError(
                f"policy {name} is locked to {entry.ref}, but it is {hold}", where=self.lock.origin, hint=REMEDY
            )
        return entry

    def _name_in_lock(self, name: PolicyName) -> PolicyName:
        """A policy's name, or the other one that the lock has of it, as where a kustomization gives it a prefix."""
        if name in self.lock.entries or not self.catalog.has_policy(name):
            return name
        return next((other for other in self.catalog.names_of(name) if other in self.lock.entries), name)
