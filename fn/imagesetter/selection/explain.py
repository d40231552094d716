"""Why a policy gives this tag and not another, for a policy in the files or one made up on the spot.

The same resources, the same scan and the same selection as in an update, so an explanation and an update agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from imagesetter.candidates.chain import PassedOver
from imagesetter.errors import PolicyError, ResolveError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.policy.explain import Rejected, Selection, explain, why_not
from imagesetter.policy.select import check
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.puller import Puller
from imagesetter.registry.reference import Repository, is_tag
from imagesetter.registry.scan import Registry, Scan, ScanOptions, T
from imagesetter.selection.choose import Chooser
from imagesetter.selection.registry_source import Choose, RegistrySource, by_policy, scan_options
from imagesetter.selection.sources import Failed, Resolution, Resolved
from krm_functions.errors import ReportedError

_NOWHERE = Repository("", "", "")
_NAMELESS = PolicyName("", "")


@dataclass(frozen=True, slots=True)
class Explained:
    """What became of a policy.

    ``policy`` is None where the policy itself could not be read, ``explanation`` where there was no list of tags to
    explain; ``verdict`` answers "why not that one?", and ``notes`` are things its reader should know.
    """

    name: PolicyName | None
    """None for a policy made up on the spot."""
    policy: ImagePolicy | None
    chosen: LatestRef | None
    error: ReportedError | None
    explanation: Selection | None = None
    verdict: Rejected | None = None
    notes: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    """The candidates that rules beside the ranking did not allow, best first."""


def ad_hoc(tags: TagPolicy, image: Repository | None = None, *, insecure: bool = False) -> ImagePolicy:
    """A policy that is in no file: what the command line says."""
    return ImagePolicy(
        name=_NAMELESS,
        image=image or _NOWHERE,
        tags=tags,
        reflection="Never",
        origin="",
        insecure=insecure,
    )


def explain_tags(
    policy: ImagePolicy, tags: Sequence[str], *, tag: str = "", limit: int = 10, notes: Iterable[str] = ()
) -> Explained:
    """What a policy makes of a list of tags; no registry is asked, not even for a digest.

    Args:
        policy: the policy.
        tags: in any order.
        tag: a tag to say "why not?" for; empty for none.
        limit: how many rejected tags to show.
        notes: passed on.
    """
    explanation = explain(policy.tags, tags, limit=limit)
    return Explained(
        name=policy.name if policy.name.name else None,
        policy=policy,
        chosen=LatestRef(policy.image.written, explanation.chosen) if explanation.chosen is not None else None,
        error=explanation.error,
        explanation=explanation,
        verdict=_why_not(policy, tags, tag),
        notes=(*_strange(tags), *notes),
    )


def explain_registry(
    policy: ImagePolicy,
    registry: Registry,
    *,
    tag: str = "",
    limit: int = 10,
    digest: bool = False,
    choose: Choose = by_policy,
    notes: Sequence[str] = (),
) -> Explained:
    """What a policy makes of the tags that its registry has now.

    Args:
        policy: the policy.
        registry: where to ask.
        tag: a tag to say "why not?" for; empty for none.
        limit: how many rejected tags to show.
        digest: ask for the chosen tag's digest even where the policy reflects none.
        choose: heeds holds and ages, where there is a lock (`imagesetter.selection.choose.Chooser`).
        notes: passed on.
    """
    name = policy.name if policy.name.name else None
    options = scan_options(policy)
    try:
        check(policy.tags)  # a rule that does not compile is not a reason to ask anybody
        scan = registry.scan(policy.image, options=options)
    except ReportedError as error:
        return _suspended(policy, Explained(name, policy, None, error))
    cached = ("the tags are from the cache; --refresh asks the registry again",) if scan.from_cache else ()
    found = explain_tags(policy, scan.tags, tag=tag, limit=limit, notes=(*scan.warnings, *cached, *notes))
    if policy.is_suspended:
        return _suspended(policy, found)
    found = decide(found, policy, scan, choose, registry.puller(policy.image, options))
    if found.chosen and (digest or policy.reflection != "Never"):
        try:
            answer = registry.digest(policy.image, found.chosen.tag, options=options)
        except ReportedError as error:
            return replace(found, chosen=None, error=error)
        return replace(found, chosen=LatestRef(found.chosen.name, found.chosen.tag, answer))
    return found


def decide(found: Explained, policy: ImagePolicy, scan: Scan, choose: Choose, puller: Puller) -> Explained:
    """What holds and ages make of the policy's choice.

    Args:
        found: the choice, explained.
        policy: the policy.
        scan: the tags that it chose from.
        choose: heeds holds and ages (`imagesetter.selection.choose.Chooser`).
        puller: asks for what the tags point to.
    """
    try:
        answer = choose(policy, scan, puller)
    except ReportedError as error:
        answer = Failed(error)
    over = {each.tag: each for each in answer.passed_over}
    verdict = found.verdict
    if verdict and verdict.tag in over:
        verdict = Rejected(verdict.tag, "candidate", over[verdict.tag].reason)
    if isinstance(answer, Failed):
        notes = (*found.notes, *(each.reason for each in answer.passed_over))
        return replace(
            found, chosen=None, error=answer.error, verdict=verdict, notes=notes, passed_over=answer.passed_over
        )
    if verdict and verdict.step == "chosen" and answer.ref.tag != verdict.tag:
        verdict = Rejected(verdict.tag, "candidate", "; ".join(answer.reasons))
    if verdict and policy.newest and verdict.step in ("candidate", "chosen") and verdict.tag not in over:
        is_it = answer.ref.tag == verdict.tag
        verdict = Rejected(verdict.tag, "chosen" if is_it else "candidate", "; ".join(answer.reasons))
    signed = (f"{answer.ref.tag} is signed by {answer.signed_by}",) if answer.signed_by else ()
    notes = (*found.notes, *answer.reasons, *signed)
    return replace(found, chosen=answer.ref, error=None, verdict=verdict, notes=notes, passed_over=answer.passed_over)


def in_releases(catalog: Catalog, registry: Registry, chooser: Chooser) -> Choose:
    """Chooses as `Chooser` does, and as the release of a policy allows; its other policies are asked for as well."""
    source = RegistrySource(catalog, registry, choose=chooser, situation=chooser.situation)
    return lambda policy, scan, puller: source.answers([policy.name])[policy.name]


def _why_not(policy: ImagePolicy, tags: Sequence[str], tag: str) -> Rejected | None:
    if not tag:
        return None
    try:
        return why_not(policy.tags, tags, tag)
    except PolicyError:  # a rule that does not compile; the explanation says so
        return None


def _strange(tags: Sequence[str]) -> Iterable[str]:
    """What to know about a list that no registry can have given."""
    strange = [tag for tag in tags if not is_tag(tag)]
    if strange:
        count = f"{len(strange)} of the tags" if len(strange) > 1 else "one of the tags"
        yield f"{count} can be in no registry: {ascii(strange[0])[1:-1][:128]}"


def _suspended(policy: ImagePolicy, found: Explained) -> Explained:
    """An update takes a suspended policy's recorded answer, whatever the registry has."""
    if not policy.is_suspended:
        return found
    would = f"it would be {found.chosen}" if found.chosen else f"there would be none: {found.error}"
    who = policy.name if policy.is_suspended else f"the repository of {policy.name}"
    note = f"{who} is suspended, so its recorded answer stands; without that {would}"
    error = None if policy.recorded else ResolveError("it is suspended, and its status has no latestRef")
    return replace(found, chosen=policy.recorded, error=error, notes=(*found.notes, note))


