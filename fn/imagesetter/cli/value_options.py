"""``--substitute`` and ``--substitute-from``: the values of ``${variables}`` that the files do not have."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from imagesetter.cli.completion import files
from imagesetter.cli.option_names import option_name
from imagesetter.files.read import read_named
from krm_functions.errors import InputError, UsageError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def value_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add both to a command, which gets them as one ``values`` mapping; None where neither is given."""

    @click.option(
        "--substitute",
        multiple=True,
        metavar="NAME=VALUE",
        envvar="IMAGESETTER_SUBSTITUTE",
        help="Value of a ${NAME} in policies and markers, as in a Flux Kustomization's postBuild. Repeatable.",
    )
    @click.option(
        "--substitute-from",
        multiple=True,
        metavar="FILE",
        shell_complete=files,
        envvar="IMAGESETTER_SUBSTITUTE_FROM",
        help="File with such values: a ConfigMap, a YAML mapping, or lines NAME=VALUE. Repeatable.",
    )
    @functools.wraps(command)
    def wrapper(*arguments: Any, substitute: tuple[str, ...], substitute_from: tuple[str, ...], **others: Any) -> Any:
        values: dict[str, str] = {}
        for file in substitute_from:
            values |= _from_file(file)
        for text in substitute:
            name, equals, value = text.partition("=")
            if not equals or not _NAME.fullmatch(name):
                raise UsageError(
                    f"{text!r} is not a value of a variable",
                    where=option_name("substitute"),
                    hint="write NAME=VALUE",
                )
            values[name] = value
        return command(*arguments, values=values if substitute or substitute_from else None, **others)

    return wrapper


def _from_file(file: str) -> Mapping[str, str]:
    """The values in a file.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    text = decode_text(read_named(file), name=file).text
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    found = [_LINE.fullmatch(line) for line in lines]
    if lines and all(found):
        return {match[1]: _unquoted(match[2].strip()) for match in found if match}
    data = load(text, name=file) if lines else {}
    if isinstance(data, Mapping) and data.get("kind") in ("ConfigMap", "Secret"):
        if data["kind"] == "Secret" and "stringData" not in data:
            raise InputError("a Secret's data is not read", where=file, hint="write its values under stringData")
        data = data.get("data" if data["kind"] == "ConfigMap" else "stringData") or {}
    if not isinstance(data, Mapping):
        raise InputError("holds no values", where=file, hint="write a ConfigMap, a mapping, or lines NAME=VALUE")
    for name, value in data.items():
        if not isinstance(value, str):
            hint = "write it in quotes" if isinstance(value, int | float) else "write a text"
            raise InputError(f"the value of {name} is not a text", where=file, hint=hint)
    return {str(name): value for name, value in data.items()}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
