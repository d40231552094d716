"""Where the fields of a ResourceList that follow a policy are.

Explicit beats implicit: a field that a target names is not looked at again, then the resource's own annotation counts,
then a marker, in the list or (under kustomize, which strips comments) in the source files, and last, when asked for, a
container image whose repository is a policy's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from imagesetter.config.options import FunctionOptions, Target
from imagesetter.errors import ResolveError
from imagesetter.fields.digests import digests_beside, has_digest_key, has_registry_key, registries_beside
from imagesetter.fields.field import Location, MarkedField
from imagesetter.fields.list_fields import ListFields, location_of
from imagesetter.fields.report import failure, marker_problem, report
from imagesetter.fields.unfollowed import APART, NESTED, holds_marker
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import PARTS
from imagesetter.flux.markers import Marker, PolicyName, parse_comments
from krm_functions.errors import ReportedError, UsageError
from krm_functions.item import Item
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result, Severity
from krm_functions.yaml.field_path import FieldPath, FieldPattern, Index, Key, find_scalars, format_path, parse_path
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import NEEDLE
from krm_functions.yaml.scan_result import Scalar

if TYPE_CHECKING:
    from imagesetter.fields.kustomization import Sources
    from imagesetter.fields.kustomize_sources import SourceMarks
    from imagesetter.registry.reference import Reference
    from krm_functions.yaml.scan_result import Comment

FIELDS_ANNOTATION = "imagesetter.dev/fields"
_ANNOTATION_HINT = "write lines such as spec.template.spec.containers[name=web].image: flux-system:web"
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def find_fields(
    listing: ResourceList, config: FunctionOptions, catalog: Catalog, sources: SourceMarks | None = None
) -> ListFields:
    """Every field of the list that follows a policy; of several ways to find a field the first one counts.

    Args:
        listing: the resources.
        config: targets, and whether images are bound.
        catalog: the policies.
        sources: the markers in the source files, where there are any to scan.

    Raises:
        UsageError: a target that cannot be read.
    """
    list_fields = ListFields()
    for number, target in enumerate(config.targets):
        _add_target(list_fields, listing.items, number, target, config)
    for item in listing.items:
        if FIELDS_ANNOTATION in item.annotations:
            _add_annotated(list_fields, item, config)
    _add_markers(list_fields, listing)
    if config.nested:
        _add_nested(list_fields, listing)
    elif not listing.by_kustomize:  # there the sources are read, and say so
        _report_nested(list_fields, listing)
    left: Sequence[MarkedField] = ()
    if sources:
        from imagesetter.fields.kustomize_fields import add_sources

        left = add_sources(list_fields, listing.items, sources, catalog, config)
    if config.bind_by_image:
        _add_images(list_fields, listing.items, catalog, sources)
    list_fields.fields += [marked for marked in left if marked.scalar.start not in list_fields.taken]
    if list_fields.fields and has_registry_key(listing.text):
        list_fields.fields = registries_beside(list_fields.fields, list_fields.scalars_beside)
    if list_fields.fields and has_digest_key(listing.text):
        list_fields.fields += _digests_beside(list_fields)
    list_fields.fields.sort(key=lambda marked: marked.scalar.start)
    return list_fields


def _digests_beside(list_fields: ListFields) -> list[MarkedField]:
    """The digests beside tags that follow a policy, in no field that follows one itself."""
    items = list_fields.items
    return digests_beside(
        (marked for marked in list_fields.fields if marked.scalar.start in items and not marked.nested),
        list_fields.scalars_beside,
        lambda marked, scalar: location_of(items[marked.scalar.start], scalar.path),
    )


def target_marker(text: str, namespace: str, where: str) -> Marker:
    """A target's ``policy``: ``[NS:]NAME[:tag|:name|:digest]``.

    Raises:
        UsageError: anything else.
    """
    parts = text.split(":")
    part = parts.pop() if len(parts) > 1 and parts[-1] in PARTS else ""
    if len(parts) == 1:
        parts.insert(0, namespace)
    if len(parts) != 2 or not all(parts):
        raise UsageError(
            f"{where}: {text!r} is not the name of a policy", hint="write [NAMESPACE:]NAME[:tag|:name|:digest]"
        )
    return Marker(PolicyName(parts[0], parts[1]), part)  # type: ignore[arg-type]


def _add_target(
    list_fields: ListFields,
    items: Sequence[Item],
    number: int,
    target: Target,
    config: FunctionOptions,
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
                list_fields.take(item, scalar, marker, "target")
    for index, count in found.items():
        if not count:
            what = (
                f"{where}.fieldPaths[{index}]: no selected resource has {target.field_paths[index]}"
                f"{_near(selected, patterns[index])}"
                if selected
                else f"{where}.select: no resource is selected"
            )
            list_fields.results.append(
                report("error" if config.strict else "warning", what, tags={"error": "UnusedTarget"})
            )
            if not selected:
                break


def _near(selected: Sequence[Item], pattern: FieldPattern) -> str:
    """A hint at a field whose path differs only in how it names the items of lists; empty where there is none."""
    keys = [step.name for step in pattern.steps if isinstance(step, Key) and not step.name.isdigit()]
    for item in selected:
        scalars = item.scalars()
        values = {scalar.path: scalar.value for scalar in scalars}
        for scalar in scalars:
            if [step for step in scalar.path if isinstance(step, str)] == keys:
                return f"; write {written_path(scalar.path, values)}"
    return ""


def written_path(path: FieldPath, values: Mapping[FieldPath, str]) -> str:
    """A path as a target is best written: with the ``name`` of a list's item in place of its position."""
    parts: list[str] = []
    for depth, step in enumerate(path):
        name = values.get((*path[: depth + 1], "name")) if isinstance(step, int) else None
        parts.append(f"[name={name}]" if name else format_path((step,)) if isinstance(step, int) else "")
        if isinstance(step, str):
            text = format_path((step,))
            parts[-1] = text if text.startswith("[") or depth == 0 else f".{text}"
    return "".join(parts)


