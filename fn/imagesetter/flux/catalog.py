"""The Flux resources that a run found, and the policies that they make.

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

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from imagesetter.errors import ResolveError
from imagesetter.flux.latest_ref import LatestRef, from_status, has_ref
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import (
    DEFAULT_NAMESPACE,
    INCOMPLETE,
    OTHER_KINDS,
    Resource,
    check_version,
    inputs_hash,
    inputs_of,
    is_complete,
)
from krm_functions.errors import ResourceError
from krm_functions.suggestions import KnownNames

if TYPE_CHECKING:
    from imagesetter.flux.image_policy import ImagePolicy


class _Policies:
    """The policies of a catalog by name, as a question about an unknown one needs them."""

    def __init__(self, names: list[PolicyName]) -> None:
        self.names = names
        self.by_name: dict[str, list[PolicyName]] = {}
        for each in names:
            self.by_name.setdefault(each.name, []).append(each)
        self.known = KnownNames(self.by_name)
        self.resolved: dict[PolicyName, PolicyName | None] = {}

    def closest_to(self, name: PolicyName) -> PolicyName | None:
        """The policy whose name is most like this one, rather one in the same namespace.

        Policies share a namespace, which would make any two of them alike, so only names are compared.
        """
        if name not in self.resolved:  # several rules ask about the same marker
            close = self.known.close_to(name.name)
            meant = self.by_name[close[0]] if close else []
            same = (each for each in meant if each.namespace == name.namespace)
            self.resolved[name] = next(same, meant[0] if meant else None)
        return self.resolved[name]


class Catalog:
    """All policies, repositories and what belongs to them, found by name.

    Args:
        default_namespace: the namespace of resources that have none.
        more: what a policy may refer to besides its repository (Secrets, a Namespace); asked once, when it is needed.
    """

    def __init__(
        self, default_namespace: str = DEFAULT_NAMESPACE, more: Callable[[], Iterable[Resource]] | None = None
    ) -> None:
        self.default_namespace = default_namespace
        self.more = more
        self.elsewhere = "name the files that hold {} with --policies"
        """What to do about resources (``{}``) that are missing; a function has no options."""
        self.either = "give --policies with the rendered stream or directory that is meant"
        """What to do about two resources of one name."""
        self.unread: list[str] = []
        """Flux resources that do not parse: ``file:line:column: reason``; what is missing may be there."""
        self._found: dict[tuple[str, str, str], list[Resource]] = {}
        self._policies: _Policies | None = None

    def add(self, resources: Iterable[Resource]) -> None:
        """Take resources in; the order of adding does not decide anything."""
        self._policies = None
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

    def named(self, kind: str, name: PolicyName) -> list[Resource]:
        """Every resource of a kind that goes by this name: copies of one base, an export beside the file."""
        return list(self._found.get((kind, name.namespace, name.name), ()))

    def knows(self, found: Resource) -> bool:
        """Whether a complete resource of this kind goes by one of this one's names."""
        keys = [(found.kind, namespace or self.default_namespace, name) for namespace, name in found.names]
        return any(is_complete(other) for key in keys for other in self._found.get(key, ()))

    def find(self, kind: str, namespace: str, name: str) -> Resource | None:
        """The one resource of that kind and name.

        Raises:
            ResolveError: several complete ones that differ in what decides the answer.
        """
        if kind in OTHER_KINDS and self.more is not None:
            load, self.more = self.more, None
            self.add(load())
        bucket = self._found.get((kind, namespace, name), [])
        complete = [found for found in bucket if is_complete(found)] or bucket
        if len(complete) > 1 and len({inputs_of(found) for found in complete}) > 1:
            places = " and ".join(found.origin for found in complete)
            raise ResolveError(
                f"{kind} {namespace}:{name} is defined more than once, with different specs",
                where=places,
                hint=self.either,
            )
        # Equal inputs, but perhaps one of them is a cluster's export and has the status.
        return min(complete, key=lambda found: (not has_ref(found.data.get("status")), found.origin), default=None)

    def policy(self, name: PolicyName) -> ImagePolicy:
        """A policy and its repository, validated.

        Raises:
            ResolveError: no such policy, no such repository, or no access to it.
            ResourceError: a field breaks the CRD's rules.
            PolicyError: the rule does not compile.
        """
        from imagesetter.flux.image_policy import read_image_policy

        policy, repository = self.behind(name)
        namespace, repository_name = repository.names[0]
        namespace = namespace or self.default_namespace
        return read_image_policy(
            name,
            policy,
            repository,
            PolicyName(namespace, repository_name),
            lambda kind, related: self.find(kind, namespace, related),
        )

    def inputs(self, name: PolicyName) -> str:
        """The hash of a policy's inputs, without validating them: all that ``--from lock`` needs.

        Raises:
            ResolveError: no such policy or repository.
        """
        policy, repository = self.behind(name)
        return inputs_hash(policy, repository)

    def behind(self, name: PolicyName) -> tuple[Resource, Resource]:
        """The ImagePolicy and the ImageRepository of a policy, as loaded, not validated.

        Raises:
            ResolveError: no such policy or repository, one that is defined twice, or no access to it.
            ResourceError: the policy names no repository, or one of the two is of a version that is not read.
        """
        policy = self._policy_resource(name)
        where = f"ImagePolicy {name} in {policy.origin}"
        reference = policy.spec.get("imageRepositoryRef")
        if not isinstance(reference, Mapping) or not reference.get("name"):
            raise ResourceError("spec.imageRepositoryRef.name: is required", where=where, hint=INCOMPLETE)
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
                f"ImagePolicy {name} refers to ImageRepository {namespace}:{reference['name']}, which was not found",
                where=policy.origin,
                hint=f"add the ImageRepository, or {self.elsewhere.format('it')}",
            )
        check_version(repository, f"ImageRepository {namespace}:{reference['name']}")
        if namespace != name.namespace:
            self._check_access(name, repository, f"{namespace}/{reference['name']}")
        return policy, repository

    def image(self, name: PolicyName) -> str:
        """The ``spec.image`` of a policy's repository as written, not validated.

        Raises:
            ResolveError: no such policy or repository.
        """
        return str(self.behind(name)[1].spec.get("image", ""))

    def recorded(self, name: PolicyName) -> LatestRef | None:
        """What a cluster reported in the policy's status, or None.

        Raises:
            ResolveError: no such policy.
            ResourceError: the status holds something else than texts.
        """
        policy = self._policy_resource(name)
        try:
            return from_status(policy.data.get("status"))
        except ResourceError as error:
            raise ResourceError(error.what, where=f"ImagePolicy {name} in {policy.origin}", hint=error.hint) from error

    def _policy_resource(self, name: PolicyName) -> Resource:
        found = self.find("ImagePolicy", name.namespace, name.name)
        if found is None:
            raise self.unknown(name)
        check_version(found, f"ImagePolicy {name}")
        return found

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
        declared = namespace.metadata.get("labels") if namespace else None
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

    def unknown(self, name: PolicyName) -> ResolveError:
        """The error for a policy that is not there, with the nearest one that is."""
        return ResolveError(f"ImagePolicy {name} was not found", hint=self._advice(name))

    def _advice(self, name: PolicyName) -> str:
        if self._policies is None:  # once for all unknown names, of which there may be thousands
            self._policies = _Policies(self.policy_names)
        known = self._policies.names
        unread = ""
        if self.unread:
            more = f", and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
            unread = f"it may be in a document that does not parse: {self.unread[0]}{more}"
        if not known:
            return unread or f"no ImagePolicy was found at all: {self.elsewhere.format('them')}"
        if best := self._policies.closest_to(name):
            return f"did you mean {best}?" + (f" or {unread}" if unread else "")
        return unread or f"known policies: {', '.join(map(str, known[:8]))}{' …' if len(known) > 8 else ''}"
