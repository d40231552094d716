"""What the ``images:`` of layers make of a value, in every way in which it may come into the build.

A marker speaks for the value in its file. The ``images:`` of its own kustomization and of those above it work on that
value: they give it another name, such as a mirror, or another tag, and then the entry decides and not the marker.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from imagesetter.fields.field import ImagesEntry, Location
from imagesetter.fields.kustomization import SourceFile, Sources
from imagesetter.flux.markers import PolicyName
from krm_functions.errors import ReportedError
from krm_functions.yaml.load import load


class ImagesMark(NamedTuple):
    """Markers on one entry of a kustomization's ``images:``: the image, and the parts that follow the policy."""

    file: SourceFile
    line: int
    number: int
    policy: PolicyName
    parts: frozenset[str]

    @property
    def location(self) -> Location:
        """Where the first of the markers is."""
        return Location(file=self.file.shown, line=self.line)


class Layer(NamedTuple):
    """The ``images:`` of one kustomization."""

    kustomization: Path
    shown: str
    entries: tuple[tuple[ImagesEntry, ImagesMark | None], ...]


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers that work on what some files hold, the innermost first."""

    each: tuple[Layer, ...]
    sources: Sources
    files: frozenset[Path]

    def lead_past(self, skipped: frozenset[Path]) -> bool:
        """Whether a way into the build leads past all of some kustomizations."""
        return not skipped or not self.sources.beyond(*skipped).isdisjoint(self.files)


class Way(NamedTuple):
    """One way of a value through the layers: what it is in the end, and what the last entries that it met have set.

    ``mark`` is there where the last entry that sets a tag or has markers has some; ``set_by`` is the kustomization of
    the last entry that sets a tag; ``renames`` are the entries behind it that give another name.
    """

    text: str
    mark: ImagesMark | None = None
    set_by: str = ""
    renames: tuple[ImagesEntry, ...] = ()
    mixed: bool = False
    """Whether entries with markers for the name alone leave the tag to what was there before."""
    hidden: ImagesMark | None = None
    """The last markers whose entry another one has overridden."""

    def through(self, shown: str, entry: ImagesEntry, mark: ImagesMark | None) -> "Way":
        """The way behind one more entry."""
        text = entry.apply(self.text)
        if entry.sets_tag:
            return Way(text, mark, shown, hidden=self.mark or self.hidden)
        renames = (*self.renames, ImagesEntry(entry.name, entry.new_name)) if entry.new_name else self.renames
        return self._replace(text=text, renames=renames, mark=mark or self.mark, mixed=self.mixed or mark is not None)


class Images(NamedTuple):
    """The ``images:`` of all kustomizations, with the markers in them."""

    sources: Sources
    marks: dict[tuple[Path, int], ImagesMark]

    def layers(self, own: Sequence[Path], file: Path | None = None) -> Layers:
        """The layers that work on what a file holds, or on what the kustomizations *own* set."""
        order = list(self.sources.contents)
        first = min((order.index(path) for path in own if path in order), default=0)
        marked = [file] if file else [*own]
        return Layers(tuple(self._layers([*own, *marked], order[first:])), self.sources, frozenset(marked))

    def _layers(self, marked: Sequence[Path], paths: Iterable[Path]) -> Iterator[Layer]:
        for path in paths:
            entries = self.sources.images.get(path)
            if not entries:
                continue
            if path in marked or not self.sources.ways(path)[0].isdisjoint(marked):
                made = tuple((entry, self.marks.get((path, number))) for number, entry in enumerate(entries))
                yield Layer(path, self.sources.shown(path), made)


def ways(text: str, layers: Layers | None) -> list[Way]:
    """Every way of a value through layers, each outcome once."""
    found: dict[tuple[Way, frozenset[Path]], None] = {(Way(text), frozenset()): None}
    for layer in layers.each if layers else ():
        after: dict[tuple[Way, frozenset[Path]], None] = {}
        for way, skipped in found:
            applied = way
            for entry, mark in layer.entries:
                if entry.matches(applied.text):
                    applied = applied.through(layer.shown, entry, mark)
            after[applied, skipped] = None
            if applied != way and layers and layers.lead_past(skipped | {layer.kustomization}):
                after[way, skipped | {layer.kustomization}] = None
        found = after
    return list(dict.fromkeys(way for way, _ in found))


def touching(values: Iterable[str], layers: Layers) -> Iterator[str]:
    """The kustomizations whose ``images:`` are about some values, on any of their ways, the innermost first."""
    texts = set(values)
    for layer in layers.each:
        for entry, _ in layer.entries:
            texts |= {entry.apply(each) for each in texts}
        if any(entry.matches(each) for each in texts for entry, _ in layer.entries):
            yield layer.shown


def is_same(value: str, style: str, found: str, found_style: str) -> bool:
    """Whether two scalars mean the same; a JSON patch on a resource has kustomize write its numbers and dates anew."""
    if value == found or (not style and found == f"{value}T00:00:00Z"):
        return True
    try:
        return not style and not found_style and _number(value) == _number(found)
    except (ReportedError, ValueError):
        return False


def _number(text: str) -> int | float:
    value = load(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(text)
    return value