def _add_annotated(list_fields: ListFields, item: Item, config: FunctionOptions) -> None:
    """The fields that a resource's own annotation names: a YAML map from field path to policy."""
    where = f"annotation {FIELDS_ANNOTATION}"
    try:
        wanted = load(item.annotations[FIELDS_ANNOTATION], name=where)
        if not isinstance(wanted, Mapping):
            raise UsageError(f"{where}: expected a map from field path to policy", hint=_ANNOTATION_HINT)
        scalars = item.scalars()
        for path, policy in wanted.items():
            pattern = parse_path(str(path))
            found = find_scalars(scalars, pattern)
            if any(isinstance(step, Index) for step in pattern.steps) or _by_position(pattern, found):
                raise UsageError(
                    f"{where}: {path} selects by position, which a patch can change", hint=_ANNOTATION_HINT
                )
            marker = target_marker(str(policy), config.namespace, where)
            for scalar in found:
                list_fields.take(item, scalar, marker, "annotation")
            if not found:
                severity: Severity = "error" if config.strict else "warning"
                message = f"{where}: the resource has no {path}"
                list_fields.results.append(report(severity, message, location_of(item), tags={"error": "UnusedTarget"}))
    except ReportedError as error:
        list_fields.results.append(failure(error, location_of(item)))


def _by_position(pattern: FieldPattern, found: Iterable[Scalar]) -> bool:
    """Whether a number in a path, as kustomize writes it, is the position of an item."""
    return any(
        isinstance(step, Key) and isinstance(part, int)
        for scalar in found
        for step, part in zip(pattern.steps, scalar.path, strict=True)
    )


def _add_markers(list_fields: ListFields, listing: ResourceList) -> None:
    for parsed in parse_comments(listing.comments):
        comment = parsed.comment
        scalar = comment.scalar
        path = scalar.path if scalar else ()
        inside = len(path) > 2 and path[0] == "items" and isinstance(path[1], int)
        item = listing.items[path[1]] if inside and isinstance(path[1], int) else None
        location = location_of(item, path[2:]) if item else _beside(listing, comment)
        if problem := marker_problem(parsed, location):
            list_fields.results.append(problem)
        elif parsed.marker and item and scalar and scalar.start not in list_fields.taken:
            list_fields.taken.add(scalar.start)
            list_fields.items[scalar.start] = item
            scalar = scalar._replace(path=path[2:])
            list_fields.fields.append(MarkedField(parsed.marker, scalar, location, "marker"))


