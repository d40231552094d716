"""Variables of Flux Kustomizations: ``${name}`` and ``${name:=default}`` in manifests.

kustomize-controller replaces them after the build (``spec.postBuild``), by what fluxcd/pkg/envsubst does. Of that
language the plain form and the defaults (``:=``, ``:-``, ``=``, ``-``) are read; ``$${name}`` is the text ``${name}``.

Departures from kustomize-controller:

- A variable without a value is an error where the text is needed. The controller writes an empty text.
- Other expressions (``${name:0:3}``, ``${name/a/b}``) are not evaluated; they count as variables without a value.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

_BRACE = r"\$\{|[{}\n]"
_EXPRESSION = r"(?s)(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?::?[=-])(?P<default>.*))?"
_DEEPEST = 20
_EXTRACT = ("spec", "filterTags", "extract")
Path = tuple[str | int, ...]


class Values(NamedTuple):
    """The values of variables, and whether these are all that there are: then a default stands for a missing one."""

    known: Mapping[str, str]
    complete: bool


class Unresolved(NamedTuple):
    """A variable without a value, and the field that contains it."""

    path: Path
    variable: str
    """As it is written, such as ``${name:=default}``."""


def variables_of(text: str) -> list[str]:
    """The variables in a text as they are written, each once."""
    return list(dict.fromkeys(text[start:end] for start, end in _places(text)))


def variable_name(variable: str) -> str:
    """The name in a variable as it is written; empty for an expression that is not read."""
    found = re.fullmatch(_EXPRESSION, variable[2:-1])
    return found["name"] if found else ""


def substitute(text: str, values: Values, depth: int = 0) -> str:
    """The text with the variables that have a value replaced; the others stay as they are.

    A default may hold variables itself; below *depth* ``_DEEPEST`` they are left as they are.
    """
    made, at = [], 0
    for start, end in _places(text):
        made += [text[at:start].replace("$${", "${"), _value(text[start:end], values, depth)]
        at = end
    return "".join(made) + text[at:].replace("$${", "${")


def _value(variable: str, values: Values, depth: int) -> str:
    """The value of a variable as it is written; itself if it has none."""
    expression = re.fullmatch(_EXPRESSION, variable[2:-1])
    if expression is None or depth > _DEEPEST:
        return variable
    default = expression["default"] if values.complete else None
    known = values.known.get(expression["name"])
    if known is not None and (known or default is None):
        return known
    return variable if default is None else substitute(default, values, depth + 1)


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Where the variables of a text start and end; those inside the default of another one belong to it.

    A variable ends on its line, and holds no other brace.
    """
    if "${" not in text:
        return
    ends: dict[int, int] = {}  # of each start, in the order of the starts; 0 where there is none
    opened: list[int] = []
    for found in re.finditer(_BRACE, text):
        match found[0]:
            case "${":
                opened.append(found.start())
                ends[found.start()] = 0
            case "}":
                if opened:
                    ends[opened.pop()] = found.end()
            case _:
                opened.clear()
    passed = 0
    for start, end in ends.items():
        if end and start >= passed and not (start and text[start - 1] == "$"):
            yield start, end
            passed = end


def substituted(data: Any, values: Values) -> Any:
    """A loaded resource with its variables replaced; itself where nothing changes."""
    return _mapped(data, lambda path, text: text if path == _EXTRACT else substitute(text, values), ())


def unresolved(data: Mapping[str, Any]) -> Iterator[Unresolved]:
    """The variables that are left in the name and the spec of a resource.

    ``${group}`` in ``filterTags.extract`` is not a variable where the pattern has that group.
    """
    for part in ("metadata", "spec"):
        found = data.get(part)
        if part == "metadata" and isinstance(found, Mapping):
            found = {key: found.get(key) for key in ("name", "namespace")}
        for path, text in _texts(found, (part,)) if _mentions_variable(found) else ():
            if path != _EXTRACT:
                yield from (Unresolved(path, variable) for variable in variables_of(text))


def _mentions_variable(data: object) -> bool:
    """Whether a text in the data has what begins a variable: few have, and each is looked at several times in a run."""
    rest = [data]
    for each in rest:  # grows on the way
        if isinstance(each, str):
            if "${" in each:
                return True
        elif isinstance(each, dict):
            rest += each.values()
        elif isinstance(each, list):
            rest += each
    return False


def _texts(data: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        if "${" in data:
            yield path, data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _texts(value, (*path, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index))


def _mapped(data: Any, change: Callable[[Path, str], str], path: Path) -> Any:
    if isinstance(data, str):
        return change(path, data) if "${" in data else data
    if isinstance(data, Mapping):
        return {key: _mapped(value, change, (*path, str(key))) for key, value in data.items()}
    if isinstance(data, list):
        return [_mapped(value, change, (*path, index)) for index, value in enumerate(data)]
    return data
