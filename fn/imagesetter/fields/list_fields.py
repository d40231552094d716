"""The fields that were found in a ResourceList, and what is wrong with the places that are not fields."""

from __future__ import annotations

from collections.abc import Mapping

from imagesetter.fields.field import FoundBy, ImagesEntry, Location, MarkedField
from imagesetter.flux.markers import Marker, PolicyName
from krm_functions.item import Item
from krm_functions.result import Result
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.scan_result import Scalar


class ListFields:
    """Takes the fields in the order of the ways to find them: the first way to find a field counts."""

    def __init__(self) -> None:
        self.fields: list[MarkedField] = []
        self.results: list[Result] = []
        self.taken: set[int] = set()
        """Where the fields start that were found."""
        self.items: dict[int, Item] = {}
        """The resource of each field, by where the field starts."""
        self.named: set[PolicyName] = set()
        """Policies that a marker names for a field here, also where the field follows another one or is left alone."""

    def take(
        self,
        item: Item,
        scalar: Scalar,
        marker: Marker,
        found_by: FoundBy,
        parts: frozenset[str] = frozenset(),
        images: tuple[ImagesEntry, ...] = (),
    ) -> None:
        """Add a field, unless it was found in a way that counts more."""
        if scalar.start in self.taken:
            return
        self.taken.add(scalar.start)
        self.items[scalar.start] = item
        self.fields.append(MarkedField(marker, scalar, location_of(item, scalar.path), found_by, parts, images))

    def scalars_beside(self, marked: MarkedField) -> Mapping[FieldPath, Scalar]:
        """All scalars of the item that a field is in."""
        item = self.items.get(marked.scalar.start)
        return {scalar.path: scalar for scalar in item.scalars()} if item else {}


def location_of(item: Item, path: FieldPath = ()) -> Location:
    """The place of a field of an item."""
    index = item.index if item.path else None
    return Location(file=item.path_from_top, index=index, resource=item.ref, field=format_path(path) if path else "")
