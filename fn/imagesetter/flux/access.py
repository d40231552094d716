"""Flux's access rule: a policy of another namespace needs ``spec.accessFrom`` (fluxcd/pkg runtime/acl/acl.go)."""

from __future__ import annotations

from collections.abc import Mapping

from imagesetter.errors import ResolveError
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource


def check_access(policy: PolicyName, repository: Resource, target: str, namespace: Resource | None) -> None:
    """That a policy may refer to a repository of another namespace.

    Args:
        policy: the policy.
        repository: the ImageRepository.
        target: its namespace and name, as Flux writes them.
        namespace: the policy's Namespace, for its labels; None where it is not among the files.

    Raises:
        ResolveError: no selector of the repository allows the policy's namespace.
    """
    access = repository.spec.get("accessFrom")
    selectors = access.get("namespaceSelectors") if isinstance(access, Mapping) else None
    declared = namespace.metadata.get("labels") if namespace else None
    labels = {
        "kubernetes.io/metadata.name": policy.namespace,
        **(declared if isinstance(declared, Mapping) else {}),
    }
    for selector in selectors if isinstance(selectors, list) else ():
        wanted = (selector.get("matchLabels") or {}) if isinstance(selector, Mapping) else None
        if isinstance(wanted, Mapping) and all(labels.get(key) == value for key, value in wanted.items()):
            return
    raise ResolveError(
        f"'{target}' can't be accessed due to missing ACL labels on 'accessFrom'",
        where=f"ImagePolicy {policy}; {repository.origin}",
        hint=f"allow namespace {policy.namespace} in spec.accessFrom.namespaceSelectors of the ImageRepository, "
        "and keep the Namespace with its labels among the files",
    )
