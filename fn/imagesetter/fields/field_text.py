"""What of a field's text a marker speaks for: an image, its tag, its name or its digest; all other text is kept.

Most fields hold exactly that, and the whole text is replaced, as in Flux. Departures from Flux
(image-automation-controller ``internal/update/setters.go``), which always replaces the whole text:

- Where more text is around the image or the tag (``IMG=repo:tag``, ``oci://repo``, a URL, a comma list,
  ``${VAR}``, ``{{ }}``), only the part that the policy speaks for changes; where no part or more than one can be meant,
  that is an error.
- A marker whose part does not fit the field (a whole image in ``newTag``, a tag in ``image``) is an error that names
  the right one.
- A digest behind a tag or a name is a part of it, so that a pinned field stays pinned.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from imagesetter.errors import FieldError
from imagesetter.flux.latest_ref import LatestRef, Part
from imagesetter.flux.markers import KEY, Marker
from krm_functions.errors import ReportedError
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan_result import NULLS

ReadsTag = Callable[[str], bool]
"""Whether a word can be a tag of the policy."""

_DIGEST = r"sha(?:256|384|512):[0-9A-Fa-f]+"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]*(?::[0-9]+(?=/))?(?:/[A-Za-z0-9._-]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_IMAGE = re.compile(rf"(?P<name>{_NAME})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?", re.ASCII)
_TAGGED = rf"(?P<tag>{_TAG})(?:@(?P<digest>{_DIGEST}))?"
_BARE_DIGEST = rf"{_DIGEST}|[0-9a-f]{{64}}"
_ANY_DIGEST = re.compile(rf"(?:^|@){_DIGEST}", re.ASCII)
_VERSION = r"v?[0-9]+(?:\.[0-9]+){1,3}(?:[-+][A-Za-z0-9.+-]*)?"
# Helm, Go templates, Flux's and the shell's variables, make's and kustomize's; an unfinished one reaches to the end.
_VARIABLE = r"(?s)\{\{.*?(?:\}\}|\Z)|\$\{.*?(?:\}|\Z)|\$\(.*?(?:\)|\Z)|\$[A-Za-z_][A-Za-z0-9_]*"
_SEPARATORS = r"(?i)[\s=,;'\"?&|<>()\[\]{}#]+|[a-z][a-z0-9+.-]*(?:::[a-z]+)?://"
_STRUCTURE = r"""[=,;?&"'#]|://"""
# A word that could be a tag, not the middle of another word, and not the name in NAME=VALUE.
_WORD = rf"(?<![A-Za-z0-9._@-]){_TAG}(?![A-Za-z0-9._-])(?!=)(?:@{_DIGEST})?"
_WHAT: Final[dict[Part, str]] = {"": "an image", "tag": "a tag", "name": "a repository", "digest": "a digest"}
_WRITES: Final[dict[Part, str]] = {"": "a whole image", "tag": "a tag", "name": "a repository", "digest": "a digest"}


class FieldText(NamedTuple):
    """A field's text in pieces: what is kept in front, the image's name, tag and digest as written, what follows."""

    name: str = ""
    tag: str = ""
    digest: str = ""
    before: str = ""
    after: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether the part that the marker speaks for has a digest."""
        return bool(self.digest)

    def with_part(self, part: Part, ref: LatestRef, digest: str) -> str:
        """The text with the part taken from a ref; a digest is written behind an image, and behind what had one."""
        match part:
            case "digest":
                new = digest if not self.digest or ":" in self.digest else digest.rpartition(":")[2]
            case "":
                new = str(LatestRef(ref.name, ref.tag, digest))
            case _:
                new = f"{ref.part(part)}@{digest}" if self.digest and digest else ref.part(part)
        return f"{self.before}{new}{self.after}" if new else ""


def has_digest(text: str) -> bool:
    """Whether a text is a digest, or ends an image or a tag with one (``name:tag@sha256:…``, ``tag@sha256:…``)."""
    return _ANY_DIGEST.search(text) is not None


def is_digest(text: str) -> bool:
    """Whether a text is a digest and nothing else; of SHA-256 the bare number will do, as some Helm charts want it."""
    return re.fullmatch(_BARE_DIGEST, text) is not None


def read_field(marker: Marker, path: FieldPath, value: str, repository: str, reads_tag: ReadsTag) -> FieldText:
    """The pieces of a field's text.

    Args:
        marker: its part says what the policy speaks for.
        path: the field's path; its last key says what the field is for.
        value: the text.
        repository: the policy's, as it is written.
        reads_tag: finds the tag among other text.

    Raises:
        FieldError: the marker's part does not fit the field, or it is not clear which part of the text is meant.
    """
    key = next((step for step in path[-1:] if isinstance(step, str)), "")
    if key == "tagSuffix":
        raise FieldError(
            f"{marker} writes {_WRITES[marker.part]}, and tagSuffix holds what stands behind the tag",
            hint=f'mark newTag instead, with {{"{KEY}": "{marker.policy}:tag"}}',
        )
    if marker.part in ("", "name") and _is_registry(key, value, repository):
        raise FieldError(
            f"{marker} writes {_WRITES[marker.part]}, and {key} holds a registry",
            hint="take the marker away, and mark the repository beside it",
        )
    if (right := fitting_part(marker.part, key, value)) != marker.part:
        better = marker._replace(part=right)
        raise FieldError(
            f"{marker} writes {_WRITES[marker.part]}, and {key or 'this field'} holds {_WHAT[right]}",
            hint=f'write {{"{KEY}": "{better}"}}',
        )
    if found := _whole(marker.part, value):
        return found
    parts = list(_parts(marker.part, value, repository, reads_tag))
    again = len(parts) == 1 and not _images_tag(parts[0], repository) and _stands_again(parts[0])
    if len(parts) == 1 and not again:
        return parts[0]
    if not parts and not _has_structure(value, blanks=_kind(key) != "", slashes=marker.part == "tag"):
        return FieldText(digest=_digest_in(value))  # a placeholder of some kind, and nothing to keep: as Flux does
    what = {"": f"an image of {repository}", "name": f"the name {repository}", "digest": "a digest"}
    wanted = what.get(marker.part, f"a tag of {marker.policy}")
    count = "more than one part of" if parts else "no part of"
    hint = "put what the policy selects into a field of its own, or take the marker away"
    if again:
        wanted = f"the tag {parts[0].tag}"
    elif marker.part == "" and not parts and len(list(_parts("tag", value, repository, reads_tag))) == 1:
        hint = f'if only its tag follows the policy, write {{"{KEY}": "{marker}:tag"}}; else {hint}'
    raise FieldError(
        f"{marker}: {count} {_short(value)} is {wanted}, so it is unclear what to replace",
        hint=hint,
    )


def _is_registry(key: str, value: str, repository: str) -> bool:
    """Whether a field holds a registry, as its name says: a host, or what the repository begins with."""
    host = value.strip().rstrip("/")
    return key.lower().endswith("registry") and bool(host) and ("/" not in host or repository.startswith(f"{host}/"))


@lru_cache(maxsize=4096)
def fitting_part(part: Part, key: str, value: str) -> Part:
    """The marker's part that fits a field, going by its key and by the text that it holds; *part*, if that fits.

    Args:
        part: of the marker that is there.
        key: the field's key; empty for an item of a list.
        value: the text.
    """
    kind: Part | None
    text, named = value.strip(), _kind(key)
    image, variable = _IMAGE.fullmatch(text), _has_variable(text)
    has_tag = bool(image and image["tag"])
    if named == "version":
        named = None if part == "" and image and (has_tag or "/" in text) else "tag"
    kind = _kind_of_text(part, text) if named is None else named
    if kind == part or kind is None or (variable and kind == "" and part in ("tag", "name")):
        return part
    match part, kind:
        case "", "name" if key.lower() not in ("newname", "new_name") and image and (has_tag or image["digest"]):
            return part  # a repository that is written with its tag
        case "name", "" if not has_tag:
            return part  # the image of a chart that has the tag in another field
    return kind


def _kind(key: str) -> Part | Literal["version"] | None:
    """What a field of this name is for; ``version`` where its text decides, None for any name."""
    word = key.lower().replace("_", "").replace("-", "")
    for ending, kind in _KINDS.items():
        if word.endswith(ending):
            return kind
    return None


_KINDS: Final[dict[str, Part | Literal["version"]]] = {
    "tag": "tag",
    "version": "version",
    "digest": "digest",
    "newname": "name",
    "repository": "name",
    "image": "",
}


def _kind_of_text(part: Part, text: str) -> Part | None:
    """What a text is, where its key does not say it; None where it may well be what the marker writes."""
    image, tagged = _IMAGE.fullmatch(text), re.fullmatch(_TAGGED, text)
    if is_digest(text) and ":" in text:
        return "digest"
    if tagged and re.fullmatch(_VERSION, tagged["tag"]):
        return "tag"
    if image and image["tag"]:
        return ""
    if part == "digest" and image and "/" in text:
        return "" if image["digest"] else "name"
    return None


def _whole(part: Part, value: str) -> FieldText | None:
    """The pieces of a text that is to be replaced as a whole; None where other text is in it."""
    text = value.strip()
    image = _IMAGE.fullmatch(text)
    if text in NULLS:
        return FieldText()
    match part:
        case "tag":
            tagged = re.fullmatch(_TAGGED, text)
            if is_digest(text) and ":" in text:
                return FieldText(digest=text)
            if tagged:
                return FieldText(tag=tagged["tag"], digest=tagged["digest"] or "")
            if image and image["tag"]:
                return FieldText(image["name"], image["tag"], image["digest"] or "")
            return None
        case "digest":
            if is_digest(text):
                return FieldText(digest=text)
            return FieldText() if re.fullmatch(_TAGGED, text) or re.fullmatch(r"sha[0-9]+:[0-9A-Za-z]*", text) else None
        case _:
            return FieldText(image["name"], image["tag"] or "", image["digest"] or "") if image else None


def _parts(part: Part, value: str, repository: str, reads_tag: ReadsTag) -> Iterator[FieldText]:
    """Each part of a text that the marker can mean."""
    images = list(_images(value, repository))
    if part in ("", "name"):
        yield from images if part == "" else (_name_only(found) for found in images)
    elif part == "digest":
        for found in re.finditer(_DIGEST, value):
            yield FieldText(digest=found[0], before=value[: found.start()], after=value[found.end() :])
    elif tagged := [found for found in images if found.tag]:
        for each in tagged:
            yield FieldText("", each.tag, each.digest, f"{each.before}{each.name}:", each.after)
    else:
        for start, end, text in _plain(value):
            for word in re.finditer(_WORD, text):
                found_tag, _, digest = word[0].partition("@")
                at = (start + word.start(), start + word.end())
                touches = (word.start() == 0 and start > 0) or (word.end() == len(text) and end < len(value))
                if not touches and reads_tag(found_tag):
                    yield FieldText("", found_tag, digest, value[: at[0]], value[at[1] :])


def _images_tag(found: FieldText, repository: str) -> bool:
    """Whether a tag is that of the repository's image in the text, so that it is clear whatever else is there."""
    name = re.search(rf"(?P<name>{_NAME}):\Z", found.before, re.ASCII)
    return bool(found.name or not found.tag or (name and same_repository(name["name"], repository)))


def _stands_again(found: FieldText) -> bool:
    """Whether a tag is somewhere else in the text, too, perhaps in a word (``v1.0.0/web_1.0.0.tgz``)."""
    tag = re.escape(found.tag.removeprefix("v"))
    other = re.compile(rf"(?<![0-9])(?<![0-9]\.){tag}(?!\.?[0-9])")
    return bool(other.search(found.before) or other.search(found.after))


def _name_only(found: FieldText) -> FieldText:
    """An image of which only the name is replaced: its tag is kept, its digest is the name's if there is no tag."""
    if not found.tag:
        return found
    digest = f"@{found.digest}" if found.digest else ""
    return FieldText(found.name, "", "", found.before, f":{found.tag}{digest}{found.after}")


def _images(value: str, repository: str) -> Iterator[FieldText]:
    """The images of a repository in a text."""
    for start, end, text in _plain(value):
        at = 0
        for separator in (*re.finditer(_SEPARATORS, text), None):
            stop = separator.start() if separator else len(text)
            touches = (at == 0 and start > 0) or (stop == len(text) and end < len(value))
            image = _IMAGE.fullmatch(text, at, stop)
            if image and not touches and same_repository(image["name"], repository):
                pieces = (image["name"], image["tag"] or "", image["digest"] or "")
                yield FieldText(*pieces, value[: start + at], value[start + stop :])
            at = separator.end() if separator else stop


def _plain(value: str) -> Iterator[tuple[int, int, str]]:
    """The stretches of a text between its variables: start, end and text of each."""
    at = 0
    for variable in (*re.finditer(_VARIABLE, value), None):
        stop = variable.start() if variable else len(value)
        if value[at:stop]:
            yield at, stop, value[at:stop]
        at = variable.end() if variable else stop


def _has_variable(text: str) -> bool:
    """Whether a variable stands in a text; few texts have what begins one."""
    return ("$" in text or "{{" in text) and re.search(_VARIABLE, text) is not None


def _has_structure(value: str, *, blanks: bool, slashes: bool) -> bool:
    """Whether a text has parts, of which one may be meant and the others are to be kept."""
    text = value.strip()
    return bool(
        re.search(_STRUCTURE, text)
        or _has_variable(text)
        or (blanks and re.search(r"\s", text))
        or (slashes and "/" in text)
    )


def looks_like_a_version(word: str) -> bool:
    """Whether a word is a version with at least one dot."""
    return re.fullmatch(_VERSION, word) is not None


def _digest_in(value: str) -> str:
    found = _ANY_DIGEST.search(value)
    return found[0].removeprefix("@") if found else ""


def _short(value: str) -> str:
    return repr(value if len(value) <= 120 else f"{value[:119]}…")


@lru_cache(maxsize=1024)
def same_repository(one: str, other: str) -> bool:
    """Whether two names are of one repository, however they are written."""
    if one == other:
        return True
    from imagesetter.registry.reference import parse_flux_image

    try:
        return parse_flux_image(one).canonical == parse_flux_image(other).canonical
    except ReportedError:
        return False
