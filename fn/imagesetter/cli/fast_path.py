"""The shortest way: a list in which nothing can follow a policy is given back without any YAML library.

kpt runs a function on every package, marked or not, and starting a YAML library takes longer than this whole run. Where
the shortest way is not certain of its answer it gives none, and the function itself is asked:

* any of our options is set, or the words `_WORDS` of ours, of Flux and of kustomize stand anywhere;
* the list does not begin as kpt writes it, or holds more than items (a functionConfig, results);
* an item is of a kind that the function reads (`_KINDS`);
* a line is not YAML of the plainest kind, which `_reads` knows to be well-formed. Anchors, tags, flow collections that
  hold something, scalars over several lines, characters beyond ASCII: libyaml reads these, not we.

The answer is that of the function, byte for byte; the tests compare them.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEADER = b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
_RESULTS = b"""\
results:
- message: "0 fields changed, 0 up to date"
  severity: info
  tags:
    summary: "true"
"""
_WORDS = (b"imagepolicy", b"imagesetter", b"image.toolkit.fluxcd.io", b"kustomize.config.k8s.io")
_KINDS = ("List", "Secret", "ServiceAccount", "Namespace", "GitRepository")
_CONTROLS = bytes({*range(32), 127} - {10})
_DEEPEST = 50
_LONGEST_KEY = 200


def main() -> int:
    """Run the function on standard input, by the shortest way that will do, and give the exit status."""
    data = None
    try:
        if sys.stdin is not None:
            data = sys.stdin.buffer.read()
            text = answer(data, os.environ)
            if text is not None and sys.stdout is not None:
                sys.stdout.buffer.write(text)
                sys.stdout.buffer.flush()
                return 0
    except KeyboardInterrupt:
        return 130
    except OSError:
        pass  # the function meets it again, and knows what to say
    from imagesetter.cli.function import main as function_main

    return function_main(data)


def answer(data: bytes, environment: Mapping[str, str]) -> bytes | None:
    """The function's answer to a list in which nothing can follow a policy; None where the function must be asked."""
    if (
        not data.startswith(_HEADER + b"items:\n- ")
        or not data.isascii()
        or len(data.translate(None, _CONTROLS)) < len(data)
    ):
        return None
    if any(name.startswith("IMAGESETTER_") or name == "LOG_TO_STDERR" for name in environment):
        return None
    lowered = data.lower()
    if any(word in lowered for word in _WORDS):
        return None
    rest = data[len(_HEADER) :]
    if not _reads(rest.decode("ascii").split("\n")[1:]):
        return None
    return _HEADER + _RESULTS + rest


def _reads(lines: Iterable[str]) -> bool:
    """Whether lines are a list of resources, in block style with one key or entry a line, that any parser reads."""
    open_: list[tuple[int, str]] = []  # the collections around, as (column, "-" or ":")
    expected = True  # the last line ended where a value may follow on the next
    literal = -1  # inside a literal text: the column of its key
    margin = 0  # and of its own lines; 0 before the first
    for line in lines:
        rest = line.lstrip(" ")
        column = len(line) - len(rest)
        if literal >= 0:
            if not rest and (margin or not line):
                continue
            if column > literal and (not margin or column >= margin):
                margin = margin or column
                continue
            if not rest or column > literal:
                return False
            literal, margin = -1, 0
        if not rest or rest[0] == "#":
            continue
        entry = False
        while True:
            kind = "-" if rest.startswith("- ") else ":"
            closed = False
            while open_ and (open_[-1][0] > column or (open_[-1] == (column, "-") and kind == ":")):
                closed = closed or open_[-1][0] > column
                open_.pop()
            if not open_ or open_[-1] != (column, kind):
                # A new collection: the value of the key or the dash just before it.
                if not expected or closed or len(open_) == _DEEPEST or (kind == "-" and entry and len(open_) == 1):
                    return False
                if kind == ":" and not _key(rest):
                    break
                open_.append((column, kind))
            if kind == ":":
                break
            shorter = rest[1:].lstrip(" ")
            column += len(rest) - len(shorter)
            rest, expected, entry = shorter, True, True
            if not rest:
                return False
        key = _key(rest)
        if key:
            if not open_ or open_[-1] != (column, ":") or (column == 0 and not entry):
                return False
            value = rest[len(key) + 1 :].strip(" ")
            if key == "kind" and value.strip("'\"").endswith(_KINDS):
                return False
        elif not entry or len(open_) < 2:
            return False
        else:
            value = rest.rstrip(" ")
        expected = not value or (key != "" and value[0] == "#")
        if value in ("|", "|-", ">", ">-") and key:
            literal = open_[-1][0]
        elif not expected and not _is_scalar(value):
            return False
    return bool(open_)


def _key(text: str) -> str:
    """The plain key at the beginning of a line's content, or nothing."""
    at = text.find(": ") if not text.endswith(":") or ": " in text else len(text) - 1
    key = text[:at] if at > 0 else ""
    return key if len(key) <= _LONGEST_KEY and _is_word(key) else ""


def _is_word(text: str) -> bool:
    return text[:1].isalnum() and text.replace(".", "").replace("/", "").replace("-", "").replace("_", "").isalnum()


def _is_scalar(text: str) -> bool:
    """Whether a text without blanks around it is a scalar on one line, or an empty collection, maybe with a comment."""
    quote = text[0]
    if quote in "'\"":
        end = text.find(quote, 1)
        behind = text[end + 1 :]
        return (
            end > 0
            and "\\" not in text[:end]
            and (not behind or (behind.startswith(" ") and behind.lstrip()[0] == "#"))
        )
    text = text.partition(" #")[0].rstrip(" ")
    if text in ("{}", "[]"):
        return True
    first = quote.isalnum() or quote in "/._" or (quote == "-" and text[1:2] not in ("", " "))
    return first and ": " not in text and not text.endswith(":")
