"""The fields of a build that are marked in its source files, as long as they hold what is there.

For each field everything is collected that may have set it: values in resource files, patches and labels, with a marker
or without, what replacements copy, and the ``images:`` of every layer. The last one decides, as in a build of updated
files. Where that is one without a marker, or where it is unclear which it is, the field is left alone, and that is
reported with the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from imagesetter.config.options import FunctionOptions
from imagesetter.errors import ResolveError
from imagesetter.fields.field import Location, MarkedField, split_image
from imagesetter.fields.kustomize_layers import Images, Way, is_same, ways
from imagesetter.fields.kustomize_marks import SourceMark, by_name, made_from
from imagesetter.fields.kustomize_origins import OriginalId, find_origins, original_id
from imagesetter.fields.kustomize_setters import (
    Setter,
    is_layered,
    is_there,
    marker_of,
    names_value,
    opaque_configurations,
    setters_of,
    text_at,
)
from imagesetter.fields.kustomize_sources import SourceMarks, ambiguous
from imagesetter.fields.list_fields import ListFields, location_of
from imagesetter.fields.report import failure, report
from imagesetter.files.read import read_inside
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker
from krm_functions.errors import ReportedError
from krm_functions.item import Item
from krm_functions.result import Result, Severity
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.field_path import FieldPath, find, matches
from krm_functions.yaml.scan_result import Scalar

_HINT = "name the field in spec.targets by its current name, which wins over the source scan"


class _Fields:
    """The search for the marked fields of one list."""

    def __init__(
        self,
        list_fields: ListFields,
        items: Sequence[Item],
        sources: SourceMarks,
        catalog: Catalog,
        strict: bool,
    ) -> None:
        self.list_fields = list_fields
        self.items = items
        self.sources = sources
        self.strict = strict
        self.images: Images = sources.layered
        self.unclear = _unclear(list_fields, items, sources)
        self.used: set[int] = set()
        self.left: dict[int, MarkedField] = {}
        self.opaque = opaque_configurations(sources)
        self.catalog = catalog
        self.has_images = any(sources.sources.images.values())

    def add(self, item: Item) -> None:
        """Add the fields of one item."""
        mine = [
            (number, mark)
            for number, mark in enumerate(self.sources.marks)
            if made_from(mark, item) and self._reaches(mark, item)
        ]
        self.used |= {number for number, mark in mine if mark.original in self.unclear}
        wanted = [(number, mark) for number, mark in mine if mark.original not in self.unclear]
        images = bool(self.sources.images) and not item.is_local_config
        if not images and not any(mark.marker for _, mark in wanted):
            return
        scalars = item.scalars()
        values = {scalar.path: scalar.value for scalar in scalars}
        for scalar in scalars:
            here = [(number, mark) for number, mark in wanted if matches(scalar.path, mark.pattern, values)]
            is_marked = any(mark.marker for _, mark in here)
            if is_marked or (images and is_layered(scalar.path)):
                self._add_field(item, scalar, values, here, is_marked)

    def _add_field(
        self,
        item: Item,
        scalar: Scalar,
        values: Mapping[FieldPath, str],
        here: Sequence[tuple[int, SourceMark]],
        is_marked: bool,
    ) -> None:
        setters, overridden = self._setters(item, scalar, values, here)
        follow = [setter for setter in setters if setter.outcome]
        if not follow:
            overridden += self._hidden(item, scalar, values)
        if not follow and not overridden:
            return
        outcomes = {setter.outcome for setter in setters}
        self.list_fields.named |= {marker_of(each)[0].policy for each in [*follow, *overridden]}
        renamed = next((setter for setter in setters if setter.renamed), None)
        if renamed:
            self._leave(item, scalar, renamed, self._other_name(item, scalar, renamed), setters)
        elif len(outcomes) == 1 and follow:
            self._take(item, scalar, follow[0])
        elif follow:
            self._leave(item, scalar, follow[0], self._doubt(item, scalar, setters, follow[0]), follow[1:])
        elif overridden:
            self._leave(item, scalar, overridden[0], self._other_value(item, scalar, setters, overridden[0]))

    def _setters(
        self, item: Item, scalar: Scalar, values: Mapping[FieldPath, str], here: Sequence[tuple[int, SourceMark]]
    ) -> tuple[list[Setter], list[Setter]]:
        """What may have set a field last, and the setters with a marker that have no say."""
        found: list[Setter] = []
        overridden: list[Setter] = []
        is_settled = False
        for number, mark in reversed(here):
            setters = setters_of(mark, scalar, self._image(mark, scalar))
            there = [setter for setter in setters if is_there(setter, mark, scalar)]
            if mark.counts and not there and mark.marker:
                continue
            self.used.add(number)
            if mark.marker:
                self.list_fields.named.add(mark.marker.policy)
            if not is_settled:
                found += there
            if mark.marker:
                overridden += [setter for setter in setters if setter not in found or not setter.follows][:1]
            is_settled = is_settled or self._is_certain(mark, item)
        if not is_settled:
            found += self._of_origins(item, scalar, values)
        found += [
            Setter(shown, scalar.value, None, Way(scalar.value), known=False)
            for shown, text in self.opaque
            if any(setter.outcome for setter in found) and names_value(text, scalar.value)
        ]
        return found, overridden

    def _hidden(self, item: Item, scalar: Scalar, values: Mapping[FieldPath, str]) -> Iterator[Setter]:
        """The markers on ``images:`` that would decide over an image if no layer above them had set another one."""
        if not self.sources.images or not is_layered(scalar.path):
            return
        for setter in self._of_origins(item, scalar, values, whatever=True):
            hidden = setter.way.mark or setter.way.hidden
            if hidden:
                entry = self.sources.sources.images[hidden.file.path][hidden.number]
                marker = Marker(hidden.policy)
                value = f"{entry.new_name or entry.name}:{entry.new_tag}"
                yield Setter(f"{hidden.file.shown}:{hidden.line}", value, marker, setter.way)

    def _image(self, mark: SourceMark, scalar: Scalar) -> str:
        """The name of the image that an update of the sources writes, where ``images:`` look at names; else empty."""
        if not (self.has_images and mark.marker and mark.value and is_layered(scalar.path)):
            return ""
        try:
            return self.catalog.image(mark.marker.policy)
        except ReportedError:
            return ""  # reported where the field follows

    def _other_name(self, item: Item, scalar: Scalar, setter: Setter) -> Result:
        marker, _ = marker_of(setter)
        message = (
            f"left alone: {marker.policy}, which the marker at {setter.shown} names, selects an image of another name "
            f"than {setter.value} has, and nobody can tell what images: of {' and '.join(setter.renamed)} "
            f"{'makes' if len(setter.renamed) == 1 else 'make'} of it; {_HINT}"
        )
        return self._held(item, scalar, message, "OtherName", str(marker.policy))

    def _reaches(self, mark: SourceMark, item: Item) -> bool:
        """Whether a patch may be about an item: its kustomization has a file that the item may come from."""
        if mark.kustomization is None:
            return True
        files = {origin.file.path for origin in self.sources.origins.of(item)}
        return not files or not self.sources.sources.ways(mark.kustomization)[0].isdisjoint(files)

    def _is_certain(self, mark: SourceMark, item: Item) -> bool:
        """Whether what a mark sets is not what was there before, whichever way the item has come."""
        if mark.maybe or (mark.counts and mark.kustomization):
            return False
        if mark.kustomization is None:
            return True
        files = {origin.file.path for origin in self.sources.origins.of(item)}
        return self.sources.sources.ways(mark.kustomization)[1].isdisjoint(files)

    def _of_origins(
        self, item: Item, scalar: Scalar, values: Mapping[FieldPath, str], *, whatever: bool = False
    ) -> Iterator[Setter]:
        """What is in the resource files; of an item from elsewhere, what it has now.

        Args:
            item: the resource.
            scalar: the field.
            values: the texts of the resource by path.
            whatever: also what the build does not show.
        """
        pattern = by_name(scalar.path, values)
        origins = self.sources.origins.of(item)
        for origin in origins:
            own = [path for path, listed in self.sources.sources.contents.items() if origin.file.path in listed]
            for path in find(origin.resource, pattern):
                text = text_at(origin.resource, path)
                layers = self.images.layers(own, origin.file.path) if is_layered(scalar.path) else None
                for way in ways(text, layers):
                    if whatever or is_same(way.text, "", scalar.value, scalar.style):
                        yield Setter(origin.file.shown, text, None, way)
        if not origins and is_layered(scalar.path):
            yield from self._of_images(scalar)

    def _of_images(self, scalar: Scalar) -> Iterator[Setter]:
        """What the ``images:`` of any layer may have made of an image that is in no file."""
        name, tag, digest = split_image(scalar.value)
        for mark in self.sources.images:
            entry = self.sources.sources.images[mark.file.path][mark.number]
            for way in ways(f"{entry.name}:{tag or 'x'}", self.images.layers([mark.file.path])):
                if split_image(way.text) in ((name, tag, digest), (name, tag, "")):
                    yield Setter(mark.file.shown, way.text, None, way)

    def _take(self, item: Item, scalar: Scalar, setter: Setter) -> None:
        marker, parts = marker_of(setter)
        self.list_fields.take(item, scalar, marker, "source", parts, setter.way.renames)

    def _leave(self, item: Item, scalar: Scalar, setter: Setter, held: Result, others: Sequence[Setter] = ()) -> None:
        """Leave a field alone; *others* may decide over it as well, those without a marker left out."""
        more = tuple(_followed(item, scalar, each) for each in others if each.marker or each.way.mark)
        is_unsure = any(each.renamed and not each.is_settled for each in others)
        field = _followed(item, scalar, setter)._replace(held=held, others=more, is_unsure=is_unsure)
        self.left.setdefault(scalar.start, field)

    def _other_value(self, item: Item, scalar: Scalar, setters: Sequence[Setter], marked: Setter) -> Result:
        """A field whose value is not the one that is marked."""
        last = setters[0] if setters else None
        if last and last.way.set_by:
            origin = f", set by images: of {last.way.set_by}"
        else:
            files = [last.shown] if last else self._files_with(scalar.value)
            origin = f", a value that {' and '.join(files)} {'has' if len(files) == 1 else 'have'}" if files else ""
        name = marked.marker.policy if marked.marker else ""
        message = (
            f"left alone: the build has {scalar.value} here{origin}, while {marked.shown}, where a marker ties the "
            f"field to {name}, has {marked.value}; put the marker where the value is set, or name the field in "
            "spec.targets"
        )
        return self._held(item, scalar, message, "OtherValue", str(name))

    def _doubt(self, item: Item, scalar: Scalar, setters: Sequence[Setter], follow: Setter) -> Result:
        """A field of which nobody can tell what has set it."""
        marker, _ = marker_of(follow)
        places = list(dict.fromkeys(f"images: of {each.at}" if each.way.set_by else each.shown for each in setters))
        message = (
            f"left alone: {scalar.value} may come from {' or from '.join(places)}, and not all of them have the same "
            f"marker; {_HINT}"
        )
        between_layers = all(each.known for each in setters) and any(each.way.mark for each in setters)
        return self._held(item, scalar, message, "Ambiguous", str(marker.policy), refuse=between_layers)

    def _held(
        self, item: Item, scalar: Scalar, message: str, error: str, policy: str, *, refuse: bool = False
    ) -> Result:
        severity: Severity = "error" if self.strict or refuse else "warning"
        return report(severity, message, location_of(item, scalar.path), tags={"error": error, "policy": policy})

    def _files_with(self, value: str) -> list[str]:
        """The patches and kustomizations in which a value is: where it may come from."""
        found = []
        for file in self.sources.sources.files:
            if value and file.role != "resource":
                try:
                    data = read_inside(file.path, self.sources.sources.root)
                    if names_value(decode_text(data, name=file.shown).text, value):
                        found.append(file.shown)
                except (ReportedError, OSError):
                    continue
        return list(dict.fromkeys(found))

    def add_copies(self) -> None:
        """Leave alone the fields to which the value of a marked field was copied: they do not follow."""
        for copied in self.sources.copies:
            sources = [item for item in self.items if made_from(copied.source, item)]
            marked = list(dict.fromkeys(each for item in sources for each in self._marked_at(item, copied.source)))
            if not marked:
                continue
            for target in copied.targets:
                for item in self.items:
                    if made_from(target, item):
                        self._leave_copy(item, target, marked)

    def _marked_at(self, item: Item, source: SourceMark) -> Iterator[Marker]:
        scalars = item.scalars()
        values = {scalar.path: scalar.value for scalar in scalars}
        for scalar in scalars:
            if matches(scalar.path, source.pattern, values):
                here = [
                    mark
                    for mark in self.sources.marks
                    if mark.marker and made_from(mark, item) and matches(scalar.path, mark.pattern, values)
                ]
                yield from (mark.marker for mark in here if mark.marker)
                if is_layered(scalar.path):
                    policies = (mark.policy for mark in self.sources.images)
                    yield from (Marker(policy) for policy in policies)

    def _leave_copy(self, item: Item, target: SourceMark, markers: Sequence[Marker]) -> None:
        marker = markers[0]
        scalars = item.scalars()
        values = {scalar.path: scalar.value for scalar in scalars}
        for scalar in scalars:
            if scalar.start in self.list_fields.taken or not matches(scalar.path, target.pattern, values):
                continue
            message = (
                f"left alone: {target.shown} copies a field here that follows {marker.policy}, and what was copied is "
                "the value from before; use imagesetter build, or put the function into a layer below"
            )
            held = self._held(item, scalar, message, "Copied", str(marker.policy))
            location = location_of(item, scalar.path)
            others = tuple(MarkedField(each, scalar, location, "source") for each in markers)
            field = self.left.get(scalar.start) or others[0]._replace(held=held)
            self.left[scalar.start] = field._replace(others=(*field.others, *others))


def _followed(item: Item, scalar: Scalar, setter: Setter) -> MarkedField:
    marker, parts = marker_of(setter)
    return MarkedField(marker, scalar, location_of(item, scalar.path), "source", parts, setter.way.renames)


def add_sources(
    list_fields: ListFields,
    items: Sequence[Item],
    sources: SourceMarks,
    catalog: Catalog,
    config: FunctionOptions,
) -> list[MarkedField]:
    """Add the fields that are marked in source files.

    Args:
        list_fields: takes the fields and what is wrong with markers.
        items: the build.
        sources: the markers.
        catalog: the policies.
        config: if strict, a field that is left alone is an error, not a warning.

    Returns:
        the fields to leave alone, unless they are found in another way.
    """
    list_fields.results += sources.results
    fields = _Fields(list_fields, items, sources, catalog, config.strict)
    for item in items:
        fields.add(item)
    fields.add_copies()
    for number, mark in enumerate(sources.marks):
        if mark.marker and number not in fields.used:
            message = f"the field that this marker marks is not in the build; {mark.marker} is not applied here"
            list_fields.results.append(report("warning", message, mark.location, tags={"error": "UnusedMarker"}))
    if sources.sources.component and not config.bind_by_image:
        list_fields.results += _from_hosts(list_fields, items, sources, strict=config.strict)
    return list(fields.left.values())


def _from_hosts(
    list_fields: ListFields, items: Sequence[Item], sources: SourceMarks, *, strict: bool
) -> Iterator[Result]:
    """A warning when a function that a component declares finds nothing in the resources of the component's host."""
    origins = find_origins(sources.sources.files, sources.sources.root)
    hosted = [item for item in items if not item.is_local_config and not origins.of(item)]
    if hosted and not any(scalar.start in list_fields.taken for item in hosted for scalar in item.scalars()):
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
        if any(original_id(item.api_version, item.identities[0]) == original for item in items):
            unclear.add(original)
            error = ResolveError(
                f"{original[1]} {original[2]} stands in {' and in '.join(files)}, "
                "with different markers, so it is unclear which of them an item came from",
                hint="name the fields in spec.targets by their current names, which wins over the source scan",
            )
            list_fields.results.append(failure(error, location))
    return unclear
