"""Latest refs from what a cluster reported in the status of its ImagePolicies, without any network."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from imagesetter.errors import ResolveError
from imagesetter.flux.annotations import NEWEST, VERIFY
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import RELEASE
from imagesetter.lock.document import Lock
from imagesetter.lock.holds import forbid
from imagesetter.selection.sources import Resolution, Resolved, caught


class StatusSource(NamedTuple):
    """The answers that a cluster's ImagePolicies report (``kubectl get imagepolicies -A -o yaml``).

    ``lock`` reads the lock, if there is one, and ``now`` is for its holds: the cluster knows none, so what one in force
    forbids is refused.
    """

    catalog: Catalog
    lock: Callable[[], Lock | None] = lambda: None
    now: float = 0.0

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """``status.latestRef``, or the older ``latestImage``."""
        names = list(names)
        if not self.catalog.of_kind(RELEASE):
            return {name: self._answer(name) for name in names}
        from imagesetter.selection.releases import answers_in_one_version

        remedy = "export the status again when the cluster has settled"
        return answers_in_one_version(self.catalog, names, self._answer, remedy)

    def _answer(self, name: PolicyName) -> Resolution:
        return caught(partial(self._recorded, name))

    def _recorded(self, name: PolicyName) -> Resolution:
        ref = self.catalog.recorded(name)
        if self.catalog.has_annotation(name, VERIFY):
            raise ResolveError(
                f"ImagePolicy {name} accepts signed images only, and a status does not say who signed its image",
                hint="use --from registry or --from lock for this policy",
            )
        if self.catalog.has_annotation(name, NEWEST):
            raise ResolveError(
                f"ImagePolicy {name} takes the newest tag, and a cluster's controllers do not know its order",
                hint="use --from lock for this policy",
            )
        if ref is None:
            raise ResolveError(
                f"ImagePolicy {name} has no status.latestRef",
                hint="export them: `kubectl get imagepolicies -A -o yaml`, and name the file with --policies",
            )
        lock = self.lock()
        if lock and (hold := forbid(lock.holds_of(name, self.now), ref.tag)):
            raise ResolveError(
                f"ImagePolicy {name} is {hold}, and the cluster's status has {ref.tag}",
                where=lock.origin,
                hint=f"use --from registry or --from lock for this policy, or end the hold: imagesetter unhold {name}",
            )
        return Resolved(ref)