@dataclass(frozen=True, slots=True)
class Parity:
    """What a cluster reported for a policy beside what we make of it now."""

    policy: PolicyName
    cluster: LatestRef
    ours: LatestRef | None
    error: ReportedError | None = None
    reason: str = ""
    """Why the two differ; empty where they do not."""

    @property
    def same(self) -> bool:
        """Whether both would write the same text."""
        return self.ours == self.cluster


@dataclass(slots=True)
class RememberingRegistry:
    """A registry that keeps its scans, by the repository's canonical name, so that a choice can be explained later."""

    registry: Registry
    scans: dict[str, Scan] = field(default_factory=dict)

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        """As the registry's own."""
        scan = self.scans[repository.canonical] = self.registry.scan(repository, options=options)
        return scan

    def digest(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> str:
        """As the registry's own."""
        return self.registry.digest(repository, tag, platform=platform, options=options)

    def scan_each(
        self, requests: Sequence[tuple[Repository, ScanOptions]]
    ) -> Iterator[tuple[int, Scan | ReportedError]]:
        """As the registry's own."""
        for number, scan in self.registry.scan_each(requests):
            if isinstance(scan, Scan):
                self.scans[requests[number][0].canonical] = scan
            yield number, scan

    def digest_all(self, requests: Sequence[tuple[Repository, str, ScanOptions]]) -> list[str | ReportedError]:
        """As the registry's own."""
        return self.registry.digest_all(requests)

    def run_all(self, jobs: Sequence[tuple[Repository, Callable[[], T]]]) -> list[T | ReportedError]:
        """As the registry's own."""
        return self.registry.run_all(jobs)

    def puller(self, repository: Repository, options: ScanOptions) -> Puller:
        """As the registry's own."""
        return self.registry.puller(repository, options)


def compare_status(catalog: Catalog, registry: Registry) -> tuple[list[Parity], dict[PolicyName, str]]:
    """Every policy with a status beside our answer; and why the others cannot be compared. Both sorted by name."""
    reported: dict[PolicyName, LatestRef] = {}
    others: dict[PolicyName, str] = {}
    for name in catalog.policy_names:
        try:
            ref = catalog.recorded(name)
        except ReportedError as error:
            others[name] = str(error)
            continue
        if ref is None:
            others[name] = "no status.latestRef"
        else:
            reported[name] = ref

    def known(name: PolicyName, ref: LatestRef) -> str:
        cluster = reported[name]
        return cluster.digest if (cluster.name, cluster.tag) == (ref.name, ref.tag) else ""

    remembering = RememberingRegistry(registry)
    answers = RegistrySource(catalog, remembering, known).answers(reported)
    return [_parity(catalog, remembering, name, ref, answers[name]) for name, ref in reported.items()], others


def _parity(
    catalog: Catalog, remembering: RememberingRegistry, name: PolicyName, cluster: LatestRef, answer: Resolution
) -> Parity:
    if not isinstance(answer, Resolved):
        hint = f"; {answer.error.hint}" if answer.error.hint else ""
        return Parity(name, cluster, None, answer.error, f"no answer here: {answer.error}{hint}")
    ours = answer.ref
    if ours == cluster:
        return Parity(name, cluster, ours)
    if ours.name != cluster.name:
        reason = f"the ImageRepository here names {ours.name}, the cluster's named {cluster.name}"
    elif ours.tag != cluster.tag:
        policy = catalog.policy(name)
        reason = str(why_not(policy.tags, remembering.scans[policy.image.canonical].tags, cluster.tag))
    elif ours.digest and cluster.digest:
        reason = f"{ours.name}:{ours.tag} points to another digest now"
    elif ours.digest:
        reason = "the policy reflects a digest here, and did not in the cluster"
    else:
        reason = "the policy reflected a digest in the cluster, and does not here"
    return Parity(name, cluster, ours, None, reason)
