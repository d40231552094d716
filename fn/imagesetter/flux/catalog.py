"""The Flux resources that a run found, and the questions that they make.

Resources are kept as loaded data until a policy is asked for: a repository may hold hundreds of policies of which a run
needs three, and validation (pydantic) is only paid for those.

Departures from the controllers, which read complete objects from a cluster:

- A missing namespace is the run's default namespace, since files often leave it to kustomize.
- A resource renamed by kustomize is found under its original and its current name: kustomize renames the policy but
  not its ``imageRepositoryRef``.
- The same policy may be found several times (a base, a rendered stream, a patch, a cluster's export). Equal inputs are
  one policy, with the status where there is one; of a complete and an incomplete one the complete one counts; two
  complete ones that differ are an error that names both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from imagesetter.errors import ImagesetterError, InvalidPolicy, ResolveError, ResourceError
from imagesetter.flux.durations import parse_duration
from imagesetter.flux.latest import LatestRef, from_status
from imagesetter.flux.markers import PolicyName
from imagesetter.policy.rules import DEFAULT_EXCLUSIONS, Alphabetical, FilterTags, Numerical, Rule, Semver, TagPolicy
from imagesetter.registry.reference import Repository, parse_flux_image

GROUP = "image.toolkit.fluxcd.io"
DEFAULT_NAMESPACE = "flux-system"
_VERSIONS = ("v1", "v1beta2", "v1beta1")
_FLUX_KINDS = ("ImagePolicy", "ImageRepository", "ImageUpdateAutomation")
# What else a run may need to know; everything else is not kept.
_OTHER_KINDS = ("Secret", "ServiceAccount", "Namespace", "GitRepository")

Reflection = Literal["Never", "IfNotPresent", "Always"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One Kubernetes resource as loaded, with where it came from.

    ``origin`` is ``file:line`` or a description of the item. ``names`` are the (namespace, name) pairs under which it
    is found, the original one first; an empty namespace stands for the run's default.
    """

    data: Mapping[str, Any]
    origin: str
    names: tuple[tuple[str, str], ...]

    @property
    def kind(self) -> str:
        """The resource's kind."""
        return str(self.data.get("kind", ""))

    @property
    def api_version(self) -> str:
        """The resource's apiVersion."""
        return str(self.data.get("apiVersion", ""))

    @property
    def spec(self) -> Mapping[str, Any]:
        """``spec`` where it is a mapping, else an empty one."""
        spec = self.data.get("spec")
        return spec if isinstance(spec, Mapping) else {}


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """The question: which tag of which repository.

    ``inputs`` is a SHA-256 over everything that decides the answer; an entry of the lock made from other inputs is
    stale. ``interval`` and ``timeout`` are seconds.
    """

    name: PolicyName
    image: Repository
    tags: TagPolicy
    reflection: Reflection
    inputs: str
    origin: str
    suspended: bool = False
    recorded: LatestRef | None = None
    repository_name: PolicyName | None = None
    repository_suspended: bool = False
    interval: float | None = None
    timeout: float | None = None
    insecure: bool = False
    provider: str = "generic"
    secret: str = ""
    service_account: str = ""
    cert_secret: str = ""
    proxy_secret: str = ""


def flatten(data: object) -> Iterable[Mapping[str, Any]]:
    """The resources in a loaded document: itself, or the items of a List (as ``kubectl get -o yaml`` prints)."""
    if not isinstance(data, Mapping):
        return
    kind, items = data.get("kind"), data.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for item in items:
            yield from flatten(item)
    else:
        yield data


def is_wanted(api_version: str, kind: str) -> bool:
    """Whether a resource of this kind can matter to a policy."""
    return (api_version.startswith(f"{GROUP}/") and kind in _FLUX_KINDS) or kind in _OTHER_KINDS


