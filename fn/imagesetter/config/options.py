"""The options of a run over a ResourceList, as one value.

Nothing here names a path, a helper, a proxy or a certificate file: a ResourceList may come from a stranger, so those
are the operator's alone (command line and environment).
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

from imagesetter.flux.resources import DEFAULT_NAMESPACE, Resource

if TYPE_CHECKING:
    from krm_functions.selector import Selector
else:
    Selector = object  # `typing` compiles an annotation in quotes, which takes longer than the class

GROUP = "imagesetter.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "ImageSetter"

SourceName = Literal["registry", "lock", "status"]
INPUTS_VARIABLE = "IMAGESETTER_BUILD_INPUTS"
"""Names the folder in which the function keeps its input, inside of a build of updated sources."""
OnError = Literal["fail", "keep"]
SourceScan = Literal["exact", "static", "off"]
"""How markers in source files reach a build: by a build of updated sources, by reading them, or not at all."""
_SCANS: dict[str, SourceScan] = {"true": "exact", "false": "off", "exact": "exact", "static": "static"}


class Target(NamedTuple):
    """Explicit places: fields of the selected resources, and the policy (with its part) that they follow."""

    select: Selector
    field_paths: tuple[str, ...]
    policy: str


class FunctionOptions(NamedTuple):
    """The options of a run over a ResourceList; the defaults are those of an absent functionConfig."""

    source: SourceName = "registry"
    on_error: OnError = "fail"
    check: bool = False
    strict: bool = False
    allow_downgrade: bool = False
    allow_unpin: bool = False
    bind_by_image: bool = False
    source_scan: SourceScan = "exact"
    strip_annotations: bool = False
    nested: bool = False
    namespace: str = DEFAULT_NAMESPACE
    policies: tuple[Resource, ...] = ()
    targets: tuple[Target, ...] = ()
    rule_defaults: tuple[tuple[str, str], ...] = ()
    """Annotations of the policies that do not have them."""


def source_scan(value: bool | str) -> SourceScan:
    """How a value of ``sourceScan`` has the sources scanned."""
    return _SCANS[str(value).lower()]
