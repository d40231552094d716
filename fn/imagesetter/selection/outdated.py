"""Which images of a tree have newer tags: by their policy, or by the one that their tag suggests.

The same scans and the same selection as in an update. A registry that fails is the error of its own images only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from imagesetter.errors import PolicyError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.markers import PolicyName
from imagesetter.policy.propose import NoProposal, Proposal, propose
from imagesetter.policy.select import compare, select
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.puller import Puller
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Registry, Scan, ScanOptions
from imagesetter.selection.registry_source import Choose, RegistrySource, by_policy
from imagesetter.selection.sources import Failed, Resolution
from krm_functions.errors import ReportedError


@dataclass(frozen=True, slots=True)
class CurrentImage:
    """An image with the tag that it has now, and the policy that it follows, if any."""

    repository: Repository
    tag: str
    policy: PolicyName | None = None


@dataclass(frozen=True, slots=True)
class Newer:
    """What there is for an image.

    ``within`` is what its policy selects, or without one the newest tag that its own tag suggests (its major version);
    ``latest`` is the newest tag of that shape at all. Each is empty where it is not known. ``reason`` says why nothing
    can be said, ``error`` what failed.
    """

    image: CurrentImage
    within: str = ""
    latest: str = ""
    reason: str = ""
    error: ReportedError | None = None
    uploaded: Mapping[str, float] = field(default_factory=dict)
    """Of these tags, when they were uploaded, in seconds since 1970, where the registry says so."""
    cached: bool = False

    @property
    def is_outdated(self) -> bool:
        """Whether there is another tag that the image could have."""
        return any(tag and tag != self.image.tag for tag in (self.within, self.latest))


class _Remembering:
    """Chooses like another one, and remembers the scans that it has seen."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.scans: dict[PolicyName, Scan] = {}

    def __call__(self, policy: ImagePolicy, scan: Scan, puller: Puller) -> Resolution:
        self.scans[policy.name] = scan
        return self.choose(policy, scan, puller)


def find_newer(
    images: Sequence[CurrentImage],
    catalog: Catalog,
    registry: Registry,
    *,
    choose: Choose = by_policy,
    options: ScanOptions | None = None,
) -> list[Newer]:
    """What there is for each image, in the given order.

    Args:
        images: the images, each once.
        catalog: the policies that they follow.
        registry: where to ask, once for each repository.
        choose: heeds holds and ages for images with a policy (`imagesetter.selection.choose.Chooser`).
        options: of the scans for images without a policy.
    """
    remembering = _Remembering(choose)
    names = dict.fromkeys(image.policy for image in images if image.policy)
    answers = RegistrySource(catalog, registry, choose=remembering).answers(names)
    proposals = {image.tag: propose(image.tag) for image in images}
    wanted = (each for each in images if not each.policy and isinstance(proposals[each.tag], Proposal))
    scans = _scans([image.repository for image in wanted], registry, options or ScanOptions())
    found: list[Newer] = []
    for image in images:
        if image.policy:
            answer, scan = answers[image.policy], remembering.scans.get(image.policy)
            if isinstance(answer, Failed):
                found.append(Newer(image, error=answer.error))
            else:
                found.append(_newer(image, answer.ref.tag, catalog.policy(image.policy).tags, scan))
        else:
            found.append(_without_policy(image, proposals[image.tag], scans))
    return found


def _scans(
    repositories: Iterable[Repository], registry: Registry, options: ScanOptions
) -> dict[str, Scan | ReportedError]:
    each = list({repository.canonical: repository for repository in repositories}.values())
    scanned = registry.scan_each([(repository, options) for repository in each])
    return {each[number].canonical: scan for number, scan in scanned}


def _without_policy(
    image: CurrentImage, proposal: Proposal | NoProposal, scans: Mapping[str, Scan | ReportedError]
) -> Newer:
    if isinstance(proposal, NoProposal):
        return Newer(image, reason=proposal.reason)
    scan = scans[image.repository.canonical]
    if isinstance(scan, ReportedError):
        return Newer(image, error=scan)
    within = _best(proposal.policy, image.tag, scan)
    return _newer(image, within, proposal.newest, scan)


def _newer(image: CurrentImage, within: str, newest: TagPolicy, scan: Scan | None) -> Newer:
    """With the newest tag of the shape of the present one, or else of what the policy ranks."""
    if scan is None:  # suspended: what its status says
        return Newer(image, within, within)
    proposal = propose(image.tag)
    latest = _best(newest if isinstance(proposal, NoProposal) else proposal.newest, image.tag, scan)
    tags = (image.tag, within, latest)
    uploaded = {tag: scan.uploaded[tag] for tag in tags if tag in scan.uploaded}
    return Newer(image, within, latest, uploaded=uploaded, cached=scan.from_cache)


def _best(policy: TagPolicy, current: str, scan: Scan) -> str:
    """What a policy selects, or the present tag where that is as high; it may be missing from the list."""
    try:
        best = select(policy, scan.tags)
        order = compare(policy, current, best)
    except PolicyError:
        return ""
    return current if order is not None and order >= 0 else best
