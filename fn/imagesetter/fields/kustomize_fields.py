"""The fields of a build that are marked in its source files, as long as they hold what stands there.

A field with another value was set by a layer above the marker (a patch, a replacement, ``images:``) or by a function.
It is left alone with a warning: the policy of the marker knows nothing of that value, which may be another program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagesetter.config.options import FunctionOptions
from imagesetter.errors import ResolveError
from imagesetter.fields.field import Location, MarkedField, split_image
from imagesetter.fields.kustomize_layers import Rendered, files_with, rendered, rendered_text
from imagesetter.fields.kustomize_origins import OriginalId, find_origins
from imagesetter.fields.kustomize_sources import ImagesMark, SourceMark, SourceMarks, ambiguous, image_mark, made_from
from imagesetter.fields.report import failure, report
from imagesetter.fields.resource_list import ListFields, is_image, location_of, take
from imagesetter.flux.markers import Marker
from krm_functions.item import Item
from krm_functions.result import Result, Severity
from krm_functions.yaml.field_path import find_scalars
from krm_functions.yaml.scan_result import Scalar


def add_sources(
    list_fields: ListFields, taken: set[int], items: Sequence[Item], sources: SourceMarks, config: FunctionOptions
) -> list[MarkedField]:
    """Add the fields that are marked in source files.

    Args:
        list_fields: takes the fields and what is wrong with markers.
        taken: where the fields start that were found already.
        items: the build.
        sources: the markers.
        config: if strict, a field that is left alone is an error, not a warning.

    Returns:
        the fields to leave alone, unless they are found in another way.
    """
    list_fields.results += sources.results
    strict = config.strict
    unclear = _unclear(list_fields, items, sources)
    left: dict[int, MarkedField] = {}
    unused = dict(enumerate(sources.marks))
    for item in items:
        mine = [(number, mark) for number, mark in enumerate(sources.marks) if made_from(mark, item)]
        wanted = [(number, mark) for number, mark in mine if mark.original not in unclear]
        for number, mark in mine:
            if mark.original in unclear:
                unused.pop(number, None)
        scalars = item.scalars() if wanted or (sources.images and not item.is_local_config) else ()
        for number, mark in reversed(wanted):  # what comes last is of the outermost layer, and that has the last word
            for scalar in find_scalars(scalars, mark.pattern):
                came = rendered(mark.scalar, mark.layers, scalar)
                if mark.counts and not came.is_there:
                    continue
                unused.pop(number, None)
                list_fields.named.add(mark.marker.policy)
                if came.is_marked:
                    take(list_fields, taken, item, scalar, mark.marker, "source", images=came.entries)
                else:
                    told = _left_alone(sources, item, scalar, mark, mark.scalar.value, came, strict=strict)
                    location = location_of(item, scalar.path)
                    held = MarkedField(mark.marker, scalar, location, "source", images=came.entries, held=told)
                    left.setdefault(scalar.start, held)
        for scalar in scalars if sources.images else ():
            if not is_image(scalar.path) or scalar.start in taken:
                continue
            if other := _add_image(list_fields, taken, item, scalar, sources, strict=strict):
                left[scalar.start] = other
    for mark in unused.values():
        message = f"the field that this marker marks is not in the build; {mark.marker} is not applied here"
        list_fields.results.append(report("warning", message, mark.location, tags={"error": "UnusedMarker"}))
    if sources.sources.component and not config.bind_by_image:
        list_fields.results += _from_hosts(taken, items, sources, strict=strict)
    return list(left.values())


def _from_hosts(taken: set[int], items: Sequence[Item], sources: SourceMarks, *, strict: bool) -> Iterator[Result]:
    """A warning when a function that a component declares finds nothing in the resources of the component's host."""
    origins = find_origins(sources.sources.files, sources.sources.root)
    hosted = [item for item in items if not item.is_local_config and not origins.of(item)]
    if hosted and not any(scalar.start in taken for item in hosted for scalar in item.scalars()):
        message = (
            f"this function is declared in a component, so markers were looked for in its own files only, and not in "
            f"those of {hosted[0].kind} {hosted[0].name}; declare it in the kustomization that includes the component, "
            "or name the fields in spec.targets"
        )
        location = Location(file=sources.sources.component)
        yield report("error" if strict else "warning", message, location, tags={"error": "NotScanned"})


def _unclear(list_fields: ListFields, items: Sequence[Item], sources: SourceMarks) -> set[OriginalId]:
    """The ids for which nobody can tell which of several files an item came from; each is an error."""
    unclear: set[OriginalId] = set()
    for original, files, location in ambiguous(sources):
        if any(made_from(mark, item) for mark in sources.marks if mark.original == original for item in items):
            unclear.add(original)
            error = ResolveError(
                f"{original[1]} {original[2]} stands in {' and in '.join(files)}, "
                "with different markers, so it is unclear which of them an item came from",
                hint="name the fields in spec.targets by their current names, which wins over the source scan",
            )
            list_fields.results.append(failure(error, location))
    return unclear


def _add_image(
    list_fields: ListFields, taken: set[int], item: Item, scalar: Scalar, sources: SourceMarks, *, strict: bool
) -> MarkedField | None:
    """Add an image that an entry of an ``images:`` with markers made; or give it back, to be left alone."""
    try:
        mark = image_mark(sources, item, split_image(scalar.value)[0])
    except ResolveError as error:
        list_fields.results.append(failure(error, location_of(item, scalar.path)))
        return None
    if mark is None:
        return None
    list_fields.named.add(mark.policy)
    value = mark.wanted(scalar.value)
    came = rendered_text(value, mark.layers, scalar.value)
    marker = Marker(mark.policy.namespace, mark.policy.name, "")
    if came.is_marked:
        take(list_fields, taken, item, scalar, marker, "source", mark.parts, came.entries)
        return None
    told = _left_alone(sources, item, scalar, mark, value, came, strict=strict)
    return MarkedField(marker, scalar, location_of(item, scalar.path), "source", mark.parts, came.entries, told)


def _left_alone(
    sources: SourceMarks,
    item: Item,
    scalar: Scalar,
    mark: SourceMark | ImagesMark,
    value: str,
    came: Rendered,
    *,
    strict: bool,
) -> Result:
    """What is said about a field whose value is not the one that is marked."""
    if came.set_by:
        origin = f", set by images: of {came.set_by}"
    else:
        files = files_with(sources.sources, scalar.value, mark.file.path)
        origin = f", a value that {' and '.join(files)} {'has' if len(files) == 1 else 'have'}" if files else ""
    policy = mark.marker.policy if isinstance(mark, SourceMark) else mark.policy
    message = (
        f"left alone: the build has {scalar.value} here{origin}, while {mark.location.file}:{mark.line}, where a "
        f"marker ties the field to {policy}, has {value}; put the marker where the value is set, or name the field in "
        "spec.targets"
    )
    severity: Severity = "error" if strict else "warning"
    return report(
        severity, message, location_of(item, scalar.path), tags={"error": "OtherValue", "policy": str(policy)}
    )
