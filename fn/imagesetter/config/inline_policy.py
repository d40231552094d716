"""A policy among ``spec.policies`` of an ``ImageSetter``, as the two resources of Flux that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagesetter.flux.annotations import ALLOW_DOWNGRADE, MINIMUM_AGE
from imagesetter.flux.resources import GROUP, Resource
from imagesetter.policy.kinds import NAMES


def inline_policy(policy: Mapping[str, Any], *, namespace: str, index: int) -> tuple[Resource, Resource]:
    """An ImagePolicy and an ImageRepository as one entry of ``spec.policies`` describes them together.

    Args:
        policy: name, namespace, image, the rule and the other fields under Flux's names.
        namespace: for an entry without one.
        index: its place in the list, for errors.
    """
    name, namespace = str(policy["name"]), str(policy.get("namespace") or namespace)
    origin = f"functionConfig spec.policies[{index}]"

    def taken(*fields: str) -> dict[str, Any]:
        return {field: policy[field] for field in fields if policy.get(field) is not None}

    metadata = {"name": name, "namespace": namespace}
    ours = {
        ALLOW_DOWNGRADE: "true" if policy.get("allowDowngrade") else "",
        MINIMUM_AGE: str(policy.get("minimumAge") or ""),
    }
    annotations = {"annotations": {key: text for key, text in ours.items() if text}}
    rule = taken(*NAMES)
    spec = {
        "imageRepositoryRef": {"name": name},
        "policy": rule,
        **taken("filterTags", "digestReflectionPolicy", "interval"),
    }
    if spec.get("digestReflectionPolicy") == "Always":
        spec.setdefault("interval", "10m")
    source = taken("image", "exclusionList", "insecure", "secretRef", "timeout")
    return (
        Resource(
            {"apiVersion": f"{GROUP}/v1", "kind": "ImagePolicy", "metadata": metadata | annotations, "spec": spec},
            origin,
            ((namespace, name),),
        ),
        Resource(
            {"apiVersion": f"{GROUP}/v1", "kind": "ImageRepository", "metadata": metadata, "spec": source},
            origin,
            ((namespace, name),),
        ),
    )
