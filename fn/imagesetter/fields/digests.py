"""What is beside fields: digests, known already or to be asked for, and the registry of a name without one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from imagesetter.fields.field import Location, MarkedField, Siblings
from imagesetter.fields.field_text import has_digest, is_digest
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import Marker, PolicyName
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import KEEP_ALL, NOTHING, Scalar

_DIGEST_KEY = r"""(?:igest|sha|sha256)["']?[ \t]*:[ \t]*["']?(?:sha[0-9]+:)?[0-9a-fA-F]{32}"""
_NAMES = ("digest", "sha", "sha256")
# What may not be before the word is looked at behind it, so that the search is one for a word.
_REGISTRY_KEY = r"""registry(?<![\w-]registry)["']?[ \t]*:[ \t]*[^ \t\r\n#]"""


def has_digest_key(text: str) -> bool:
    """Whether there is a digest in a field of its own, such as ``digest: sha256:…`` beside ``tag:``.

    A text that has none is not looked at, so few are; to search for a word takes a fraction of the time of a pattern.
    """
    return ("igest" in text or "sha" in text) and re.search(_DIGEST_KEY, text) is not None


def has_registry_key(text: str) -> bool:
    """Whether there is a registry in a field of its own, such as ``registry: ghcr.io`` beside ``repository:``."""
    return re.search(_REGISTRY_KEY, text) is not None


class FieldDigests:
    """What the fields themselves say about digests: the state behind ``digestReflectionPolicy: IfNotPresent``.

    A digest is known for a name and tag when one field holds ``name:tag@digest`` (or ``tag@digest``), or when a
    ``:digest`` field of the policy is in the same mapping as its ``:tag`` field. Two fields that disagree make it
    unknown.
    """

    def __init__(self, fields: Iterable[MarkedField] = ()) -> None:
        self._known: dict[PolicyName, dict[str, set[str]]] = {}
        self._pinned: dict[PolicyName, set[tuple[str, bool]]] = {}
        parts: dict[Siblings, dict[str, str]] = {}
        for marked in fields:
            marker, value = marked.marker, marked.scalar.value
            if marker.part in ("", "tag") and has_digest(value):
                held, _, digest = value.partition("@")
                key = held if marker.part == "" else f":{held}"
                self._known.setdefault(marker.policy, {}).setdefault(key, set()).add(digest)
                whole = marker.part == "" and not marked.parts and marked.found_by != "image"
                self._pinned.setdefault(marker.policy, set()).add((held if digest else "", whole))
            elif marker.part == "name" and has_digest(value):
                self._pinned.setdefault(marker.policy, set()).add(("", False))
            if marker.part:
                parts.setdefault(marked.siblings, {})[marker.part] = value
        for (policy, *_), values in parts.items():
            digest = values.get("digest", "")
            if is_digest(digest):
                self._pinned.setdefault(policy, set()).add((values.get("tag", ""), False))
                if digest.startswith("sha") and "tag" in values:
                    key = f"{values.get('name', '')}:{values['tag']}"
                    self._known.setdefault(policy, {}).setdefault(key, set()).add(digest)

    def known(self, policy: PolicyName, ref: LatestRef) -> str:
        """The digest that a field holds already for this name and tag, or an empty text."""
        keys = (f"{ref.name}:{ref.tag}", f":{ref.tag}")
        known = self._known.get(policy, {})
        digests = set().union(*(known.get(key, set()) for key in keys))
        return next(iter(digests)) if len(digests) == 1 else ""

    def of(self, policy: PolicyName) -> object:
        """All that the fields say about the digests of a policy, to compare with another time."""
        return self._known.get(policy, {}), self._pinned.get(policy, set())

    def needed(self, policy: PolicyName, ref: LatestRef) -> bool:
        """Whether a field that is pinned by a digest is to get this ref, whose digest it does not hold."""
        for held, whole in self._pinned.get(policy, ()):
            wanted = f"{ref.name}:{ref.tag}" if whole else ref.tag
            if held != wanted and not held.endswith(wanted if whole else f":{wanted}"):
                return True
        return False


def scalars_beside(text: str, fields: Iterable[Scalar]) -> Mapping[int, Mapping[FieldPath, Scalar]]:
    """The digests and registries in the mappings of some scalars of a text, by document and path.

    Few texts have one; these are scanned once more.
    """
    if not (has_digest_key(text) or has_registry_key(text)):
        return NOTHING
    mappings = {(scalar.document, scalar.path[:-1]) for scalar in fields}
    found: dict[int, dict[FieldPath, Scalar]] = {}
    for node in scan(text, outline=KEEP_ALL).documents if mappings else ():
        for scalar in node.kept.values():
            wanted = scalar.path[-1:] == ("registry",) or is_digest(scalar.value)
            if wanted and (node.document, scalar.path[:-1]) in mappings:
                found.setdefault(node.document, {})[scalar.path] = scalar
    return found


def digests_beside(
    fields: Iterable[MarkedField],
    scalars_of: Callable[[MarkedField], Mapping[FieldPath, Scalar]],
    place: Callable[[MarkedField, Scalar], Location],
) -> list[MarkedField]:
    """The digests that are beside a tag or an image that follows a policy, without a marker of their own.

    ``digest`` beside ``tag``, ``newTag`` or ``image``, ``imageDigest`` beside ``imageTag``. Charts and kustomize take
    the digest before the tag, so a new tag beside an old digest would change nothing but what people read.

    Args:
        fields: those found so far.
        scalars_of: the scalars of the document or item that a field is in, by their path.
        place: where such a scalar is.
    """
    found: list[MarkedField] = []
    fields = list(fields)
    taken = {marked.scalar.start for marked in fields}
    for marked in fields:
        path = marked.scalar.path
        if marked.marker.part not in ("", "tag") or marked.parts or not path or not isinstance(path[-1], str):
            continue
        scalars = scalars_of(marked)
        for key in _keys_beside(path[-1]):
            scalar = scalars.get((*path[:-1], key))
            if scalar and scalar.start not in taken and is_digest(scalar.value):
                taken.add(scalar.start)
                marker = Marker(marked.marker.policy.plain, "digest")
                found.append(MarkedField(marker, scalar, place(marked, scalar), "beside"))
    return found


def registries_beside(
    fields: Iterable[MarkedField], scalars_of: Callable[[MarkedField], Mapping[FieldPath, Scalar]]
) -> list[MarkedField]:
    """The same fields; one that gets a name knows the registry beside it, if its own text has none.

    Charts put ``registry`` before ``repository``, so a whole name there would have its registry twice.

    Args:
        fields: those found.
        scalars_of: the scalars of the document or item that a field is in, by their path.
    """
    return [
        marked._replace(registry=registry_beside(marked.marker, marked.scalar, scalars_of(marked)))
        if not marked.parts
        else marked
        for marked in fields
    ]


def registry_beside(marker: Marker, scalar: Scalar, scalars: Mapping[FieldPath, Scalar]) -> str:
    """The registry beside a marked name that has none in its own text; empty for none.

    Args:
        marker: of the field.
        scalar: its text.
        scalars: those of the document or item that it stands in, by their path.
    """
    path, first = scalar.path, scalar.value.partition("/")[0]
    names = marker.part in ("", "name") and path and path[-1] != "registry"
    if not names or ("/" in scalar.value and re.search("[.:]|^localhost$", first)):
        return ""
    beside = scalars.get((*path[:-1], "registry"))
    return beside.value.rstrip("/") if beside else ""


def _keys_beside(key: str) -> Iterable[str]:
    """The keys under which the digest of an image or tag is."""
    for old, new in (("Tag", "Digest"), ("_tag", "_digest"), ("-tag", "-digest")):
        if key.endswith(old) and key != "newTag":
            yield key[: -len(old)] + new
    if key in ("tag", "newTag", "image", "version"):
        yield from _NAMES
