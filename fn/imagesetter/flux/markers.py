"""Marker comments: ``# {"$imagepolicy": "flux-system:web:tag"}`` ties the scalar on its line to an image policy.

The grammar is kyaml's (``fieldmeta/fieldmeta.go``) and Flux's (``internal/update/setters.go``)::

    comment = 1*"#" JSON                       the whole rest of the line is one JSON object
    JSON    = an object of strings or nulls, with a non-empty "$imagepolicy"; a key given twice: the last one counts
    value   = namespace ":" name [ ":" ( "tag" / "name" / "digest" ) ]     percent escapes are decoded

or, in kyaml's long form, ``{"$ref": "#/definitions/io.k8s.cli.setters.NAMESPACE:NAME"}``. What Flux ignores silently is an
error here, with the reason.

Departures from Flux, all on purpose:

* kyaml's inline schema, ``{"x-k8s-cli": {"setter": {"name": …, "value": …}}}``, is not a marker: with Flux it writes a value
  that no policy gave and that no report mentions.
* A suffix other than the three, a missing namespace and an unknown form are errors instead of silence.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import unquote

from imagesetter.errors import MarkerError

KEY: Final = "$imagepolicy"
Part = Literal["", "tag", "name", "digest"]

_REF: Final = "#/definitions/io.k8s.cli.setters."
_HINT: Final = (
    'write it as # {"$imagepolicy": "NAMESPACE:NAME"}, with :tag, :name or :digest behind the name for a part'
)
_PARTS: Final = ("tag", "name", "digest")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")


class PolicyName(NamedTuple):
    """An ImagePolicy by namespace and name; ``str()`` gives ``namespace:name``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}"


@dataclass(frozen=True, slots=True)
class Marker:
    """Which policy a field follows, and which part of its answer; ``str()`` gives the marker's value."""

    namespace: str
    name: str
    part: Part = ""
    """Empty: the whole reference ``name:tag[@digest]``."""

    @property
    def policy(self) -> PolicyName:
        """The policy that the field follows."""
        return PolicyName(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}" + (f":{self.part}" if self.part else "")


def parse_marker(comment: str) -> Marker | None:
    """Read a comment, ``#`` included; None when it has nothing to do with markers.

    Raises:
        MarkerError: it names ``$imagepolicy`` but is not a marker, or names no policy.
    """
    text = comment.lstrip("#")
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as err:
        if KEY not in comment:
            return None
        raise MarkerError(f"not a marker: {_syntax(text)}", hint=_HINT) from err
    value = _value(pairs, text)
    return None if value is None else _parse_value(value)


def _value(pairs: object, text: str) -> str | None:
    if not (isinstance(pairs, list) and text.strip()[:1] == "{"):
        if KEY in text:
            raise MarkerError("not a marker: the comment is not a JSON object", hint=_HINT)
        return None
    found = dict(cast("list[tuple[str, object]]", pairs))
    if KEY not in found and "$ref" not in found:
        if KEY in text:
            raise MarkerError(f'not a marker: the JSON object has no key "{KEY}"', hint=_HINT)
        return None
    for key, value in found.items():
        if value is not None and not isinstance(value, str):
            if KEY not in found:
                return None
            raise MarkerError(f"not a marker: the value of {json.dumps(key)} is not a string", hint=_HINT)
    if found.get(KEY):
        return cast("str", found[KEY])
    ref = found.get("$ref")
    if isinstance(ref, str) and ref.startswith(_REF):
        return ref.removeprefix(_REF)
    if KEY in found:
        raise MarkerError("the marker names no policy", hint=_HINT)
    return None


def _parse_value(written: str) -> Marker:
    """value = namespace ":" name [ ":" part ]"""
    value = unquote(written)
    parts = value.split(":")
    if len(parts) == 1:
        instead = value.replace("/", ":", 1) if "/" in value else f"NAMESPACE:{value}"
        raise MarkerError(f"marker {written!r} has no namespace", hint=f'write "{instead}"')
    namespace, name, part = parts[0], parts[1], ":".join(parts[2:])
    if len(parts) > 2 and part not in _PARTS:
        raise MarkerError(
            f"marker {written!r} asks for {part!r}, which is no part of an image reference",
            hint="the parts are tag, name and digest; without one the whole reference is written",
        )
    for what, word in (("namespace", namespace), ("policy name", name)):
        if not _NAME.fullmatch(word):
            raise MarkerError(f"marker {written!r}: {word!r} is not a {what}", hint=_HINT)
    return Marker(namespace, name, cast("Part", part))


def _syntax(text: str) -> str:
    """Why a text that is not JSON is none, in words for the person who wrote it."""
    bare = text.strip()
    if not bare.startswith("{"):
        return "there is text before the JSON object" if "{" in bare else "there is no JSON object"
    try:
        _, end = json.JSONDecoder().raw_decode(bare)
    except ValueError as err:
        return f"the JSON object does not parse: {err}"
    return f"there is text after the JSON object: {bare[end:].strip()!r}"
