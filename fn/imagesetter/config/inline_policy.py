"""A policy among ``spec.policies`` of an ``ImageSetter``, as the two resources of Flux that it stands for; a release.

The function gets an ImageSetter as its functionConfig; the other commands read the ImageSetters among the files, each
policy by itself, so that a mistake in one does not hide the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from imagesetter.config.options import API_VERSION, KIND
from imagesetter.config.options import GROUP as SETTER_GROUP
from imagesetter.flux.annotations import (
    ALLOW_DOWNGRADE,
    CHART_TAGS,
    FOLLOWS,
    MINIMUM_AGE,
    NEWEST,
    PLATFORMS,
    SOAK,
    VERIFY,
)
from imagesetter.flux.nearest import folder_of
from imagesetter.flux.resources import GROUP, RELEASE, Resource
from imagesetter.policy.kinds import NAMES
from krm_functions.errors import InputError, UsageError

WORDS = (b"ImageSetter", b"policies")
"""A file with inline policies contains these."""


def is_setter(item: Mapping[str, Any]) -> bool:
    """Whether a loaded resource is an ImageSetter."""
    return item.get("kind") == KIND and str(item.get("apiVersion", "")).startswith(f"{SETTER_GROUP}/")


def policies_in_file(item: Mapping[str, Any], name: str, line: int) -> Iterator[tuple[Resource, Resource] | InputError]:
    """What each inline policy of a resource in a file stands for, or what is wrong with it, in the order of the file.

    Nothing for a resource of another kind. No kustomization completes them, since kustomize does not change them.

    Args:
        item: the resource, as loaded.
        name: the file.
        line: the first line of its document.
    """
    spec = item.get("spec") if is_setter(item) else None
    policies = spec.get("policies") if isinstance(spec, Mapping) else None
    if not policies:
        return
    from imagesetter.config.policy_model import check_inline_policy

    where = f"{name}:{line}"
    if not isinstance(policies, list):
        yield InputError("spec.policies: must be a list", where=where, hint="write each policy as an entry of a list")
        return
    metadata = item.get("metadata")
    namespace = str(metadata.get("namespace") or "") if isinstance(metadata, Mapping) else ""
    folder, defaults = folder_of(name), rule_annotations(spec) if isinstance(spec, Mapping) else {}
    for index, policy in enumerate(policies):
        try:
            check_inline_policy(policy, index, where=where)
        except UsageError as error:
            yield InputError(error.what, where=error.where, hint=error.hint)
            continue
        origin = f"{where} spec.policies[{index}]"
        folders = (folder,) if folder else ()
        found, repository = inline_policy(policy, namespace=namespace, index=index, defaults=defaults)
        yield found._replace(origin=origin, folders=folders), repository._replace(origin=origin, folders=folders)


def releases_in_file(item: Mapping[str, Any], name: str, line: int) -> Iterator[Resource]:
    """The ImageRelease that each entry of ``spec.releases`` of a resource in a file stands for; as `policies_in_file`.

    Whoever reads one gets the error of an entry that is not valid (`imagesetter.flux.releases`).
    """
    spec, metadata = item.get("spec"), item.get("metadata")
    if is_setter(item) and isinstance(spec, Mapping):
        folder = folder_of(name)
        namespace = str(metadata.get("namespace") or "") if isinstance(metadata, Mapping) else ""
        for found in inline_releases(spec, namespace, f"{name}:{line}"):
            yield found._replace(folders=(folder,) if folder else ())


def inline_releases(spec: Mapping[str, Any], namespace: str, origin: str) -> Iterator[Resource]:
    """The ImageRelease that each entry of ``spec.releases`` stands for, valid or not.

    Args:
        spec: of an ``ImageSetter``.
        namespace: for an entry without one; empty for the run's default.
        origin: where it is.
    """
    entries = spec.get("releases") or []
    for index, each in enumerate(entries if isinstance(entries, list) else [None]):
        fields = each if isinstance(each, Mapping) else {}
        metadata = {"name": str(fields.get("name") or ""), "namespace": str(fields.get("namespace") or namespace)}
        rest = {field: value for field, value in fields.items() if field not in metadata}
        data = {"apiVersion": API_VERSION, "kind": RELEASE, "metadata": metadata, "spec": rest}
        yield Resource(data, f"{origin} spec.releases[{index}]", ((metadata["namespace"], metadata["name"]),))


def rule_annotations(fields: Mapping[str, Any]) -> dict[str, str]:
    """The rules of an inline policy, or those at the top of an ``ImageSetter``, as annotations."""
    platforms = fields.get("platforms") or ""
    texts = {
        MINIMUM_AGE: str(fields.get("minimumAge") or ""),
        FOLLOWS: str(fields.get("follows") or ""),
        SOAK: str(fields.get("soak") or ""),
        PLATFORMS: ",".join(map(str, platforms)) if isinstance(platforms, list) else str(platforms),
        NEWEST: str(_by(fields.get("newest"))),
        VERIFY: json.dumps(fields["verify"]) if fields.get("verify") else "",
    }
    return {name: text for name, text in texts.items() if text}


def _by(newest: object) -> object:
    return newest.get("by", "") if isinstance(newest, Mapping) else ""


def inline_policy(
    policy: Mapping[str, Any], *, namespace: str, index: int, defaults: Mapping[str, str] | None = None
) -> tuple[Resource, Resource]:
    """An ImagePolicy and an ImageRepository as one entry of ``spec.policies`` describes them together.

    Args:
        policy: name, namespace, image, the rule and the other fields under Flux's names.
        namespace: for an entry without one; empty for the run's default.
        index: its place in the list, for errors.
        defaults: annotations that stand for the rules at the top of the ``ImageSetter``.
    """
    name, namespace = str(policy["name"]), str(policy.get("namespace") or namespace)
    origin = f"functionConfig spec.policies[{index}]"

    def taken(*fields: str) -> dict[str, Any]:
        return {field: policy[field] for field in fields if policy.get(field) is not None}

    metadata = {"name": name, "namespace": namespace}
    flags = {ALLOW_DOWNGRADE: "allowDowngrade", CHART_TAGS: "chartTags"}
    ours = {annotation: "true" for annotation, field in flags.items() if policy.get(field)}
    annotations = {"annotations": {**(defaults or {}), **ours, **rule_annotations(policy)}}
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
