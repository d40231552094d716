"""Whether a field of the build still holds what its source file holds, and what the layers above made of it.

A marker speaks for the value in its file. A patch, a replacement or the ``images:`` of a layer above may put another
value into the build, and that layer has the last word, as in a build of updated files. The ``images:`` of the
kustomization that lists the file are of the marker's own layer: the policy decides over their tag, and the name that
they give stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imagesetter.fields.field import ImagesEntry
from imagesetter.fields.kustomization import Sources
from imagesetter.files.read import read_inside
from krm_functions.errors import ReportedError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load
from krm_functions.yaml.scan_result import Scalar


class Layer(NamedTuple):
    """The ``images:`` of one kustomization, as they work on a marked value.

    ``own`` layers list the file with the marker; ``always`` says that no way into the build leads past it.
    """

    shown: str
    entries: tuple[ImagesEntry, ...]
    own: bool
    always: bool


class Rendered(NamedTuple):
    """How a marked value comes into the build.

    ``entries`` name it anew; ``set_by`` is the file whose ``images:`` sets its tag, or empty; ``is_there`` says whether
    what comes of it is the value in the build.
    """

    entries: tuple[ImagesEntry, ...]
    set_by: str
    is_there: bool

    @property
    def is_marked(self) -> bool:
        """Whether the value in the build is the one that the marker speaks for."""
        return self.is_there and not self.set_by


_Steps = tuple[tuple[Layer, ImagesEntry], ...]


def layers_above(sources: Sources, file: Path) -> list[Layer]:
    """The kustomizations with ``images:`` that work on a resource or patch file, the innermost first."""
    own = sources.patches.get(file)
    if own:
        return list(_layers(sources, own, file, _from(sources, own)))
    own = [path for path, listed in sources.contents.items() if file in listed]
    return list(_layers(sources, own, file, sources.contents))


def layers_above_entry(sources: Sources, kustomization: Path, number: int) -> list[Layer]:
    """The same for what the entry of a number in a kustomization's ``images:`` gives."""
    rest = tuple(sources.images.get(kustomization, ())[number + 1 :])
    first = [Layer(sources.shown(kustomization), rest, own=False, always=True)] if rest else []
    above = _from(sources, [kustomization])[1:]
    return [*first, *_layers(sources, [kustomization], kustomization, above)]


def _from(sources: Sources, own: Sequence[Path]) -> list[Path]:
    """The kustomizations from some on: a component works before the patches and ``images:`` of its host."""
    order = list(sources.contents)
    return order[min((order.index(path) for path in own if path in order), default=0) :]


def _layers(sources: Sources, own: Sequence[Path], file: Path, paths: Iterable[Path]) -> Iterator[Layer]:
    marked = [file, *own]
    for path in paths:
        entries = sources.images.get(path)
        if not entries:
            continue
        reached, past = sources.ways(path)
        if path in own or not reached.isdisjoint(marked):
            yield Layer(sources.shown(path), tuple(entries), path in own, past.isdisjoint(marked))


def rendered(source: Scalar, layers: Iterable[Layer], found: Scalar) -> Rendered:
    """How the value of a source file comes into the build.

    Args:
        source: the marked scalar.
        layers: see `layers_above`.
        found: the scalar in the build.
    """
    return rendered_text(source.value, layers, source.value if _is_same(source, found) else found.value)


def rendered_text(text: str, layers: Iterable[Layer], found: str) -> Rendered:
    """The same for texts."""
    ways: dict[str, _Steps] = {text: ()}
    last: _Steps = ()
    for layer in layers:
        for before, way in list(ways.items()):
            after, steps = before, way
            for entry in layer.entries:
                if entry.matches(after):
                    after, steps = entry.apply(after), (*steps, (layer, entry))
            if after != before or layer.always:
                ways[after] = last = steps
    steps = ways.get(found, last)
    set_by = next((layer.shown for layer, entry in steps if entry.sets_tag and not layer.own), "")
    # The policy replaces a tag that images of the marker's own layer set.
    renames = (ImagesEntry(entry.name, entry.new_name) for _, entry in steps if entry.new_name)
    return Rendered(tuple(renames), set_by if found in ways else "", found in ways)


def _is_same(one: Scalar, other: Scalar) -> bool:
    """Whether two scalars mean the same; a JSON patch on a resource has kustomize write its numbers and dates anew."""
    if one.value == other.value or (not one.style and other.value == f"{one.value}T00:00:00Z"):
        return True
    try:
        return not one.style and not other.style and _number(one.value) == _number(other.value)
    except (ReportedError, ValueError):
        return False


def _number(text: str) -> int | float:
    value = load(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(text)
    return value


def files_with(sources: Sources, value: str, file: Path) -> list[str]:
    """The patches and kustomizations besides *file* in which a value stands: where it may come from."""
    word = re.compile(rf"(?<![\w.:/@-]){re.escape(value)}(?![\w.:/@-])")
    found = []
    for each in sources.files:
        if value and each.path != file and each.role != "resource":
            try:
                if word.search(decode_text(read_inside(each.path, sources.root), name=each.shown).text):
                    found.append(each.shown)
            except (ReportedError, OSError):
                continue
    return list(dict.fromkeys(found))
