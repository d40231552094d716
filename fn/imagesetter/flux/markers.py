"""Marker comments: ``# {"$imagepolicy": "flux-system:web:tag"}`` ties the scalar on its line to an image policy.

The grammar is kyaml's (``fieldmeta/fieldmeta.go``) and Flux's (``internal/update/setters.go``)::

    comment = 1*"#" JSON                       the whole rest of the line is one JSON object
    JSON    = an object of strings or nulls, with a non-empty "$imagepolicy"; a key given twice: the last one counts
    value   = namespace ":" name [ ":" ( "tag" / "name" / "digest" ) ]     percent escapes are decoded

or, in kyaml's long form, ``{"$ref": "#/definitions/io.k8s.cli.setters.NAMESPACE:NAME"}``; text behind that is allowed.

Departures from Flux, all on purpose:

* A comment that names ``$imagepolicy`` but is not a marker, a value without namespace, a suffix other than the three:
  each is an error with its reason. Flux passes over them in silence.
* kyaml's inline schema, ``{"x-k8s-cli": {"setter": {"name": …, "value": …}}}``, is not a marker. With Flux it writes a
  value that no policy gave and that no report mentions.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from imagesetter.errors import MarkerError
from imagesetter.flux.latest_ref import PARTS, Part
from imagesetter.flux.variables import variables_of
from krm_functions.yaml.scan_result import Comment

KEY: Final = "$imagepolicy"

_REF: Final = "#/definitions/io.k8s.cli.setters."
_HINT: Final = (
    'write it as # {"$imagepolicy": "NAMESPACE:NAME"}, with :tag, :name or :digest behind the name for a part'
)
_ESCAPES: Final = {code: f"%{code:02X}" for code in (*range(32), 37, 92, 127)}
"""What a name in a marker can only have as an escape: control characters, the percent sign and the backslash."""
_NAME = r"[^\s/~:\"'{}]+"


class PolicyName(NamedTuple):
    """An ImagePolicy by namespace and name; ``str()`` gives ``namespace:name``."""

    namespace: str
    name: str
    folder: str = ""
    """Where several go by this name: the folder whose nearest one is meant (`imagesetter.flux.nearest`)."""

    @property
    def plain(self) -> "PolicyName":
        """The name alone, as a marker writes it."""
        return PolicyName(self.namespace, self.name) if self.folder else self

    @property
    def order(self) -> tuple[str, str]:
        """What names are sorted by: their text, then the folder."""
        return str(self), self.folder

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}"


class Marker(NamedTuple):
    """Which policy a field follows, and which part of its answer; ``str()`` gives the marker's value, escaped."""

    policy: PolicyName
    part: Part = ""
    """Empty: the whole reference ``name:tag[@digest]``."""

    def in_folder(self, folder: str) -> "Marker":
        """The marker for the policy nearest to a folder."""
        return self._replace(policy=self.policy._replace(folder=folder))

    def __str__(self) -> str:
        policy = str(self.policy).translate(_ESCAPES)
        return f"{policy}:{self.part}" if self.part else policy


class ParsedComment(NamedTuple):
    """A comment with the marker in it, or with the reason why it is none; with neither, it is about something else."""

    comment: Comment
    marker: Marker | None
    error: MarkerError | None


def parse_comments(comments: Iterable[Comment]) -> Iterator[ParsedComment]:
    """What each comment of a scan says about markers; a comment that is not a valid marker comes with its error."""
    for comment in comments:
        try:
            yield ParsedComment(comment, parse_marker(comment.text), None)
        except MarkerError as error:
            yield ParsedComment(comment, None, error)


def parse_marker(comment: str) -> Marker | None:
    """Read a comment, ``#`` included; None when it has nothing to do with markers.

    Raises:
        MarkerError: it names ``$imagepolicy`` but is not a marker, or names no policy; *hint* says how to write it.
    """
    return _parse_known(comment) if len(comment) < 512 else _parse(comment)


@lru_cache(maxsize=1 << 16)
def _parse_known(comment: str) -> Marker | None:
    """One marker is at many fields, and a run looks at each several times."""
    return _parse(comment)


