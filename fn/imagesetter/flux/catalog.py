"""The Flux resources that a run found, and the policies that they make.

Resources are kept as loaded data until a policy is asked for: a repository may hold hundreds of policies of which a run
needs three, and validation (pydantic) is only paid for those.

Departures from the controllers, which read complete objects from a cluster:

- A missing namespace is the run's default namespace, since files often leave it to kustomize.
- A resource renamed by kustomize is found under its original and its current name: kustomize renames the policy but
  not its ``imageRepositoryRef``.
- The same policy may be found several times (a base, a rendered stream, a patch, a cluster's export). Equal inputs are
  one policy, with the status where there is one; of a complete and an incomplete one the complete one counts; of two
  complete ones that differ the one nearest to the file that asks counts, and where none is, that is an error. One in
  which variables are left counts where it is the nearest, so that no cluster follows the policy of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from imagesetter.errors import ResolveError
from imagesetter.flux.access import check_access
from imagesetter.flux.annotations import is_annotated
from imagesetter.flux.known_policies import KnownPolicies
from imagesetter.flux.latest_ref import LatestRef, has_ref, reported_ref
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.nearest import nearest
from imagesetter.flux.resources import (
    DEFAULT_NAMESPACE,
    INCOMPLETE,
    OTHER_KINDS,
    Resource,
    check_variables,
    check_version,
    inputs_hash,
    inputs_of,
    is_complete,
    says_all,
    with_annotations,
)
from imagesetter.flux.variables import Values
from krm_functions.errors import ResourceError

if TYPE_CHECKING:
    from imagesetter.flux.image_policy import ImagePolicy


_REFERENCES = {
    "ImagePolicy": ("imageRepositoryRef", "ImageRepository"),
    "ImageUpdateAutomation": ("sourceRef", "GitRepository"),
}
"""The field in which a kind refers to a repository, and the repository's kind."""


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
        self.either = "name the folder of one of them as PATH, or one of them with --policies"
        """What to do about two resources of one name."""
        self.unread: list[str] = []
        """Flux resources that do not parse: ``file:line:column: reason``; what is missing may be there."""
        self.covering: Callable[[str], Iterable[Iterable[str]]] = lambda folder: ()
        """The folders of what deploys a folder, and of what updates it: of equally near policies, those there count."""
        self.values_for: Callable[[str], Values] = lambda folder: Values({}, complete=False)
        """The values of the variables in the files of a folder."""
        self.rule_defaults: Mapping[str, str] = {}
        """Annotations of the policies that do not have them (`imagesetter.flux.annotations`)."""
        self._given: set[int] = set()
        self._different: dict[tuple[str, str, str], bool] = {}
        self._nearest: dict[tuple[str, str, str, str], list[Resource]] = {}
        self._found: dict[tuple[str, str, str], list[Resource]] = {}
        self._policies: KnownPolicies | None = None

    def add(self, resources: Iterable[Resource], *, given: bool = False) -> None:
        """Take resources in; the order of adding does not decide anything.

        Args:
            resources: what was read.
            given: they are under the paths of the run; of equally near ones these count.
        """
        self._policies = None
        self._different.clear()
        self._nearest.clear()
        for found in resources:
            if given:
                self._given.add(id(found))
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
        return sorted({name for name, _ in self.of_kind("ImagePolicy")}, key=lambda each: each.order)

    def has_policy(self, name: PolicyName) -> bool:
        """Whether any ImagePolicy goes by this name."""
        return ("ImagePolicy", name.namespace, name.name) in self._found

    def names_of(self, name: PolicyName) -> tuple[PolicyName, ...]:
        """A policy's name, then the others that it goes by, as where a kustomization gives it a prefix.

        Raises:
            ResolveError: several policies go by this name, and none is nearest.
        """
        policy = self.find("ImagePolicy", *name)
        names = policy.names if policy else ()
        others = (PolicyName(namespace or self.default_namespace, other) for namespace, other in names)
        return (name, *(other for other in others if other != name.plain))

    def named(self, kind: str, name: PolicyName) -> list[Resource]:
        """Every resource of a kind that goes by this name: copies of one base, an export beside the file."""
        return list(self._found.get((kind, name.namespace, name.name), ()))

    def is_given(self, found: Resource) -> bool:
        """Whether a resource is under the paths of the run."""
        return id(found) in self._given

    def knows(self, found: Resource) -> bool:
        """Whether a complete resource of this kind goes by one of this one's names."""
        keys = [(found.kind, namespace or self.default_namespace, name) for namespace, name in found.names]
        return any(is_complete(other) for key in keys for other in self._found.get(key, ()))

    def find(self, kind: str, namespace: str, name: str, folder: str = "") -> Resource | None:
        """The one resource of that kind and name.

        Args:
            kind: its kind.
            namespace: its namespace.
            name: its name.
            folder: of several that differ, the one nearest to this folder counts.

        Raises:
            ResolveError: several complete ones that differ in what decides the answer, and none is nearest.
        """
        self._load_others(kind)
        complete = self._complete(kind, namespace, name)
        if self._differ(kind, namespace, name):
            complete = self._near(kind, namespace, name, folder)
            if len({inputs_of(found) for found in complete}) > 1:
                raise ResolveError(
                    f"{kind} {namespace}:{name} is defined more than once, with different specs",
                    where=" and ".join(dict.fromkeys(found.origin for found in complete)),
                    hint=self.either,
                )
        # Equal inputs, but perhaps one of them is a cluster's export and has the status.
        return min(complete, key=lambda found: (not has_ref(found.data.get("status")), found.origin), default=None)

    def _load_others(self, kind: str) -> None:
        """Ask for what a policy may refer to, if a resource of that kind may be among it."""
        if kind in OTHER_KINDS and self.more is not None:
            load, self.more = self.more, None
            self.add(load())

    def _complete(self, kind: str, namespace: str, name: str) -> list[Resource]:
        bucket = self._found.get((kind, namespace, name), [])
        return [found for found in bucket if says_all(found)] or bucket if len(bucket) > 1 else bucket

    def _differ(self, kind: str, namespace: str, name: str) -> bool:
        """Whether several resources of a name are complete, and differ in what decides the answer."""
        key = (kind, namespace, name)
        if key not in self._different:
            complete = self._complete(*key)
            self._different[key] = len(complete) > 1 and len({inputs_of(found) for found in complete}) > 1
        return self._different[key]

    def _near(self, kind: str, namespace: str, name: str, folder: str) -> list[Resource]:
        """Of several definitions that differ, those that count for a folder; more than one where none is nearest."""
        key = (kind, namespace, name, folder)
        if key not in self._nearest:
            complete = self._complete(kind, namespace, name)
            found = nearest(folder, [(each.folders, each) for each in complete]) if folder else complete
            if folder and len({inputs_of(each) for each in found}) > 1:
                for clusters in self.covering(folder):
                    some = [nearest(cluster, [(each.folders, each) for each in found]) for cluster in clusters]
                    found = [each for each in found if any(each in near for near in some)] or found
            if len({inputs_of(each) for each in found}) > 1:
                found = [each for each in found if id(each) in self._given] or found
            if len({inputs_of(each) for each in found}) > 1:  # a base with variables, beside what was made of it
                found = [each for each in found if is_complete(each)] or found
            self._nearest[key] = found
        return self._nearest[key]

    def definitions(self, name: PolicyName, kind: str = "ImagePolicy") -> list[PolicyName]:
        """A name, or, where several definitions of it differ, the name with the folder of each."""
        if not (self._differ(kind, name.namespace, name.name) or self._repositories_differ(kind, name)):
            return [name]
        folders = [found.folders[0] for found in self._complete(kind, name.namespace, name.name) if found.folders]
        return [name._replace(folder=folder) for folder in dict.fromkeys(folders)] or [name]

    def _repositories_differ(self, kind: str, name: PolicyName) -> bool:
        """Whether a resource, of which there is one, refers to a repository of which there are several."""
        only = self.find(kind, name.namespace, name.name)
        field, repository = _REFERENCES[kind]
        self._load_others(repository)
        return only is not None and self._differ(repository, *self._reference(name, only, field))

    def nearest_to(self, name: PolicyName, folder: str) -> tuple[Resource | None, ...] | None:
        """The policy and repository that a name means in a folder; None where every folder means the same.

        Raises:
            ReportedError: as `behind`.
        """
        if not self.has_policy(name):
            return None
        several = self._differ("ImagePolicy", name.namespace, name.name)
        several = several or self._repositories_differ("ImagePolicy", name)
        return self.behind(name._replace(folder=folder)) if several else None

    def has_annotation(self, name: PolicyName, key: str) -> bool:
        """Whether a policy has an annotation of ``imagesetter.dev``, readable or not."""
        found = self.find("ImagePolicy", *name)
        return found is not None and is_annotated(found, key)

    def policy(self, name: PolicyName) -> ImagePolicy:
        """A policy and its repository, validated.

        Raises:
            ResolveError: no such policy, no such repository, or no access to it.
            ResourceError: a field breaks the CRD's rules.
            PolicyError: the rule does not compile.
        """
        from imagesetter.flux.image_policy import read_image_policy

        policy, repository = self.behind(name)
        policy = with_annotations(policy, self.rule_defaults)
        namespace, repository_name = repository.names[0]
        namespace = namespace or self.default_namespace
        return read_image_policy(
            name,
            policy,
            repository,
            PolicyName(namespace, repository_name),
            lambda kind, related: self.find(kind, namespace, related, _home(repository)),
            lambda kind, related: self.find(kind, policy.names[0][0] or self.default_namespace, related, _home(policy)),
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
        check_variables(policy, f"ImagePolicy {name}")
        namespace, its_name = self._reference(name, policy)
        if not its_name:
            where = f"ImagePolicy {name} in {policy.origin}"
            raise ResourceError("spec.imageRepositoryRef.name: is required", where=where, hint=INCOMPLETE)
        repository = self._repository(name, policy, namespace, its_name)
        if repository is None and namespace == name.namespace:
            # A policy that kustomize moved keeps its reference: look where the policy is under its other names.
            for other, _ in policy.names:
                repository = repository or self._repository(name, policy, other or self.default_namespace, its_name)
        if repository is None:
            raise ResolveError(
                f"ImagePolicy {name} refers to ImageRepository {namespace}:{its_name}, which was not found",
                where=policy.origin,
                hint=f"add the ImageRepository, or {self.elsewhere.format('it')}",
            )
        check_version(repository, f"ImageRepository {namespace}:{its_name}")
        check_variables(repository, f"ImageRepository {namespace}:{its_name}")
        if namespace != name.namespace:
            check_access(
                name,
                repository,
                f"{namespace}/{its_name}",
                self.find("Namespace", self.default_namespace, name.namespace),
            )
        return policy, repository

    def _reference(self, name: PolicyName, found: Resource, field: str = "imageRepositoryRef") -> tuple[str, str]:
        """The namespace and name of the repository that a resource refers to; an empty name for none."""
        reference = found.spec.get(field)
        reference = reference if isinstance(reference, Mapping) else {}
        return str(reference.get("namespace") or name.namespace), str(reference.get("name") or "")

    def _repository(self, name: PolicyName, policy: Resource, namespace: str, its_name: str) -> Resource | None:
        """A policy's repository: of several, the one nearest to the policy, else the one nearest to the field."""
        home = _home(policy)
        if name.folder:  # of equal policies, the one nearest to the field
            homes = [each.folders for each in self._complete("ImagePolicy", name.namespace, name.name) if each.folders]
            home = nearest(name.folder, [(folders, folders[0]) for folders in homes] or [((), home)])[0]
        try:
            return self.find("ImageRepository", namespace, its_name, home)
        except ResolveError:
            if not name.folder:
                raise
        return self.find("ImageRepository", namespace, its_name, name.folder)

    def image(self, name: PolicyName) -> str:
        """The ``spec.image`` of a policy's repository as written, not validated.

        Raises:
            ResolveError: no such policy or repository.
        """
        return str(self.behind(name)[1].spec.get("image", ""))

    def recorded(self, name: PolicyName) -> LatestRef | None:
        """What a cluster reported in the policy's status, or None.

        Raises:
            ResolveError: no such policy, or several statuses of it that differ.
            ResourceError: the status holds something else than texts.
        """
        self._policy_resource(name)
        found = self._near("ImagePolicy", *name) if name.folder else self._complete("ImagePolicy", *name[:2])
        return reported_ref(f"ImagePolicy {name}", found, self.either)

    def _policy_resource(self, name: PolicyName) -> Resource:
        found = self.find("ImagePolicy", *name)
        if found is None:
            raise self.unknown(name)
        check_version(found, f"ImagePolicy {name}")
        return found

    def unknown(self, name: PolicyName) -> ResolveError:
        """The error for an unknown policy, with the nearest known one."""
        return ResolveError(f"ImagePolicy {name} was not found", hint=self._advice(name))

    def _advice(self, name: PolicyName) -> str:
        if self._policies is None:  # once for all unknown names, of which there may be thousands
            self._policies = KnownPolicies(self.policy_names)
        known = self._policies.names
        unread = ""
        if self.unread:
            more = f", and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
            unread = f"it may be in a document that does not parse: {self.unread[0]}{more}"
        if not known:
            return unread or f"no ImagePolicy was found at all: {self.elsewhere.format('them')}"
        if found := self._without_namespace(name):
            return (
                f"{found.origin} has an ImagePolicy {name.name} without a namespace, which counts as "
                f"{self.default_namespace}; if it is deployed to {name.namespace}, give --namespace {name.namespace} "
                f"(defaults: {{namespace: {name.namespace}}} in the project file, or namespace in a functionConfig)"
            )
        if best := self._policies.closest_to(name):
            return f"did you mean {best}?" + (f" or {unread}" if unread else "")
        return unread or f"known policies: {', '.join(map(str, known[:8]))}{' …' if len(known) > 8 else ''}"

    def _without_namespace(self, name: PolicyName) -> Resource | None:
        """The policy of that name that has no namespace in its file, or None."""
        bucket = self._found.get(("ImagePolicy", self.default_namespace, name.name), ())
        return next((found for found in bucket if found.names[0] == ("", name.name)), None)


def _home(found: Resource) -> str:
    return found.folders[0] if found.folders else ""
