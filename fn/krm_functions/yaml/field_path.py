"""Field paths: where a scalar is in a document, and the patterns by which people point at fields.

A *path* is what was found: a tuple of mapping keys and item indexes, written ``spec.containers[0].image`` as KRM
results and kubectl write it. A *pattern* is what somebody asks for; its grammar::

    pattern  = step *( "." name / [ "." ] bracket )
    step     = name / bracket
    name     = 1*(any character but . [ ] = " and blank, or a "\\" and any character)  / "*"
    bracket  = "[" ( index / "*" / string / key / field "=" value ) "]"
    string   = a JSON string: a key with dots or other characters, as in metadata.annotations["example.com/image"]
    key      = any characters but "]", behind a "." only, as in metadata.annotations.[example.com/image]
    field    = name or string; value = a JSON string, or any characters but "]"

``[*]`` is every item, ``[2]`` the third item, ``[name=web]`` the items whose ``name`` is ``web``. ``*`` is every key or
item, and a name that is a number is a key or the item at that position: the paths of kustomize's replacements
(``containers.[name=web].image``, ``containers.*.image``, ``containers.0.image``) mean here what they mean there.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, TypeGuard, TypeVar

from krm_functions.errors import UsageError

FieldPath = tuple[str | int, ...]

_SIMPLE = r"[A-Za-z0-9_$/-]+"
_NAME = r'(?:\\.|[^.\[\]="\s\\])+'
_ESCAPED = r"\\(.)"
_DOTTED_KEY = r'(?![0-9*]+\])[^]="\[]+(?=\])'
_STRING = r'"(?:[^"\\]|\\.)*"'
_INDEX = r"[0-9]+"


class HasPath(Protocol):
    """Anything that has a path and a text: a scalar."""

    @property
    def path(self) -> FieldPath:
        """Where it is."""

    @property
    def value(self) -> str:
        """What it says."""


_P = TypeVar("_P", bound=HasPath)


class Key(NamedTuple):
    """One mapping key; one that is a number may also be the item of a sequence, counted from 0."""

    name: str


class Index(NamedTuple):
    """One item of a sequence, counted from 0."""

    number: int


class AnyKey(NamedTuple):
    """``*``: every key of a mapping, or every item of a sequence."""

    sign: Literal[".*"] = ".*"


class AnyItem(NamedTuple):
    """``[*]``: every item of a sequence."""

    sign: Literal["[*]"] = "[*]"


class Where(NamedTuple):
    """``[field=value]``: the items of a sequence whose field has that text."""

    field: str
    value: str


Step = Key | Index | AnyKey | AnyItem | Where


class FieldPattern(NamedTuple):
    """A parsed pattern; ``str()`` gives it as it was written."""

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text


@lru_cache(1024)
def format_path(path: FieldPath) -> str:
    """A path as people read it: ``spec.containers[0].image``, with odd keys in brackets: ``annotations["a.b/c"]``.

    Kept, since resources of one kind have their fields at the same paths.
    """
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif re.fullmatch(_SIMPLE, step) and step != "*":
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step, ensure_ascii=False)}]")
    return "".join(parts)


def parse_path(text: str) -> FieldPattern:
    """Read a pattern such as ``spec.template.spec.containers[name=web].image``.

    Raises:
        UsageError: the text does not follow the grammar above; the message points at the place with ``~~~^``.
    """
    return FieldPattern(text, tuple(_steps(text)))


def _steps(text: str) -> Iterator[Step]:
    """pattern = step *( "." name / bracket )"""
    at = 0
    if not text:
        raise UsageError("a field path is empty", hint="write it like spec.containers[name=web].image")
    while at < len(text):
        if text[at] == "[" or (at and text[at : at + 2] == ".["):
            step, at = _bracket(text, at + (text[at] == "."), dotted=text[at] == ".")
            yield step
            continue
        if at and text[at] == ".":
            at += 1
        elif at:
            raise _refused(text, at, "expected . or [")
        name = re.compile(_NAME).match(text, at)
        if name is None:
            raise _refused(text, at, "expected a key")
        yield AnyKey() if name[0] == "*" else Key(re.sub(_ESCAPED, r"\1", name[0]))
        at = name.end()


def _bracket(text: str, start: int, *, dotted: bool) -> tuple[Step, int]:
    """bracket = "[" ( index / "*" / string / key / field "=" value ) "]" """
    at = start + 1
    whole = re.compile(_DOTTED_KEY).match(text, at) if dotted else None
    if whole is not None:
        return Key(whole[0]), whole.end() + 1
    field, at = _word(text, at)
    if text[at : at + 1] == "]":
        at += 1
        if isinstance(field, Key):
            return field, at
        if field == "*":
            return AnyItem(), at
        if re.fullmatch(_INDEX, field):
            return Index(int(field)), at
        raise _refused(text, start + 1, 'expected an index, *, "key" or field=value')
    if text[at : at + 1] != "=":
        raise _refused(text, at, "expected ] or =" if at < len(text) else "the bracket is not closed")
    at += 1
    quoted = re.compile(_STRING).match(text, at)
    if quoted is not None:
        value, at = _unquote(text, quoted), quoted.end()
    else:
        close = text.find("]", at)
        close = len(text) if close < 0 else close
        value, at = text[at:close], close
    if text[at : at + 1] != "]":
        raise _refused(text, at, "the bracket is not closed")
    return Where(field.name if isinstance(field, Key) else field, value), at + 1


def _word(text: str, at: int) -> tuple[str | Key, int]:
    quoted = re.compile(_STRING).match(text, at)
    if quoted is not None:
        return Key(_unquote(text, quoted)), quoted.end()
    name = re.compile(_NAME).match(text, at)
    if name is None:
        raise _refused(text, at, 'expected an index, *, "key" or field=value')
    return name[0], name.end()


def _unquote(text: str, quoted: re.Match[str]) -> str:
    try:
        return str(json.loads(quoted[0]))
    except ValueError as err:
        raise _refused(text, quoted.start(), "the string is not a JSON string") from err


def _refused(text: str, at: int, reason: str) -> UsageError:
    return UsageError(
        f"field path {text!r}: {reason} at column {at + 1}",
        hint=f"{text}\n{'~' * at}^",
    )


def find(data: object, pattern: FieldPattern) -> list[FieldPath]:
    """The paths in loaded data that a pattern names, in document order; empty when there is none."""
    found: list[tuple[FieldPath, object]] = [((), data)]
    for step in pattern.steps:
        found = [below for path, node in found for below in _below(path, node, step)]
    return [path for path, _ in found]


def _below(path: FieldPath, node: object, step: Step) -> Iterator[tuple[FieldPath, object]]:
    match step:
        case Key(name) if isinstance(node, Mapping) and name in node:
            yield (*path, name), node[name]
        case Key(name) if _is_list(node):
            yield from (((*path, number), value) for number, value in enumerate(node) if str(number) == name)
        case AnyKey() if isinstance(node, Mapping):
            for key, value in node.items():
                yield (*path, str(key)), value
        case AnyKey() if _is_list(node):
            for number, value in enumerate(node):
                yield (*path, number), value
        case Index(number) if _is_list(node) and number < len(node):
            yield (*path, number), node[number]
        case AnyItem() if _is_list(node):
            for number, value in enumerate(node):
                yield (*path, number), value
        case Where(field, wanted) if _is_list(node):
            for number, value in enumerate(node):
                if isinstance(value, Mapping) and field in value and _text(value[field]) == wanted:
                    yield (*path, number), value
        case _:
            return


def _is_list(node: object) -> TypeGuard[Sequence[object]]:
    return isinstance(node, Sequence) and not isinstance(node, str | bytes)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def find_scalars(scalars: Iterable[_P], pattern: FieldPattern) -> list[_P]:
    """The scalars of one document that a pattern names, in the order given; one that ends on a mapping names none."""
    every = list(scalars)
    values = {scalar.path: scalar.value for scalar in every}
    return [scalar for scalar in every if matches(scalar.path, pattern, values)]


def matches(path: FieldPath, pattern: FieldPattern, values: Mapping[FieldPath, str]) -> bool:
    """Whether a pattern names a path; ``values``, the texts of the same document by path, answer ``[field=value]``."""
    if len(path) != len(pattern.steps):
        return False
    for depth, (part, step) in enumerate(zip(path, pattern.steps, strict=True)):
        match step:
            case Key(name):
                fits = str(part) == name
            case Index(number):
                fits = part == number
            case AnyKey():
                fits = True
            case AnyItem():
                fits = isinstance(part, int)
            case Where(field, wanted):
                fits = isinstance(part, int) and values.get((*path[: depth + 1], field)) == wanted
        if not fits:
            return False
    return True