def _parse(comment: str) -> Marker | None:
    text = comment.lstrip("#")
    try:
        data = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as err:
        if (data := _leading_object(text)) and (setter := _setter(dict(data))):
            return _parse_value(setter)
        if KEY not in comment:
            return None
        raise MarkerError(f"not a marker: {_syntax(text)}", hint=_HINT) from err
    if not isinstance(data, _Pairs):
        if KEY not in comment:
            return None
        raise MarkerError("not a marker: the comment is not a JSON object", hint=_HINT)
    value = _value(data)
    if value is not None:
        return _parse_value(value)
    if KEY in comment:
        raise MarkerError(f'not a marker: the JSON object has no key "{KEY}"', hint=_HINT)
    return None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, key by key, told from an array by its type."""


def _leading_object(text: str) -> _Pairs | None:
    """The JSON object that a text begins with, whatever is behind it."""
    try:
        data, _ = json.JSONDecoder(object_pairs_hook=_Pairs).raw_decode(text.lstrip(" \t"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, _Pairs) else None


def _value(data: _Pairs) -> str | None:
    """The marker's value: by the short form, else by the long one; None when the object is about something else."""
    found = dict(data)
    odd = [key for key, value in data if value is not None and not isinstance(value, str)]
    if found.get(KEY) and not odd:
        return cast("str", found[KEY])
    if setter := _setter(found):
        return setter
    if KEY not in found:
        return None
    if odd:
        raise MarkerError(f"not a marker: the value of {json.dumps(odd[0])} is not a string", hint=_HINT)
    raise MarkerError("the marker does not name a policy", hint=_HINT)


def _setter(found: dict[str, Any]) -> str:
    """The policy that the long form names; empty for one of kpt's own setters, such as replicas."""
    ref = found.get("$ref")
    setter = ref.removeprefix(_REF) if isinstance(ref, str) and ref.startswith(_REF) else ""
    return setter if ":" in setter or "%3a" in setter.lower() or KEY in found else ""


def _parse_value(written: str) -> Marker:
    """value = namespace ":" name [ ":" part ]"""
    if left := variables_of(written):
        raise MarkerError(
            f"unresolved variable {left[0]} in the marker {written!r}",
            hint="Flux reads markers before it replaces variables: write the name itself, or give --substitute",
        )
    namespace, colon, rest = _unescaped(written).partition(":")
    name, _, part = rest.partition(":")
    if "/" in namespace or not colon:
        head, slash, tail = namespace.partition("/")
        instead = ":".join([*([head, tail] if slash else ["NAMESPACE", head]), *([rest] if colon else [])])
        what = "a slash between namespace and name" if slash else "no namespace"
        raise MarkerError(f"marker {written!r} has {what}", hint=f'write {{"{KEY}": "{instead}"}}')
    for what, word in (("namespace", namespace), ("name", name)):
        if not word:
            raise MarkerError(f"marker {written!r} has an empty {what}", hint=_HINT)
        if not re.fullmatch(_NAME, word):
            raise MarkerError(f"marker {written!r}: {word!r} cannot be a {what}", hint=_HINT)
    if ":" in rest and part not in PARTS:
        raise MarkerError(
            f"marker {written!r} has the suffix {part!r}, which is not a part of an image reference",
            hint="the parts are tag, name and digest; without one the whole reference is written",
        )
    return Marker(PolicyName(namespace, name), cast("Part", part))


def _syntax(text: str) -> str:
    """Why a text that is not JSON is none, in words for the person who wrote it."""
    bare = text.strip(" \t\r\n")
    if not bare.startswith("{"):
        before, brace, _ = bare.partition("{")
        what = "text" if before.strip() else f"an invisible character, {before!a},"
        return f"there is {what} before the JSON object" if brace else "there is no JSON object"
    try:
        _, end = json.JSONDecoder().raw_decode(bare)
    except ValueError as err:
        return f"the JSON object does not parse: {err}"
    after = bare[end:].strip(" \t")
    return f"there is text after the JSON object: {after!r}"


def _unescaped(text: str) -> str:
    """Percent escapes decoded; there hardly ever are any, and urllib takes long to import."""
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
