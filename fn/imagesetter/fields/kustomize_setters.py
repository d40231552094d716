"""What may have set a field of the build last, and what it would make of the field."""

from typing import NamedTuple

from imagesetter.fields.field import join_image, split_image
from imagesetter.fields.kustomize_layers import ImagesMark, Way, is_same, touching, ways
from imagesetter.fields.kustomize_marks import SourceMark
from imagesetter.fields.kustomize_sources import SourceMarks
from imagesetter.files.read import read_inside
from imagesetter.flux.markers import Marker
from krm_functions.errors import ReportedError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan_result import Scalar


class Setter(NamedTuple):
    """Something that may have set a field last, and the way of its value through the layers."""

    shown: str
    """Where it is: file and line."""
    value: str
    marker: Marker | None
    way: Way
    known: bool = True
    """Whether it is known that the value in the build is what it sets."""
    renamed: tuple[str, ...] = ()
    """Where its policy selects an image of another name: the kustomizations whose ``images:`` are about either name."""
    is_settled: bool = False
    """Whether these make of the other name, with the tag of the build, what the build shows."""

    @property
    def follows(self) -> Marker | ImagesMark | None:
        """The marker that decides over the field, if one does."""
        if not self.known or self.renamed or self.way.mixed:
            return None
        return self.way.mark or (self.marker if not self.way.set_by else None)

    @property
    def outcome(self) -> tuple[object, ...]:
        """What it would make of the field; the same for setters between which nobody has to choose."""
        follows = self.follows
        if follows is None:
            return ()
        what = (follows.policy, follows.parts) if isinstance(follows, ImagesMark) else follows
        return what, self.way.renames

    @property
    def at(self) -> str:
        """The place that is named in messages."""
        return self.way.mark.file.shown if self.way.mark else self.way.set_by or self.shown


def setters_of(mark: SourceMark, scalar: Scalar, image: str) -> list[Setter]:
    """A mark as a setter, once for each way of its value.

    Args:
        mark: the value in the sources.
        scalar: the field.
        image: the name of the image that the mark's policy selects; empty where ``images:`` do not look at it.
    """
    if mark.value is None:
        return [Setter(mark.shown, scalar.value, None, Way(scalar.value), known=False)]
    text = scalar.value if is_same(mark.value, mark.style, scalar.value, scalar.style) else mark.value
    layers = mark.layers if is_layered(scalar.path) else None
    renamed: tuple[str, ...] = ()
    is_settled = False
    if image and layers and image != split_image(mark.value)[0]:
        after = join_image(image, *split_image(scalar.value)[1:])
        renamed = tuple(touching((text, after), layers))
        is_settled = all(way.text == scalar.value and not way.mark for way in ways(after, layers))
    return [Setter(mark.shown, mark.value, mark.marker, way, True, renamed, is_settled) for way in ways(text, layers)]


def is_layered(path: FieldPath) -> bool:
    """Whether ``images:`` work on a field: kustomize looks for ``containers`` and ``initContainers`` of any kind."""
    return path[-1:] == ("image",) and path[-3:-2] in (("containers",), ("initContainers",))


def is_there(setter: Setter, mark: SourceMark, scalar: Scalar) -> bool:
    """Whether the build shows what a setter sets."""
    return not setter.known or is_same(setter.way.text, mark.style, scalar.value, scalar.style)


def marker_of(setter: Setter) -> tuple[Marker, frozenset[str]]:
    """The marker of a field and its parts: of a container's image that an entry of ``images:`` has made, some."""
    follows = setter.follows or setter.marker or setter.way.mark
    if isinstance(follows, ImagesMark):
        return Marker(follows.policy), follows.parts
    assert follows is not None, "only what has a marker is followed or left alone"
    return follows, frozenset()


def text_at(data: object, path: FieldPath) -> str:
    """The text of a scalar in loaded data."""
    for step in path:
        data = data[step]  # type: ignore[index]
    return data if isinstance(data, str) else str(data)


def names_value(text: str, value: str) -> bool:
    """Whether a value, or the tag of an image, is in a text as a word of its own."""
    words = {value, split_image(value)[1]} - {""}
    ends = ("", *" \t\r\n\"'=,;()[]{}")
    for word in words:
        at = text.find(word)
        while at >= 0:
            before, after = text[at - 1 : at] if at else "", text[at + len(word) : at + len(word) + 1]
            if before in ends and after in ends:
                return True
            at = text.find(word, at + 1)
    return False


def opaque_configurations(sources: SourceMarks) -> list[tuple[str, str]]:
    """The configurations of plug-ins that may set any field: how the file is called, and its text."""
    found: list[tuple[str, str]] = []
    for other in sources.sources.others:
        if other.key in ("transformers", "validators"):
            try:
                text = decode_text(read_inside(other.path, sources.sources.root), name=other.shown).text
            except (ReportedError, OSError):
                continue
            if "kind: ImageSetter" not in text:
                found.append((other.shown, text))
    return found