def resource(data: Mapping[str, Any], origin: str, names: Iterable[tuple[str, str]] = ()) -> Resource | None:
    """A Resource when its kind matters to a policy, else None.

    Args:
        data: the loaded resource.
        origin: where it stands, for errors.
        names: further (namespace, name) pairs, the original one first, where kustomize renamed it.
    """
    if not is_wanted(str(data.get("apiVersion", "")), str(data.get("kind", ""))):
        return None
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    current = (str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    return Resource(data, origin, tuple(dict.fromkeys([*names, current])))


@dataclass(slots=True)
class Catalog:
    """All policies, repositories and what belongs to them, found by name.

    Args:
        default_namespace: the namespace of resources that have none.
        more: what a policy may refer to besides its repository (Secrets, a Namespace); asked once, when it is needed.
    """

    default_namespace: str = DEFAULT_NAMESPACE
    more: Callable[[], Iterable[Resource]] | None = None
    _found: dict[tuple[str, str, str], list[Resource]] = field(default_factory=dict)

    def add(self, resources: Iterable[Resource]) -> None:
        """Take resources in; the order of adding does not decide anything."""
        for found in resources:
            for namespace, name in found.names:
                key = (found.kind, namespace or self.default_namespace, name)
                bucket = self._found.setdefault(key, [])
                if all(found is not other for other in bucket):
                    bucket.append(found)

    def of_kind(self, kind: str) -> list[tuple[PolicyName, Resource]]:
        """Every resource of a kind with its first name, sorted by name."""
        seen: dict[int, tuple[PolicyName, Resource]] = {}
        for (found_kind, _, _), bucket in self._found.items():
            if found_kind == kind:
                for found in bucket:
                    namespace, name = found.names[0]
                    seen[id(found)] = (PolicyName(namespace or self.default_namespace, name), found)
        return sorted(seen.values(), key=lambda pair: (str(pair[0]), pair[1].origin))

    @property
    def policy_names(self) -> list[PolicyName]:
        """The names of all policies, sorted, each once."""
        return sorted({name for name, _ in self.of_kind("ImagePolicy")}, key=str)

    def has_policy(self, name: PolicyName) -> bool:
        """Whether any ImagePolicy goes by this name."""
        return ("ImagePolicy", name.namespace, name.name) in self._found

    def knows(self, found: Resource) -> bool:
        """Whether a complete resource of this kind goes by one of this one's names."""
        keys = [(found.kind, namespace or self.default_namespace, name) for namespace, name in found.names]
        return any(_is_complete(other) for key in keys for other in self._found.get(key, ()))

    def find(self, kind: str, namespace: str, name: str) -> Resource | None:
        """The one resource of that kind and name.

        Raises:
            ResolveError: several complete ones that differ in what decides the answer.
        """
        if kind in _OTHER_KINDS and self.more is not None:
            load, self.more = self.more, None
            self.add(load())
        bucket = self._found.get((kind, namespace, name), [])
        complete = [found for found in bucket if _is_complete(found)] or bucket
        if len({_inputs_of(found) for found in complete}) > 1:
            places = " and ".join(found.origin for found in complete)
            raise ResolveError(
                f"{kind} {namespace}:{name} is defined more than once, with different specs",
                where=places,
                hint="give --policies with the rendered stream or directory that is meant",
            )
        # Equal inputs, but perhaps one of them is a cluster's export and has the status.
        return min(
            complete, key=lambda found: (from_status(found.data.get("status")) is None, found.origin), default=None
        )

    def policy(self, name: PolicyName) -> ImagePolicy:
        """The question that a policy and its repository ask, validated.

        Raises:
            ResolveError: no such policy, no such repository, or no access to it.
            ResourceError: a field breaks the CRD's rules.
            PolicyError: the rule does not compile.
        """
        return self._question(name, *self._pair(name))

    def inputs(self, name: PolicyName) -> str:
        """The hash of a policy's inputs, without validating them: all that ``--from lock`` needs.

        Raises:
            ResolveError: no such policy or repository.
        """
        policy, repository = self._pair(name)
        return _hash(policy, repository)

    def image(self, name: PolicyName) -> str:
        """The ``spec.image`` of a policy's repository as written, not validated.

        Raises:
            ResolveError: no such policy or repository.
        """
        return str(self._pair(name)[1].spec.get("image", ""))

    def recorded(self, name: PolicyName) -> LatestRef | None:
        """What a cluster reported in the policy's status, or None.

        Raises:
            ResolveError: no such policy.
        """
        return from_status(self._policy_resource(name).data.get("status"))

    def _policy_resource(self, name: PolicyName) -> Resource:
        found = self.find("ImagePolicy", name.namespace, name.name)
        if found is None:
            raise self.unknown(name)
        _check_version(found, f"ImagePolicy {name}")
        return found

    def _pair(self, name: PolicyName) -> tuple[Resource, Resource]:
        policy = self._policy_resource(name)
        where = f"ImagePolicy {name} in {policy.origin}"
        reference = policy.spec.get("imageRepositoryRef")
        if not isinstance(reference, Mapping) or not reference.get("name"):
            raise ResourceError("spec.imageRepositoryRef.name: is required", where=where, hint=_INCOMPLETE)
        namespace = str(reference.get("namespace") or name.namespace)
        repository = self.find("ImageRepository", namespace, str(reference["name"]))
        if repository is None and not reference.get("namespace"):
            # A policy that kustomize moved keeps its reference: look where the policy stands under its other names.
            for other, _ in policy.names:
                repository = repository or self.find(
                    "ImageRepository", other or self.default_namespace, str(reference["name"])
                )
        if repository is None:
            raise ResolveError(
                f"ImagePolicy {name} refers to ImageRepository {namespace}:{reference['name']}, which is not there",
                where=policy.origin,
                hint="add the ImageRepository, or name the files that hold it with --policies",
            )
        _check_version(repository, f"ImageRepository {namespace}:{reference['name']}")
        if namespace != name.namespace:
            self._check_access(name, repository, f"{namespace}/{reference['name']}")
        return policy, repository

    def _check_access(self, policy: PolicyName, repository: Resource, target: str) -> None:
        """Flux's ACL: another namespace needs accessFrom (fluxcd/pkg runtime/acl/acl.go)."""
        refusal = ResolveError(
            f"'{target}' can't be accessed due to missing ACL labels on 'accessFrom'",
            where=f"ImagePolicy {policy}; {repository.origin}",
            hint=f"allow namespace {policy.namespace} in spec.accessFrom.namespaceSelectors of the ImageRepository, "
            "and keep the Namespace with its labels among the files",
        )
        access = repository.spec.get("accessFrom")
        selectors = access.get("namespaceSelectors") if isinstance(access, Mapping) else None
        namespace = self.find("Namespace", self.default_namespace, policy.namespace)
        metadata = namespace.data.get("metadata") if namespace else None
        declared = metadata.get("labels") if isinstance(metadata, Mapping) else None
        labels = {
            "kubernetes.io/metadata.name": policy.namespace,
            **(declared if isinstance(declared, Mapping) else {}),
        }
        for selector in selectors if isinstance(selectors, list) else ():
            if not isinstance(selector, Mapping):
                continue
            wanted = selector.get("matchLabels") or {}
            if isinstance(wanted, Mapping) and all(labels.get(key) == value for key, value in wanted.items()):
                return
        raise refusal

    def _question(self, name: PolicyName, policy: Resource, repository: Resource) -> ImagePolicy:
        from imagesetter.flux.models import ImagePolicySpec, ImageRepositorySpec, validated

        where = f"ImagePolicy {name} in {policy.origin}"
        try:
            spec = validated(ImagePolicySpec, policy.data.get("spec"), where=where)
        except ResourceError as error:
            error.hint = error.hint or ("" if _is_complete(policy) else _INCOMPLETE)
            raise
        repository_name = PolicyName(repository.names[0][0] or self.default_namespace, repository.names[0][1])
        where = f"ImageRepository {repository_name} in {repository.origin}"
        source = validated(ImageRepositorySpec, repository.data.get("spec"), where=where)
        try:
            image = parse_flux_image(source.image)
        except ImagesetterError as error:
            raise ResourceError(f"spec.image: {error}", where=where, hint=error.hint) from error
        choice = spec.policy
        rule: Rule
        if choice.semver:
            rule = Semver(choice.semver.range)
        elif choice.alphabetical:
            rule = Alphabetical(choice.alphabetical.order)
        elif choice.numerical:
            rule = Numerical(choice.numerical.order)
        else:
            raise InvalidPolicy("invalid policy: given ImagePolicyChoice object is invalid", where=where)
        filter_tags = spec.filter_tags
        return ImagePolicy(
            name=name,
            image=image,
            tags=TagPolicy(
                rule,
                FilterTags(filter_tags.pattern, filter_tags.extract) if filter_tags else None,
                tuple(source.exclusion_list or DEFAULT_EXCLUSIONS),
            ),
            reflection=spec.digest_reflection_policy,
            inputs=_hash(policy, repository),
            origin=policy.origin,
            suspended=spec.suspend,
            recorded=from_status(policy.data.get("status")),
            repository_name=repository_name,
            repository_suspended=source.suspend,
            interval=parse_duration(source.interval) if source.interval else None,
            timeout=parse_duration(source.timeout) if source.timeout else None,
            insecure=source.insecure,
            provider=source.provider,
            secret=source.secret_ref.name if source.secret_ref else "",
            service_account=source.service_account_name or "",
            cert_secret=source.cert_secret_ref.name if source.cert_secret_ref else "",
            proxy_secret=source.proxy_secret_ref.name if source.proxy_secret_ref else "",
        )

    def unknown(self, name: PolicyName) -> ResolveError:
        """The error for a policy that is not there, with the nearest one that is."""
        return ResolveError(f"no ImagePolicy {name} is known", hint=self._advice(name))

    def _advice(self, name: PolicyName) -> str:
        names = [str(known) for known in self.policy_names]
        if not names:
            return "no ImagePolicy was found at all: name the files that hold them with --policies"
        import difflib

        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
        same = [known for known in names if known.partition(":")[2] == name.name]
        if same or near:
            return f"did you mean {(same or near)[0]}?"
        return f"known policies: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


_INCOMPLETE = (
    "policies as files are often completed by a kustomization: give the rendered stream, "
    "as in `kustomize build clusters/prod | imagesetter update --policies - .`"
)


def _is_complete(found: Resource) -> bool:
    match found.kind:
        case "ImagePolicy":
            return "imageRepositoryRef" in found.spec and "policy" in found.spec
        case "ImageRepository":
            return "image" in found.spec
        case _:
            return True


def _check_version(found: Resource, what: str) -> None:
    version = found.api_version.partition("/")[2]
    if version in _VERSIONS:
        return
    if version.startswith("v1alpha"):
        hint = (
            "write it as v1: ImagePolicy.spec.imageRepositoryRef takes name and namespace, and "
            "ImageUpdateAutomation moves checkout, commit and push under spec.git (`flux migrate` does it)"
        )
        raise ResourceError(
            f"apiVersion: {found.api_version} is no longer read", where=f"{what} in {found.origin}", hint=hint
        )
    raise ResourceError(
        f"apiVersion: {found.api_version} is not known",
        where=f"{what} in {found.origin}",
        hint=f"write {GROUP}/v1 (v1beta2 and v1beta1 are read too)",
    )


def _rule_inputs(choice: object) -> list[str]:
    """The rule that counts, as [kind, argument]: the first of the three that is given (policy/factory.go)."""
    if isinstance(choice, Mapping):
        for kind, argument, default in (
            ("semver", "range", ""),
            ("alphabetical", "order", "asc"),
            ("numerical", "order", "asc"),
        ):
            rule = choice.get(kind)
            if isinstance(rule, Mapping):
                text = str(rule.get(argument) or default)
                return [kind, text if kind == "semver" else text.lower()]
    return []


def _policy_inputs(spec: Mapping[str, Any]) -> dict[str, Any]:
    filter_tags = spec.get("filterTags")
    return {
        "policy": _rule_inputs(spec.get("policy")),
        "filterTags": {key: value for key, value in filter_tags.items() if value}
        if isinstance(filter_tags, Mapping)
        else {},
        "digestReflectionPolicy": spec.get("digestReflectionPolicy") or "Never",
    }


def _repository_inputs(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"image": spec.get("image"), "exclusionList": spec.get("exclusionList") or list(DEFAULT_EXCLUSIONS)}


def _canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)


def _inputs_of(found: Resource) -> str:
    match found.kind:
        case "ImagePolicy":
            return _canonical([_policy_inputs(found.spec), found.spec.get("imageRepositoryRef")])
        case "ImageRepository":
            return _canonical(_repository_inputs(found.spec))
        case _:
            return _canonical({key: value for key, value in found.data.items() if key not in ("metadata", "status")})


def _hash(policy: Resource, repository: Resource) -> str:
    """SHA-256 over what decides the answer, written the same for equal meaning (defaults filled in)."""
    inputs = {**_policy_inputs(policy.spec), **_repository_inputs(repository.spec)}
    return "sha256:" + hashlib.sha256(_canonical(inputs).encode()).hexdigest()
