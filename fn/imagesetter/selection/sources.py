"""Policies become latest refs, from one of three sources; a failure is a value.

The sources have modules of their own: `registry_source`, `lock_source` and `status_source`. Only policies that are
asked for are resolved, each once.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.tag_age import Seen
from krm_functions.errors import ReportedError

if TYPE_CHECKING:
    from imagesetter.candidates.chain import PassedOver
    from imagesetter.flux.releases import Release
else:
    Release = object  # `typing` compiles an annotation in quotes, which takes longer than the class


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
    passed_over: tuple["PassedOver", ...] = ()
    rules: tuple[str, ...] = ()
    signed_by: str = ""
    newest: str = ""
    release: Release | None = None


class Failed(NamedTuple):
    """Why a policy has no answer; ``too_young`` as in `Resolved`, None where nothing was seen."""

    error: ReportedError
    too_young: tuple[Seen, ...] | None = None
    passed_over: tuple["PassedOver", ...] = ()
    release: Release | None = None


Resolution = Resolved | Failed


def rule_tags(answer: Resolution, reason: str) -> dict[str, str]:
    """The rule and the tag that a reason is about, as the tags of a result; none where it is about none."""
    return next(({"rule": each.rule, "tag": each.tag} for each in answer.passed_over if each.reason == reason), {})


class LatestRefSource(Protocol):
    """Where latest refs come from."""

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """One answer for each name; never raises for a policy that has none."""


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
