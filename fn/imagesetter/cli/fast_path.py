"""Return a list in which no field can follow a policy without a YAML library, since importing one takes longer.

Four conditions: no option is set in the environment; the list begins as kpt writes it and contains only items; it
contains no name of imagesetter, Flux or kustomize (`_WORDS`) and no kind that the function reads (`_KINDS`); each line
is a key or a dash with at most one simple value, indented as YAML requires. In all other cases the function runs. Both
give the same bytes, which the tests compare. Lines are read without `re`, which takes as long to import as half of
Python's own start.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
_RESULTS = b'results:\n- message: "0 fields changed, 0 up to date"\n  severity: info\n  tags:\n    summary: "true"\n'
_WORDS = (b"imagepolicy", b"imagesetter", b"image.toolkit.fluxcd.io", b"kustomize.config.k8s.io")
_KINDS = ("List", "Secret", "ServiceAccount", "Namespace", "GitRepository")
_INPUTS = "IMAGESETTER_BUILD_INPUTS"  # as in `imagesetter.config.options`
_OF_ITS_OWN = (b"targets", b"bindByImage", b"imagesetter.dev/fields")
_CONTROLS = bytes({*range(32), 127} - {10})
_DEEPEST = 50
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_KEY = _LETTERS + "-_./"
_LONGEST_KEY = 200
_FIRST = frozenset(_LETTERS + "/._")
"""What a value without quotes may begin with."""


def main() -> int:
    """Run the function on standard input, by the fast path if possible, and return the exit status."""
    data = None
    try:
        data = sys.stdin.buffer.read() if sys.stdin is not None else None
        text = None
        if data and sys.stdout is not None:
            text = answer(data, os.environ) or _recorded(data, os.environ)
        if text is not None:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
            return 0
    except KeyboardInterrupt:
        return 130
    except OSError:
        pass  # the function gets the same error, and reports it
    from imagesetter.cli.function import main as function_main

    return function_main(data)


def _recorded(data: bytes, environment: "Mapping[str, str]") -> bytes | None:
    """The input as it is, kept for the function outside of this build of its sources; None if there is more to do."""
    folder = environment.get(_INPUTS)
    if not folder or "IMAGESETTER_BIND_BY_IMAGE" in environment:
        return None
    if b"kustomize.config.k8s.io/id" not in data or any(word in data for word in _OF_ITS_OWN):
        return None
    from imagesetter.kustomize.recording import record
    from krm_functions.errors import InputError

    try:
        record(data, folder)
    except InputError:
        return None  # the function gets the same error, and reports it
    return data


def answer(data: bytes, environment: "Mapping[str, str]") -> bytes | None:
    """The function's output for a list in which no field can follow a policy; None if the function has to run."""
    if not data.startswith(_HEADER + b"items:\n- ") or not data.isascii() or data.translate(None, _CONTROLS) != data:
        return None
    if any(name.startswith("IMAGESETTER_") or name == "LOG_TO_STDERR" for name in environment):
        return None
    items, lowered = data[len(_HEADER) :], data.lower()
    if any(word in lowered for word in _WORDS):
        return None
    return _HEADER + _RESULTS + items if _is_plain(items.decode("ascii").split("\n")[1:]) else None


def _is_plain(lines: list[str]) -> bool:
    """Whether the lines below ``items:`` are mappings that every YAML parser reads, none of a kind of `_KINDS`."""
    open_ = [0]  # open collections: twice their column, plus 1 for a list, which may start at the column of its key
    may_open = True  # the last key or dash has no value yet
    for line in filter(None, lines):
        rest = line.lstrip(" ")
        if rest[:1] in ("", "#"):
            continue
        column = len(line) - len(rest)
        entries: list[int] = []
        while rest[:2] == "- " and len(entries) <= _DEEPEST:
            entries.append(2 * column + 1)
            rest = rest[1:].lstrip(" ")
            column = len(line) - len(rest)
        key, colon, value = rest.partition(":")
        if colon and value[:1] in ("", " ") and _is_key(key):
            entries.append(2 * column)
            rest = value.lstrip(" ")
            if key == "kind" and rest.partition(" #")[0].strip(" '\"").endswith(_KINDS):
                return False
        if not entries or entries[0] == 0 or (entries[0] == 1 and (len(entries) < 2 or entries[1] % 2)):
            return False  # another line, another key of the list itself, or an item that is not a mapping
        if not _is_value(rest):
            return False
        for place in entries:
            closes = open_[-1] > place
            open_ = [each for each in open_ if each <= place] if closes else open_
            if open_[-1] != place:
                if closes or not may_open or len(open_) > _DEEPEST:
                    return False
                open_.append(place)
            may_open = True
        may_open = rest[:1] in ("", "#")
    return True


def _is_key(text: str) -> bool:
    return text[:1].isalnum() and len(text) <= _LONGEST_KEY and not text.strip(_KEY)


def _is_value(text: str) -> bool:
    """Whether the text is nothing, a value on one line (plain, quoted, an empty collection), or a comment behind it."""
    first = text[:1]
    if first in _FIRST or (first == "-" and text[1:2] not in ("", " ")):
        if "#" in text:
            text = text.partition(" #")[0]
        return ": " not in text and text.rstrip(" ")[-1] != ":"
    if first in ("'", '"'):
        quoted, closed, text = text[1:].partition(first)
        if not closed or (first == '"' and "\\" in quoted):
            return False
    elif text[:2] in ("{}", "[]"):
        text = text[2:]
    else:
        return first in ("", "#")  # there is a space before the comment
    return not text or (text[0] == " " and text.lstrip(" ")[:1] in ("", "#"))
