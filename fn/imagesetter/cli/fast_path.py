"""Return a list in which no field can follow a policy without a YAML library, since importing one takes longer.

Four conditions: no option is set in the environment; the list begins as kpt writes it and contains only items; it
contains no name of imagesetter, Flux or kustomize (`_WORDS`) and no kind that the function reads (`_KINDS`); each line
is a key or a dash with at most one simple value (`_LINE`), indented as YAML requires. In all other cases the function
runs. Both give the same bytes, which the tests compare.
"""

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
_RESULTS = b'results:\n- message: "0 fields changed, 0 up to date"\n  severity: info\n  tags:\n    summary: "true"\n'
_WORDS = (b"imagepolicy", b"imagesetter", b"image.toolkit.fluxcd.io", b"kustomize.config.k8s.io")
_KINDS = rb"\bkind: *['\"]?\w*(?:List|Secret|ServiceAccount|Namespace|GitRepository)\b"
_INPUTS = "IMAGESETTER_BUILD_INPUTS"  # as in `imagesetter.config.options`
_OF_ITS_OWN = (b"targets", b"bindByImage", b"imagesetter.dev/fields")
_CONTROLS = bytes({*range(32), 127} - {10})
_DEEPEST = 50
_LINE = (  # dashes, a key, a value (plain, quoted, an empty collection), a comment
    r" *+((?:- ++)*)(?:([A-Za-z0-9][-A-Za-z0-9_./]{0,200}+):(?: ++|\Z))?"
    r"((?:[A-Za-z0-9/._]|-(?=[^ ]))(?:[^ :#]|:(?=[^ ])|(?<=[^ ])#| +(?=[^ #]))*|'[^']*+'|\"[^\"\\]*+\"|\{\}|\[\])?"
    r" *+(?:(?<= )#.*+)?"
)


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
    if any(word in lowered for word in _WORDS) or re.search(_KINDS, items):
        return None
    return _HEADER + _RESULTS + items if _is_plain(items.decode("ascii").split("\n")[1:]) else None


def _is_plain(lines: list[str]) -> bool:
    """Whether the lines below ``items:`` are a list of mappings that every YAML parser reads."""
    open_ = [0]  # open collections: twice their column, plus 1 for a list, which may start at the column of its key
    match = re.compile(_LINE).fullmatch
    may_open = True  # the last key or dash has no value yet
    for line in filter(None, lines):
        found = match(line)
        entries = [2 * at + 1 for at in range(*found.span(1)) if line[at] == "-"] if found else []
        entries += [2 * found.start(2)] if found and found[2] else []
        if not entries and line.lstrip(" ")[:1] in ("", "#"):
            continue
        if not found or not entries or entries[0] == 0 or (entries[0] == 1 and (len(entries) < 2 or entries[1] % 2)):
            return False  # another line, another key of the list itself, or an item that is not a mapping
        for place in entries:
            closes = open_[-1] > place
            open_ = [each for each in open_ if each <= place] if closes else open_
            if open_[-1] != place:
                if closes or not may_open or len(open_) > _DEEPEST:
                    return False
                open_.append(place)
            may_open = True
        may_open = found[3] is None
    return True
