"""Latest refs from the registries, as they are now.

Each repository is scanned once, however many policies share it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from imagesetter.errors import ResolveError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import Release, releases_of
from imagesetter.policy.select import check
from imagesetter.registry.auth import kubernetes_secrets as secrets
from imagesetter.registry.puller import Puller
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Registry, Scan, ScanOptions
from imagesetter.selection.kept_answers import select_once
from imagesetter.selection.sources import Failed, KnownDigest, NeedsDigest, Resolution, Resolved, caught
from krm_functions.errors import ReportedError

if TYPE_CHECKING:
    from imagesetter.candidates.situation import Situation

Choose: TypeAlias = "Callable[[ImagePolicy, Scan, Puller], Resolution]"
"""Chooses among the tags of a scan; may raise what makes it fail."""

_NOWHERE = Repository("", "", "")
"""The repository of a job that asks no registry."""


def by_policy(policy: ImagePolicy, scan: Scan, puller: Puller) -> Resolution:
    """The policy's own choice.

    Raises:
        PolicyError: it chooses nothing.
    """
    tag = select_once(policy.tags, scan.tags, puller.answers)
    return Resolved(LatestRef(policy.image.written, tag), tuple(scan.warnings), len(scan.tags))


class RegistrySource(NamedTuple):
    """The latest refs that the registries give now.

    ``digestReflectionPolicy: IfNotPresent`` keeps the digest that is known already while name and tag are the same, as
    the controller keeps the one in its status (imagepolicy_controller.go); here the state is the field or the lock.

    ``pin`` asks for every digest as it is now, whatever the policies reflect: what a lock records. ``needs_digest``
    names the policies of pinned fields, whose digests are asked for as well. ``choose`` may heed more than the policy:
    holds, ages. With ``situation``, which says what decides about a policy, the policies of a release are
    brought to one version; those of them that nobody asked for are answered as well.
    """

    catalog: Catalog
    registry: Registry
    known_digest: KnownDigest = lambda name, ref: ""
    pin: bool = False
    choose: Choose = by_policy
    situation: "Callable[[ImagePolicy, Scan, Puller], Situation] | None" = None
    needs_digest: NeedsDigest = lambda name, ref: False

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        """Scan each repository once, concurrently, select while others are under way, then ask for the wanted digests.

        Where a policy has rules, which may send requests, it is selected when all scans are there, with others at once.

        A rule that does not compile is an error before any request is sent, as in the controller.
        """
        requests: dict[PolicyName, _Request] = {}
        answers: dict[PolicyName, Resolution] = {}
        names = list(names)
        releases = releases_of(self.catalog, names) if self.situation else []
        for name in dict.fromkeys((*names, *(each for release in releases for each in release.policies))):
            try:
                policy = self.catalog.policy(name)
                if policy.is_suspended:
                    answers[name] = _recorded(policy)
                else:
                    check(policy.tags)
                    requests[name] = _Request(policy, scan_options(policy))
            except ReportedError as error:
                answers[name] = Failed(error)
        policies, chosen = list(requests.values()), dict[int, Resolution]()
        waiting: dict[int, Scan] = {}
        scans: dict[int, Scan] = {}
        for number, scan in self.registry.scan_each([(each.policy.image, each.options) for each in policies]):
            if releases and isinstance(scan, Scan):
                scans[number] = scan
            if policies[number].policy.has_rules and isinstance(scan, Scan):
                waiting[number] = scan
            else:
                chosen[number] = caught(partial(self._select, policies[number], scan))
        jobs = [(policies[each].policy.image, partial(self._select, policies[each], waiting[each])) for each in waiting]
        for number, answer in zip(waiting, self.registry.run_all(jobs), strict=True):
            chosen[number] = answer if isinstance(answer, Resolved | Failed) else Failed(answer)
        answers |= {name: chosen[number] for number, name in enumerate(requests)}
        if releases:
            answers |= self._agreed(releases, requests, scans, answers)
        self._add_digests(requests, answers)
        if releases:
            from imagesetter.selection.releases import stay_together

            for release in releases:
                answers |= stay_together(release, answers)
        return answers

    def _agreed(
        self,
        releases: Sequence[Release],
        requests: "Mapping[PolicyName, _Request]",
        scans: Mapping[int, Scan],
        answers: dict[PolicyName, Resolution],
    ) -> dict[PolicyName, Resolution]:
        """The answers of the policies of releases, several releases at once."""
        # Most runs have no release, and need not import what decides about them.
        from imagesetter.selection.releases import settle

        members = {name for release in releases for name in release.policies}
        situations: dict[PolicyName, Situation] = {}
        for number, (name, each) in enumerate(requests.items()):
            if self.situation and name in members and number in scans:
                puller = self.registry.puller(each.policy.image, each.options)
                situations[name] = self.situation(each.policy, scans[number], puller)
        jobs = []
        for release in releases:
            asked = (situations[name].policy.image for name in release.policies if name in situations)
            jobs.append((next(asked, _NOWHERE), partial(settle, release, self.catalog, situations, answers)))
        found: dict[PolicyName, Resolution] = {}
        for release, settled in zip(releases, self.registry.run_all(jobs), strict=True):
            found |= dict.fromkeys(release.policies, Failed(settled)) if isinstance(settled, ReportedError) else settled
        return found

    def _select(self, request: "_Request", scan: Scan | ReportedError) -> Resolution:
        if isinstance(scan, ReportedError):
            raise scan
        policy = request.policy
        found = self.choose(policy, scan, self.registry.puller(policy.image, request.options))
        return found._replace(cached=scan.scanned_at) if scan.from_cache and isinstance(found, Resolved) else found

    def _add_digests(self, requests: "Mapping[PolicyName, _Request]", answers: dict[PolicyName, Resolution]) -> None:
        """Ask for the digest of each chosen tag that is wanted, once for all policies that chose it."""
        wanted: dict[PolicyName, tuple[Repository, str, ScanOptions]] = {}
        for name, each in requests.items():
            answer, reflection = answers[name], each.policy.reflection
            if not isinstance(answer, Resolved) or answer.ref.digest:
                continue
            reflects = self.pin or reflection != "Never"
            if not reflects and not self.needs_digest(name, answer.ref):
                continue
            known = "" if self.pin or reflection == "Always" else self.known_digest(name, answer.ref)
            known = known or answer.judged
            if known:
                answers[name] = _with_digest(answer, known, reflects=reflects)
            else:
                wanted[name] = (each.policy.image, answer.ref.tag, each.options)
        tags = list(dict.fromkeys(wanted.values()))
        digests = dict(zip(tags, self.registry.digest_all(tags), strict=True))
        for name, tag in wanted.items():
            digest, answer = digests[tag], answers[name]
            reflects = self.pin or requests[name].policy.reflection != "Never"
            if isinstance(answer, Failed):
                continue
            if not isinstance(digest, ReportedError):
                answers[name] = _with_digest(answer, digest, reflects=reflects)
            elif reflects:
                answers[name] = Failed(digest)
            else:
                answers[name] = answer._replace(unpinned=digest)


class _Request(NamedTuple):
    """A policy, and the options of the requests to its registry."""

    policy: ImagePolicy
    options: ScanOptions


def scan_options(policy: ImagePolicy) -> ScanOptions:
    """The options of the requests for a policy: what its ImageRepository and its Secrets say.

    A Secret that is not among the resources, or is encrypted, is not an error: the machine's own logins are used in its
    place, and ``-v`` says so.

    Raises:
        CredentialError: a Secret that cannot be read.
    """
    keychain = tls = proxy = None
    notes = [f"{name} is not among the resources; the logins of this machine are used" for name in policy.missing]
    if policy.pull_secrets or policy.cert_secret or policy.proxy_secret:
        if policy.pull_secrets:
            pull = secrets.read_pull_secrets(policy.pull_secrets)
            keychain = pull.keychain
            notes += pull.notes
        if policy.cert_secret:
            tls = secrets.read_cert_secret(policy.cert_secret)
            notes += [] if tls else [secrets.encrypted_note(policy.cert_secret)]
        if policy.proxy_secret:
            proxy = secrets.read_proxy_secret(policy.proxy_secret)
            notes += [] if proxy else [secrets.encrypted_note(policy.proxy_secret)]
    return ScanOptions(
        insecure=policy.insecure,
        provider=policy.provider,
        upload_times=policy.minimum_age > 0 or policy.newest == "pushed",
        interval=policy.interval,
        timeout=policy.timeout,
        keychain=keychain,
        tls=tls,
        proxy=proxy,
        notes=tuple(notes),
    )


def _recorded(policy: ImagePolicy) -> Resolution:
    """A suspended policy keeps its last answer, which Flux keeps in the status (imagepolicy_controller.go)."""
    if policy.recorded is None:
        raise ResolveError(
            f"ImagePolicy {policy.name} is suspended, and its status has no latestRef to go on with",
            where=policy.origin,
            hint="set suspend: false, or export the policies with their status from the cluster",
        )
    if policy.verification:
        raise ResolveError(
            f"ImagePolicy {policy.name} is suspended and accepts signed images only, and a status does not say who "
            "signed its image",
            where=policy.origin,
            hint="set suspend: false, or hold the policy at this tag: imagesetter hold",
        )
    return Resolved(policy.recorded, ("suspended, so the image in its status is kept",))


def _with_digest(answer: Resolved, digest: str, *, reflects: bool) -> Resolved:
    """An answer with its tag's digest: in the ref if the policy reflects it, else for pinned fields only."""
    ref = LatestRef(answer.ref.name, answer.ref.tag, digest) if reflects else answer.ref
    return answer._replace(ref=ref, pin=digest)
