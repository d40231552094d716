"""Read lists of tags from a file or a pipe instead of a registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagesetter.files.read import read_named
from krm_functions.errors import InputError
from krm_functions.yaml.encoding import decode_text


def read_tags(path: Path) -> list[str]:
    """The tags in a file that the operator named; see `parse_tags`."""
    return parse_tags(read_named(path), name=str(path))


def parse_tags(data: bytes, *, name: str) -> list[str]:
    """The tags in the bytes of a file or stream, in their order.

    One tag per line (blank lines and lines that begin with ``#`` are ignored), a JSON list of strings, or the response
    of a registry to ``/v2/NAME/tags/list``: a JSON object with ``tags``, which is null if there are none.

    Raises:
        TextError: not UTF-8.
        InputError: invalid JSON, or JSON of another form.
    """
    text = decode_text(data, name=name).text
    if text.lstrip()[:1] in ("[", "{"):
        return _from_json(text, name)
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _from_json(text: str, name: str) -> list[str]:
    hint = 'write one tag per line, a JSON list of strings, or {"tags": […]} as registries return it'
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the tag list is not JSON: {error}", where=name, hint=hint) from error
    if isinstance(found, dict):
        if "tags" not in found:
            raise InputError("the JSON object has no field tags", where=name, hint=hint)
        found = found["tags"] if found["tags"] is not None else []
    if not isinstance(found, list):
        raise InputError("tags is not a list", where=name, hint=hint)
    for tag in found:
        if not isinstance(tag, str):
            raise InputError(
                f"the tag list contains {json.dumps(tag)[:80]}, which is not a string", where=name, hint=hint
            )
    return found
