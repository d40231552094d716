"""Flux's resources, and what belongs to them, as loaded data; and what of them decides an answer."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from imagesetter.errors import ResolveError
from imagesetter.flux.nearest import folder_of
from imagesetter.flux.variables import unresolved, variable_name
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS
from krm_functions.errors import ReportedError, ResourceError
from krm_functions.yaml.field_path import format_path
from krm_functions.yaml.load import load

GROUP = "image.toolkit.fluxcd.io"
DEFAULT_NAMESPACE = "flux-system"
VERSIONS = ("v1", "v1beta2", "v1beta1")
FLUX_KINDS = ("ImagePolicy", "ImageRepository", "ImageUpdateAutomation")
OTHER_KINDS = ("Secret", "ServiceAccount", "Namespace", "GitRepository")
"""What else a run may need to know; everything else is not kept."""
RELEASE = "ImageRelease"
"""A kind of our own (`imagesetter.flux.releases`)."""

INCOMPLETE = (
    "policies as files are often completed by a kustomization: give the rendered stream, "
    "as in `kustomize build clusters/prod | imagesetter update --policies - .`"
)


class Resource(NamedTuple):
    """One Kubernetes resource as loaded, with where it came from.

    ``origin`` is ``file:line`` or a description of the item. ``names`` are the (namespace, name) pairs under which it
    is found, the first one is the one it is called by; an empty namespace stands for the run's default. ``file`` is
    empty where it was not read from one, and ``folders`` are the absolute ones in which it is at home: its file's, and
    those of the kustomizations that completed it.
    """

    data: Mapping[str, Any]
    origin: str
    names: tuple[tuple[str, str], ...]
    file: str = ""
    folders: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The resource's kind."""
        return str(self.data.get("kind", ""))

    @property
    def api_version(self) -> str:
        """The resource's apiVersion."""
        return str(self.data.get("apiVersion", ""))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata`` where it is a mapping, else an empty one."""
        metadata = self.data.get("metadata")
        return metadata if isinstance(metadata, Mapping) else {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """``spec`` where it is a mapping, else an empty one."""
        spec = self.data.get("spec")
        return spec if isinstance(spec, Mapping) else {}


def may_hold(data: bytes, *kinds: str) -> bool:
    """Whether a file may hold a resource of one of some kinds, in whatever way that is written."""
    # The word first: a pattern would cost more than all the rest of looking through a tree.
    return any(
        (kind := word.encode()) in data and re.search(rb"\bkind[\"']?\s*:\s*[\"']?" + kind + rb"\b", data)
        for word in kinds
    )


def with_annotations(found: Resource, defaults: Mapping[str, str]) -> Resource:
    """A resource with the annotations that it does not have itself."""
    annotations = found.metadata.get("annotations")
    own = annotations if isinstance(annotations, Mapping) else {}
    if all(name in own for name in defaults):
        return found
    return found._replace(data={**found.data, "metadata": {**found.metadata, "annotations": {**defaults, **own}}})


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
    if kind == RELEASE:
        return api_version.startswith("imagesetter.dev/")
    return (api_version.startswith(f"{GROUP}/") and kind in FLUX_KINDS) or kind in OTHER_KINDS


def resource(
    data: Mapping[str, Any], origin: str, names: Iterable[tuple[str, str]] = (), *, file: str = ""
) -> Resource | None:
    """A Resource when its kind matters to a policy, else None.

    Args:
        data: the loaded resource.
        origin: where it is, for errors.
        names: further (namespace, name) pairs, the original one first, where kustomize renamed it.
        file: the file that it was read from.
    """
    if not is_wanted(str(data.get("apiVersion", "")), str(data.get("kind", ""))):
        return None
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    current = (str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    folder = folder_of(file)
    return Resource(data, origin, tuple(dict.fromkeys([*names, current])), file, (folder,) if folder else ())


def is_complete(found: Resource) -> bool:
    """Whether a resource says what its kind is about; a patch for one does not, nor one whose variables are left."""
    return says_all(found) and not (found.kind in FLUX_KINDS and any(unresolved(found.data)))


def says_all(found: Resource) -> bool:
    """Whether a resource has the fields that its kind is about, whatever their values are."""
    match found.kind:
        case "ImagePolicy":
            return "imageRepositoryRef" in found.spec and "policy" in found.spec
        case "ImageRepository":
            return "image" in found.spec
        case "ImageUpdateAutomation":
            return "sourceRef" in found.spec and "interval" in found.spec
        case "GitRepository":
            return "url" in found.spec
        case "Secret":
            return not _is_encrypted(found)
        case _:
            return True


def check_version(found: Resource, what: str) -> None:
    """Refuse a version that is not read.

    Raises:
        ResourceError: says how to write it instead.
    """
    version = found.api_version.partition("/")[2]
    if version in VERSIONS:
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


def check_variables(found: Resource, what: str) -> None:
    """Refuse a resource in which a variable is left.

    Raises:
        ResolveError: names the variable and the field.
    """
    left = next(unresolved(found.data), None)
    if left:
        name = variable_name(left.variable)
        hint = f"give its value with --substitute {name}=VALUE or --substitute-from FILE" if name else ""
        raise ResolveError(
            f"unresolved variable {left.variable} in {format_path(left.path)}",
            where=f"{what} in {found.origin}",
            hint=hint or "imagesetter reads ${name} and ${name:=default} only; write the value itself",
        )


def rule_inputs(choice: object) -> list[str]:
    """The rule that counts, as [kind, argument], with defaults filled in; empty for none."""
    from imagesetter.policy.kinds import unchecked_rule

    rule = unchecked_rule(choice)
    return [rule.kind, rule.value] if rule else []


def _policy_inputs(spec: Mapping[str, Any]) -> dict[str, Any]:
    filter_tags = spec.get("filterTags")
    return {
        "policy": rule_inputs(spec.get("policy")),
        "filterTags": {key: value for key, value in filter_tags.items() if value}
        if isinstance(filter_tags, Mapping)
        else {},
        "digestReflectionPolicy": spec.get("digestReflectionPolicy") or "Never",
    }


def _repository_inputs(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"image": spec.get("image"), "exclusionList": spec.get("exclusionList") or list(DEFAULT_EXCLUSIONS)}


def _canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)


def _annotation_inputs(policy: Resource) -> dict[str, Any]:
    """What our annotations decide; nothing where there are none, so that the hashes of other policies stay."""
    annotations = policy.metadata.get("annotations")
    if not isinstance(annotations, Mapping):
        return {}
    inputs: dict[str, Any] = {}
    if str(annotations.get("imagesetter.dev/chart-tags")) == "true":
        inputs["chartTags"] = True
    if verify := annotations.get("imagesetter.dev/verify"):
        inputs["verify"] = _loaded(str(verify))
    if platforms := annotations.get("imagesetter.dev/platforms"):
        inputs["platforms"] = sorted({each.strip() for each in str(platforms).split(",")})
    if leader := annotations.get("imagesetter.dev/follows"):
        inputs["follows"] = str(leader)
    return inputs


def _loaded(text: str) -> object:
    """What the YAML in an annotation says; the text itself where it is not YAML, which is an error elsewhere."""
    try:
        return load(text)
    except ReportedError:
        return text


def _is_encrypted(secret: Resource) -> bool:
    from imagesetter.registry.auth.kubernetes_secrets import is_encrypted  # few runs meet a Secret

    return is_encrypted(secret.data)


def inputs_of(found: Resource) -> str:
    """What of a resource decides an answer, as text that is equal for equal meaning."""
    match found.kind:
        case "ImagePolicy":
            return _canonical(
                [_policy_inputs(found.spec) | _annotation_inputs(found), found.spec.get("imageRepositoryRef")]
            )
        case "ImageRepository":
            return _canonical(_repository_inputs(found.spec))
        case "Secret" if _is_encrypted(found):
            return "encrypted"  # whatever is in it cannot be used
        case _:
            return _canonical({key: value for key, value in found.data.items() if key not in ("metadata", "status")})


def inputs_hash(policy: Resource, repository: Resource) -> str:
    """SHA-256 over what decides the answer, written the same for equal meaning (defaults filled in)."""
    import hashlib  # loads OpenSSL, which a run without policies has no use for

    inputs = {**_policy_inputs(policy.spec), **_annotation_inputs(policy), **_repository_inputs(repository.spec)}
    return "sha256:" + hashlib.sha256(_canonical(inputs).encode()).hexdigest()