def _add_nested(list_fields: ListFields, listing: ResourceList) -> None:
    """The marked fields in the text of values."""
    from imagesetter.fields.nested import nested_in

    for item in listing.items:
        for outer in item.scalars():
            for mark in nested_in(listing.text, outer) if outer.start not in list_fields.taken else ():
                list_fields.taken.add(mark.scalar.start)
                list_fields.items[mark.scalar.start] = item
                location = location_of(item, mark.scalar.path)
                list_fields.fields.append(MarkedField(mark.marker, mark.scalar, location, nested=mark))


def _report_nested(list_fields: ListFields, listing: ResourceList) -> None:
    """A warning for each value that has markers inside its text, which nothing follows."""
    if listing.text.count(NEEDLE) == sum(comment.text.count(NEEDLE) for comment in listing.comments):
        return  # as nearly always: each marker is in a comment
    for item in listing.items:
        for scalar in item.scalars() if NEEDLE in item.text else ():
            if holds_marker(scalar.value):
                message = f"{NESTED}; {APART}; or follow it with nested: true, which Flux does not have"
                location = location_of(item, scalar.path)
                list_fields.results.append(report("warning", message, location, tags={"error": "NestedMarker"}))


def _beside(listing: ResourceList, comment: Comment) -> Location:
    """The place of a comment that belongs to no field: its resource, and the field on its line or below it."""
    item = next((item for item in reversed(listing.items) if item.line <= comment.line), None)
    if item is None:
        return Location(file="stdin", line=comment.line, column=comment.column)
    path = next((scalar.path for scalar in item.scalars() if scalar.line >= comment.line), ())
    return location_of(item, path)


def _add_images(list_fields: ListFields, items: Iterable[Item], catalog: Catalog, sources: SourceMarks | None) -> None:
    owners = image_owners(catalog)
    ambiguous_images: set[str] = set()
    for item in items:
        if item.is_local_config:
            continue
        for scalar in item.scalars():
            if scalar.start in list_fields.taken or not is_image(scalar.path):
                continue
            reference = _reference(scalar.value)
            context = str(reference.context) if reference else ""
            policies = owners.get(context, [])
            if len(policies) == 1:
                marker = Marker(policies[0])
                list_fields.take(item, scalar, marker, "image")
            elif policies and context not in ambiguous_images:
                ambiguous_images.add(context)
                error = ResolveError(
                    f"{' and '.join(map(str, policies))} both follow {context}, so its image cannot be bound",
                    hint="name the field in spec.targets, which wins over bindByImage",
                )
                list_fields.results.append(failure(error, location_of(item, scalar.path)))
    if sources:
        list_fields.results += renamed_images(sources.sources, catalog)


def renamed_images(sources: Sources, catalog: Catalog) -> Iterator[Result]:
    """A warning for each entry of ``images:`` that hides the repository of a policy from ``bindByImage``."""
    owners = image_owners(catalog)
    for file, entries in sources.images.items():
        for entry in entries:
            reference = _reference(entry.name) if entry.new_name else None
            if reference and str(reference.context) in owners:
                message = (
                    f"images: {entry.name} is renamed to {entry.new_name} here, and the policy follows "
                    f"{reference.context}: bindByImage cannot see that they belong together; name the field in "
                    "spec.targets"
                )
                yield report("warning", message, Location(file=sources.shown(file)), tags={"error": "RenamedImage"})


def image_owners(catalog: Catalog) -> dict[str, list[PolicyName]]:
    """The policies of each repository, by its canonical name; policies that cannot be read are left out."""
    from imagesetter.registry.reference import parse_flux_image

    owners: dict[str, list[PolicyName]] = {}
    for name in catalog.policy_names:
        try:
            image = parse_flux_image(catalog.image(name)).canonical
        except ReportedError:
            continue
        owners.setdefault(image, []).append(name)
    return owners


def is_image(path: FieldPath) -> bool:
    """Whether a path is that of a container's image, or of an image volume's reference."""
    if path[-1:] == ("image",):
        return len(path) >= 3 and path[-3] in _CONTAINERS
    return path[-2:] == ("image", "reference") and "volumes" in path[-4:-2]


def _reference(text: str) -> Reference | None:
    from imagesetter.registry.reference import parse_reference

    try:
        return parse_reference(text)
    except ReportedError:
        return None
