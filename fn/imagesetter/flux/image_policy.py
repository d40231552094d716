"""An ImagePolicy and its ImageRepository together, validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagesetter.flux.annotations import (
    VERIFY,
    Newest,
    allows_downgrade,
    follows,
    has_chart_tags,
    is_annotated,
    minimum_age,
    newest,
    platforms,
)
from imagesetter.flux.latest_ref import LatestRef, from_status
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import INCOMPLETE, Resource, inputs_hash, is_complete
from imagesetter.golang.duration import parse_duration
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.reference import Repository, parse_flux_image
from krm_functions.errors import ReportedError, ResourceError

if TYPE_CHECKING:
    from imagesetter.flux.models import DigestReflection, ImageRepositorySpec
    from imagesetter.policy.platform import Platform
    from imagesetter.verification.trust import Verification

Find = Callable[[str, str], Resource | None]


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """Which tag of which repository is wanted.

    ``interval``, ``timeout``, ``minimum_age`` and ``soak`` are seconds.
    """

    name: PolicyName
    image: Repository
    tags: TagPolicy
    reflection: DigestReflection
    origin: str
    suspended: bool = False
    recorded: LatestRef | None = None
    repository_name: PolicyName | None = None
    repository_suspended: bool = False
    interval: float | None = None
    timeout: float | None = None
    insecure: bool = False
    minimum_age: float = 0.0
    platforms: tuple[Platform, ...] = ()
    follows: PolicyName | None = None
    soak: float = 0.0
    newest: Newest | None = None
    """By what time the newest of the tags that the policy allows is taken; None where its rule ranks them."""
    verification: Verification | None = field(default=None, hash=False, repr=False)
    """Whose signatures are accepted; None where none is needed."""
    provider: str = "generic"
    pull_secrets: tuple[Mapping[str, Any], ...] = field(default=(), hash=False, compare=False, repr=False)
    cert_secret: Mapping[str, Any] | None = field(default=None, hash=False, compare=False, repr=False)
    proxy_secret: Mapping[str, Any] | None = field(default=None, hash=False, compare=False, repr=False)
    missing: tuple[str, ...] = ()
    """Secrets and service accounts that the repository names and that are not among the resources."""
    resources: tuple[Resource, Resource] | None = field(default=None, hash=False, compare=False, repr=False)
    """The ImagePolicy and the ImageRepository, as loaded; None for what no resource describes."""

    @property
    def inputs(self) -> str:
        """A SHA-256 over everything that decides the answer; an entry of the lock made from other inputs is stale."""
        return inputs_hash(*self.resources) if self.resources else ""

    @property
    def has_rules(self) -> bool:
        """Whether rules beside the ranking decide which tag is chosen; to ask them may take requests."""
        return bool(self.minimum_age or self.platforms or self.follows or self.verification or self.newest)

    @property
    def is_suspended(self) -> bool:
        """Whether the policy or its repository is suspended, so that its recorded answer still counts."""
        return self.suspended or self.repository_suspended


def read_image_policy(
    name: PolicyName,
    policy: Resource,
    repository: Resource,
    repository_name: PolicyName,
    find: Find,
    find_own: Find,
) -> ImagePolicy:
    """A policy and its repository, validated.

    Args:
        name: the policy's.
        policy: the ImagePolicy.
        repository: its ImageRepository.
        repository_name: the repository's.
        find: looks up a Secret or ServiceAccount of the repository's namespace, by kind and name.
        find_own: looks up one of the policy's namespace.

    Raises:
        ResourceError: a field breaks the CRD's rules.
    """
    from imagesetter.flux.models import ImagePolicySpec, ImageRepositorySpec, tag_policy, validate_spec

    where = f"ImagePolicy {name} in {policy.origin}"
    try:
        spec = validate_spec(ImagePolicySpec, policy.data.get("spec"), where=where)
    except ResourceError as error:
        error.hint = error.hint or ("" if is_complete(policy) else INCOMPLETE)
        raise
    where = f"ImageRepository {repository_name} in {repository.origin}"
    source = validate_spec(ImageRepositorySpec, repository.data.get("spec"), where=where)
    try:
        image = parse_flux_image(source.image)
    except ReportedError as error:
        raise ResourceError(f"spec.image: {error}", where=where, hint=error.hint) from error
    allows_downgrade(policy)  # only to say what is wrong with it
    related, (leader, soak) = _related(source, find), follows(policy, name)
    verification = _verification(policy, find_own)
    return ImagePolicy(
        name=name,
        image=image,
        tags=tag_policy(spec.policy, spec.filter_tags, source.exclusion_list, chart_tags=has_chart_tags(policy)),
        reflection=_reflection(policy, spec.digest_reflection_policy, verified=verification is not None),
        origin=policy.origin,
        suspended=spec.suspend,
        recorded=_recorded(policy, f"ImagePolicy {name} in {policy.origin}")
        if spec.suspend or source.suspend
        else None,
        repository_name=repository_name,
        repository_suspended=source.suspend,
        interval=parse_duration(source.interval) if source.interval else None,
        timeout=parse_duration(source.timeout) if source.timeout else None,
        insecure=source.insecure,
        minimum_age=minimum_age(policy),
        platforms=platforms(policy),
        follows=leader,
        soak=soak,
        newest=newest(policy),
        verification=verification,
        provider=source.provider,
        pull_secrets=tuple(related.pull_secrets),
        cert_secret=related.cert_secret,
        proxy_secret=related.proxy_secret,
        missing=tuple(related.missing),
        resources=(policy, repository),
    )


def _verification(policy: Resource, find: Find) -> Verification | None:
    if not is_annotated(policy, VERIFY):
        return None
    from imagesetter.flux.verify import read_verification

    def secret(name: str) -> Mapping[str, Any] | None:
        found = find("Secret", name)
        return found.data if found else None

    return read_verification(policy, secret)


def _reflection(policy: Resource, given: DigestReflection, *, verified: bool) -> DigestReflection:
    """What is verified is a digest, so this is what is written, unless the policy itself says ``Never``."""
    return "IfNotPresent" if verified and policy.spec.get("digestReflectionPolicy") is None else given


def _recorded(policy: Resource, where: str) -> LatestRef | None:
    try:
        return from_status(policy.data.get("status"))
    except ResourceError as error:
        raise ResourceError(error.what, where=where, hint=error.hint) from error


class _Related:
    """The Secrets of a repository, as loaded data, and the names of those that are not there."""

    def __init__(self) -> None:
        self.pull_secrets: list[Mapping[str, Any]] = []
        self.cert_secret: Mapping[str, Any] | None = None
        self.proxy_secret: Mapping[str, Any] | None = None
        self.missing: list[str] = []


def _related(source: ImageRepositorySpec, find: Find) -> _Related:
    """``secretRef`` first, then the service account's (image-reflector-controller internal/registry/options.go)."""
    related = _Related()

    def secret(name: str) -> Mapping[str, Any] | None:
        found = find("Secret", name)
        if found is None:
            related.missing.append(f"Secret {name}")
        return found.data if found else None

    names = [source.secret_ref.name] if source.secret_ref else []
    if source.service_account_name:
        account = find("ServiceAccount", source.service_account_name)
        if account is None:
            related.missing.append(f"ServiceAccount {source.service_account_name}")
        pull = account.data.get("imagePullSecrets") if account else None
        names += [str(each["name"]) for each in pull or () if isinstance(each, Mapping) and each.get("name")]
    related.pull_secrets = [data for name in names if (data := secret(name)) is not None]
    related.cert_secret = secret(source.cert_secret_ref.name) if source.cert_secret_ref else None
    related.proxy_secret = secret(source.proxy_secret_ref.name) if source.proxy_secret_ref else None
    return related
