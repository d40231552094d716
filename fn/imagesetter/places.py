"""Where the fields of a ResourceList that follow a policy are: markers, targets, or the image itself.

Explicit beats implicit: a field that a target names is not looked at again, then a marker counts, then (when asked for)
a container image whose repository is a policy's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from imagesetter.config import Config, Target
from imagesetter.errors import ImagesetterError, ResolveError, UsageError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker, PolicyName, parse_marker
from imagesetter.krm.item import Item
from imagesetter.krm.resourcelist import ResourceList
from imagesetter.krm.result import Result
from imagesetter.plan import FoundBy, MarkedField, Place, failure, report
from imagesetter.registry.reference import Reference, parse, parse_flux_image
from imagesetter.text.fieldpath import FieldPath, find_scalars, format_path, parse_path
from imagesetter.text.scan import Comment, Scalar

_PARTS = ("tag", "name", "digest")
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")

MISPLACED = {
    "ambiguous-head": "above a list item, but not directly above a plain one",
    "hidden": "above an item that has a comment of its own, which hides it",
    "above": "on its own line above a key",
    "key": "behind a key whose value is elsewhere",
    "collection": "behind a whole collection",
    "alias": "behind an alias; the value is where the anchor is",
    "empty": "behind a key or dash without a value",
    "duplicate": "behind the second value of a key that is there twice",
    "complex-key": "inside a key that is a collection",
    "directive": "on a directive or document line",
    "loose": "in no field at all",
}


@dataclass(slots=True)
class Places:
    """The fields found, in order, and what is wrong with the places that are no fields."""

    fields: list[MarkedField] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def misplaced(comment: Comment, place: Place) -> Result | None:
    """The warning for a marker that belongs to no field; None where that is meant (a commented-out line)."""
    where = MISPLACED.get(comment.place)
    if where is None:
        return None
    return report(
        "warning",
        f"this marker stands {where}, so nothing follows it (Flux ignores it as well); "
        "put it behind the value, on the same line",
        place,
        tags={"error": "MisplacedMarker"},
    )


def find_places(listing: ResourceList, config: Config, catalog: Catalog) -> Places:
    """Every field of the list that follows a policy.

    Raises:
        UsageError: a target that cannot be read.
    """
    places = Places()
    taken: set[int] = set()
    for number, target in enumerate(config.targets):
        _add_target(places, taken, listing.items, number, target, config)
    _add_markers(places, taken, listing)
    if config.bind_by_image:
        _add_images(places, taken, listing.items, catalog)
    places.fields.sort(key=lambda marked: marked.scalar.start)
    return places


def place_of(item: Item, path: FieldPath = ()) -> Place:
    """The place of a field of an item."""
    index = item.index if item.path else None
    return Place(file=item.path, index=index, resource=item.ref, field=format_path(path) if path else "")


def target_marker(text: str, namespace: str, where: str) -> Marker:
    """A target's ``policy``: ``[NS:]NAME[:tag|:name|:digest]``.

    Raises:
        UsageError: anything else.
    """
    parts = text.split(":")
    part = parts.pop() if len(parts) > 1 and parts[-1] in _PARTS else ""
    if len(parts) == 1:
        parts.insert(0, namespace)
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"{where}: {text!r} names no policy", hint="write [NAMESPACE:]NAME[:tag|:name|:digest]")
    return Marker(parts[0], parts[1], part)  # type: ignore[arg-type]


def _add_target(
    places: Places, taken: set[int], items: Sequence[Item], number: int, target: Target, config: Config
) -> None:
    where = f"spec.targets[{number}]"
    marker = target_marker(target.policy, config.namespace, f"{where}.policy")
    patterns = [parse_path(path) for path in target.field_paths]
    selected = [item for item in items if target.select.matches(item)]
    found: dict[int, int] = dict.fromkeys(range(len(patterns)), 0)
    for item in selected:
        scalars = item.scalars()
        for index, pattern in enumerate(patterns):
            for scalar in find_scalars(scalars, pattern):
                found[index] += 1
                _take(places, taken, item, scalar, marker, "target")
    for index, count in found.items():
        if not count:
            what = (
                f"{where}.fieldPaths[{index}]: no selected resource has {target.field_paths[index]}"
                if selected
                else f"{where}.select: no resource is selected"
            )
            places.results.append(report("error" if config.strict else "warning", what, tags={"error": "UnusedTarget"}))
            if not selected:
                break


def _take(places: Places, taken: set[int], item: Item, scalar: Scalar, marker: Marker, found_by: FoundBy) -> None:
    if scalar.start in taken:
        return
    taken.add(scalar.start)
    places.fields.append(MarkedField(marker, scalar, place_of(item, scalar.path), found_by))


def _add_markers(places: Places, taken: set[int], listing: ResourceList) -> None:
    for comment in listing.comments:
        scalar = comment.scalar
        path = scalar.path if scalar else ()
        inside = len(path) > 2 and path[0] == "items" and isinstance(path[1], int)
        item = listing.items[path[1]] if inside and isinstance(path[1], int) else None
        place = place_of(item, path[2:]) if item else Place(file="stdin", line=comment.line, column=comment.column)
        try:
            marker = parse_marker(comment.text)
        except ImagesetterError as error:
            if scalar:
                places.results.append(failure(error, place, severity="warning"))
            continue
        if marker is None:
            continue
        if scalar is None:
            warning = misplaced(comment, place)
            places.results += [warning] if warning else []
        elif item and scalar.start not in taken:
            taken.add(scalar.start)
            places.fields.append(MarkedField(marker, scalar, place, "marker"))


def _add_images(places: Places, taken: set[int], items: Iterable[Item], catalog: Catalog) -> None:
    owners = image_owners(catalog)
    ambiguous: set[str] = set()
    for item in items:
        if item.is_local_config:
            continue
        for scalar in item.scalars():
            if scalar.start in taken or not _is_container_image(scalar.path):
                continue
            reference = _reference(scalar.value)
            context = str(reference.context) if reference else ""
            policies = owners.get(context, [])
            if len(policies) == 1:
                _take(places, taken, item, scalar, Marker(policies[0].namespace, policies[0].name, ""), "image")
            elif policies and context not in ambiguous:
                ambiguous.add(context)
                error = ResolveError(
                    f"{' and '.join(map(str, policies))} both follow {context}, so its image cannot be bound",
                    hint="name the field in spec.targets, which wins over bindByImage",
                )
                places.results.append(failure(error, place_of(item, scalar.path)))


def image_owners(catalog: Catalog) -> dict[str, list[PolicyName]]:
    """The policies of each repository, by its canonical name; policies that cannot be read are left out."""
    owners: dict[str, list[PolicyName]] = {}
    for name in catalog.policy_names:
        try:
            image = parse_flux_image(catalog.image(name)).canonical
        except ImagesetterError:
            continue
        owners.setdefault(image, []).append(name)
    return owners


def _is_container_image(path: FieldPath) -> bool:
    return len(path) >= 3 and path[-1] == "image" and path[-3] in _CONTAINERS


def _reference(text: str) -> Reference | None:
    try:
        return parse(text)
    except ImagesetterError:
        return None
