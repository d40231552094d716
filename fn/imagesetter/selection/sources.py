"""Policies become latest refs, from one of three sources; a failure is a value.

``status``, which is here, takes what a cluster reported; ``registry`` and ``lock`` have modules of their own. Only
policies that are asked for are resolved, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imagesetter.errors import ResolveError
from imagesetter.flux.annotations import NEWEST, VERIFY
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import RELEASE
from krm_functions.errors import ReportedError

if TYPE_CHECKING:
    from imagesetter.candidates.chain import PassedOver
    from imagesetter.flux.releases import Release
    from imagesetter.lock.tag_age import Seen


class Resolved(NamedTuple):
    """A policy's answer; ``notes`` are things its reader should know (dropped tags, a stale scan).

    ``reasons`` are how holds and ages came to this tag; ``too_young`` is since when better tags have been seen that are
    not old enough yet. ``pin`` is the tag's digest for fields that are pinned by one, also where the policy reflects
    none and the ref has none; ``unpinned`` says why it could not be had. ``judged`` is the digest that rules looked at,
    where one did. ``passed_over`` are the better tags that a rule did not allow, ``rules`` those that the tag
    passed and that only a registry can judge, ``signed_by`` who signed the image, ``newest`` by what time
    the tag is the newest. ``cached`` is the time of a scan from
    the cache. ``release`` is what the policy belongs to, so that its fields change with others or not at all.
    """

    ref: LatestRef
    notes: tuple[str, ...] = ()
    candidates: int = 0
    reasons: tuple[str, ...] = ()
    too_young: tuple[Seen, ...] = ()
    pin: str = ""
    unpinned: ReportedError | None = None
    cached: float = 0.0
    judged: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    rules: tuple[str, ...] = ()
    signed_by: str = ""
    newest: str = ""
    release: Release | None = None


class Failed(NamedTuple):
    """Why a policy has no answer; ``too_young`` as in `Resolved`, None where nothing was seen."""

    error: ReportedError
    too_young: tuple[Seen, ...] | None = None
    passed_over: tuple[PassedOver, ...] = ()
    release: Release | None = None


Resolution = Resolved | Failed


def rule_tags(answer: Resolution, reason: str) -> dict[str, str]:
    """The rule and the tag that a reason is about, as the tags of a result; none where it is about none."""
    return next(({"rule": each.rule, "tag": each.tag} for each in answer.passed_over if each.reason == reason), {})


class LatestRefSource(Protocol):
    """Where latest refs come from."""

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """One answer for each name; never raises for a policy that has none."""


class StatusSource(NamedTuple):
    """The answers that a cluster's ImagePolicies report (``kubectl get imagepolicies -A -o yaml``)."""

    catalog: Catalog

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """``status.latestRef``, or the older ``latestImage``."""
        names = list(names)
        if not self.catalog.of_kind(RELEASE):
            return {name: caught(partial(self._answer, name)) for name in names}
        from imagesetter.flux.releases import releases_of
        from imagesetter.selection.releases import check_recorded

        releases = releases_of(self.catalog, names)
        others = (name for release in releases for name in release.policies)
        answers = {name: caught(partial(self._answer, name)) for name in dict.fromkeys((*names, *others))}
        return check_recorded(self.catalog, releases, answers, "export the status again when the cluster has settled")

    def _answer(self, name: PolicyName) -> Resolution:
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
        return Resolved(ref)


KnownDigest = Callable[[PolicyName, LatestRef], str]
"""The digest that is recorded already for this name and tag (in a field, in the lock), or an empty text."""


class Digests(Protocol):
    """What the fields of a run say about digests (`imagesetter.fields.digests.FieldDigests`)."""

    def known(self, policy: PolicyName, ref: LatestRef) -> str:
        """See `KnownDigest`."""

    def needed(self, policy: PolicyName, ref: LatestRef) -> bool:
        """See `NeedsDigest`."""


NeedsDigest = Callable[[PolicyName, LatestRef], bool]
"""Whether a field that is pinned by a digest is to get this ref, whatever the policy reflects."""

MakeSource = Callable[[Catalog, Digests], LatestRefSource]
"""Makes the source that a run asks for, once policies and fields are known."""


def caught(ask: Callable[[], Resolution]) -> Resolution:
    """What a call returns; what it raises is a `Failed`."""
    try:
        return ask()
    except ReportedError as error:
        return Failed(error)
