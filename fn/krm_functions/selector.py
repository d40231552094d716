"""Which resources a rule is about: by group, version, kind, name, namespace, labels and local-config."""

from typing import TYPE_CHECKING, NamedTuple

from krm_functions.annotations import Identity
from krm_functions.item import Item

if TYPE_CHECKING:
    from krm_functions.label_selector import LabelSelector


class Selector(NamedTuple):
    """Resources that have all of the given properties; ``None`` means that any will do.

    Kind, name and namespace are matched together against every name that the resource has had: the one in the source
    file, those of the layers between, and the one it has now. kustomize's own ``replacements`` do the same, and a
    rule keeps working when an overlay adds a prefix. They are compared as plain strings, not as patterns.

    ``group=""`` is the core group. ``namespace=""`` and ``namespace="default"`` mean the same, as in kustomize, which
    writes ``default`` for a namespace that was not set.
    """

    group: str | None = None
    version: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    label_selector: "LabelSelector | None" = None
    local_config: bool | None = None

    def matches(self, item: Item) -> bool:
        """Whether the resource is meant."""
        group, _, version = item.api_version.rpartition("/")
        return (
            self.group in (None, group)
            and self.version in (None, version)
            and self.local_config in (None, item.is_local_config)
            and any(self._is_called(identity) for identity in item.identities)
            and (self.label_selector is None or self.label_selector.matches(item.labels))
        )

    def _is_called(self, identity: Identity) -> bool:
        return (
            self.kind in (None, identity.kind)
            and self.name in (None, identity.name)
            and (self.namespace is None or (self.namespace or "default") == (identity.namespace or "default"))
        )
