"""The text of a ResourceList, of which its items are parts, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from krm_functions.errors import TextError
from krm_functions.naming import mapping_of, text_of
from krm_functions.result import File
from krm_functions.scope import Scope
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scalars

if TYPE_CHECKING:
    from krm_functions.item import Item
    from krm_functions.yaml.scan_result import Scalar


class ListText:
    """The text that the items are parts of. It is read as a whole only for items that repeat a node of another one."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.edited: dict[int, Item] = {}  # the items that were edited, by their number
        self.scanned: dict[int, tuple[Scalar, ...]] = {}  # the scalars of items by their number, see Item.scalars
        self.loaded: dict[int, Mapping[str, Any]] = {}  # the data of items that were read, see Item.peek
        self.items: tuple[Item, ...] = ()
        self.files: Mapping[int, File] = {}  # where each item was read from, when a function is run by hand
        self.top = ""  # the package path of the outermost package

    def copy(self, *path: str | int) -> Any:
        """The data at a place, for the caller to keep.

        Raises:
            TextError: the list is YAML but no data, or the data is nested too deeply.
        """
        import copy

        data = self._data
        for step in path:
            data = data[step]
        try:
            return copy.deepcopy(data)
        except RecursionError as err:
            raise TextError("data is nested too deeply", where=self.name) from err

    @cached_property
    def _data(self) -> Any:
        return load(self.text, name=self.name)

    @cached_property
    def scopes(self) -> Mapping[tuple[str, str], Scope]:
        """The scope of each kind that a CustomResourceDefinition among the items defines, by group and kind."""
        found: dict[tuple[str, str], Scope] = {}
        for item in self.items:
            if item.is_gvk("apiextensions.k8s.io", None, "CustomResourceDefinition"):
                spec = mapping_of(item.load().get("spec"))
                if (scope := spec.get("scope")) in ("Cluster", "Namespaced"):
                    found[text_of(spec.get("group")), text_of(mapping_of(spec.get("names")).get("kind"))] = scope
        return found

    @cached_property
    def anchors(self) -> tuple[tuple[int, str, Any], ...]:
        """Where each anchor is defined, its name and its data, in order."""
        from krm_functions.yaml.structure.reading import read
        from krm_functions.yaml.structure.tree import pristine

        tree = read(self.text, name=self.name)
        return tuple((node.start, node.anchor, pristine(node)) for node in tree.nodes() if node.anchor)

    @cached_property
    def scalars(self) -> dict[int, list[Scalar]]:
        """The scalar values of each item, with their paths from the item's root."""
        found: dict[int, list[Scalar]] = {}
        for scalar in scalars(self.text):
            if scalar.path[:1] == ("items",):
                found.setdefault(int(scalar.path[1]), []).append(scalar._replace(path=scalar.path[2:]))
        return found
