"""The annotations by which kpt and kustomize tell a function where a resource comes from and what it was called.

Each orchestrator writes some of them, older versions under older names: ``internal.config.kubernetes.io/path`` (kyaml
0.13 and later) and ``config.kubernetes.io/path`` (before, and still sent beside it). The internal one wins, as in
kyaml ``kio/kioutil``. A function must not change the internal ones; items that keep their text keep them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from krm_functions.errors import ResourceError

PATH = "internal.config.kubernetes.io/path"
INDEX = "internal.config.kubernetes.io/index"
ID = "internal.config.kubernetes.io/id"
PACKAGE_PATH = "internal.config.kubernetes.io/package-path"
SEQUENCE_INDENT = "internal.config.kubernetes.io/seqindent"
PREVIOUS_KINDS = "internal.config.kubernetes.io/previousKinds"
PREVIOUS_NAMES = "internal.config.kubernetes.io/previousNames"
PREVIOUS_NAMESPACES = "internal.config.kubernetes.io/previousNamespaces"
LEGACY_PATH = "config.kubernetes.io/path"
LEGACY_INDEX = "config.kubernetes.io/index"
LEGACY_ID = "config.k8s.io/id"
LOCAL_CONFIG = "config.kubernetes.io/local-config"
ORIGIN = "config.kubernetes.io/origin"
KUSTOMIZE_ID = "kustomize.config.k8s.io/id"
UPSTREAM_ID = "internal.kpt.dev/upstream-identifier"

Annotations = Mapping[str, str]


class Identity(NamedTuple):
    """What a resource is, or was, called."""

    kind: str
    name: str
    namespace: str = ""


class OriginId(NamedTuple):
    """What a resource is called where it comes from."""

    group: str
    kind: str
    namespace: str
    name: str


def is_internal(key: str) -> bool:
    """Whether an annotation belongs to the orchestrator: a function must not change it (specification v1)."""
    return key.startswith("internal.config.kubernetes.io/") or key in (
        *(LEGACY_PATH, LEGACY_INDEX, LEGACY_ID, KUSTOMIZE_ID, UPSTREAM_ID),
    )


def origin_id(api_version: str, first: Identity, annotations: Annotations, where: str = "") -> OriginId:
    """What a resource is called in the package that it comes from.

    kpt writes it as ``group|kind|namespace|name``, the namespace as ``~C`` where there is none.

    Args:
        api_version: of the resource.
        first: its oldest name, for a resource without that annotation.
        annotations: of the resource.
        where: names it in an error.

    Raises:
        ResourceError: the annotation has another form.
    """
    text = annotations.get(UPSTREAM_ID, "").strip()
    if not text:
        return OriginId(api_version.rpartition("/")[0], first.kind, first.namespace, first.name)
    parts = text.split("|")
    if len(parts) != 4:
        raise ResourceError(
            f"{text!r} is not group|kind|namespace|name", where=f"{where} metadata.annotations[{UPSTREAM_ID!r}]"
        )
    group, kind, namespace, name = parts
    return OriginId(group, kind, "" if namespace == "~C" else namespace, name)


def path(annotations: Annotations) -> str:
    """The file that the resource was read from, relative to the package, or empty.

    Under ``kustomize build`` it is absent or invented; only kpt and ``kustomize fn run`` give a real one.
    """
    return annotations.get(PATH) or annotations.get(LEGACY_PATH, "")


def document_index(annotations: Annotations) -> int:
    """The position of the resource's document in its file, from 0; 0 where nothing sensible is written."""
    text = annotations.get(INDEX) or annotations.get(LEGACY_INDEX, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def identifier(annotations: Annotations) -> str:
    """The orchestrator's own number for the resource, or empty."""
    return annotations.get(ID) or annotations.get(LEGACY_ID) or annotations.get(KUSTOMIZE_ID, "")


def is_local_config(annotations: Annotations) -> bool:
    """Whether the resource is for tools only and never meant for a cluster.

    ``"false"`` says no; any other value says yes, the empty one included (measured with kustomize 5.8.2: exactly
    these are dropped at the end of a build).
    """
    return annotations.get(LOCAL_CONFIG, "false") != "false"


def identities(current: Identity, annotations: Annotations) -> tuple[Identity, ...]:
    """Every name that the resource has had, oldest first; the last one is the current one.

    kustomize writes three lists of the same length, comma separated, and adds to all of them at each renaming
    (``api/resource``, ``StorePreviousId``). A namespace that was not set is written there as ``default``.
    """
    kinds, names, namespaces = (
        text.split(",") if (text := annotations.get(key, "")) else []
        for key in (PREVIOUS_KINDS, PREVIOUS_NAMES, PREVIOUS_NAMESPACES)
    )
    before = [Identity(*parts) for parts in zip(kinds, names, namespaces, strict=False)]
    return (*before, current)
