"""The YAML parser: events with marks, from libyaml where it is there, and its errors in our words.

Only events are used, never nodes or objects: they need no memory beyond the one at hand, and their marks are offsets
into the text. libyaml and Go's yaml.v3 (which kyaml, kpt, kustomize and Flux read with) come from one source and refuse
the same documents; PyYAML's pure parser refuses a few more (a tab before a comment), and serves where the C extension
is absent.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple

from krm_functions.yaml.encoding import position

DEEPEST: Final = 500
"""How many collections may be nested; each one costs time for every marker inside it."""
_CHUNK: Final = 1 << 16
TOO_DEEP: Final = f"collections are nested more than {DEEPEST} deep"


class SyntaxProblem(NamedTuple):
    """Why a text is not YAML, and where: line and column from 1, counted in that text."""

    line: int
    column: int
    reason: str


class Unreadable(Exception):
    """The parser refused the text. Internal to this package: callers get a ParseFailure or a TextError."""

    def __init__(self, problem: SyntaxProblem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


@cache
def has_libyaml() -> bool:
    """Whether PyYAML has its C extension; without it the same is read, only slower."""
    import yaml

    return bool(yaml.__with_libyaml__)


def reader(text: str, *, pure: bool = False) -> Callable[[], Any]:
    """A function that gives the next event of a text at each call, and None after the last one.

    Args:
        text: without a byte order mark.
        pure: use PyYAML's Python parser even where libyaml is there.

    Raises:
        yaml.YAMLError: at the call that meets the problem; see ``problem_of``.
        Unreadable: the text starts with a byte order mark.
    """
    import yaml

    if text.startswith("\ufeff"):  # libyaml would read over it without counting it
        raise Unreadable(SyntaxProblem(1, 1, "there is a second byte order mark"))
    if not pure and has_libyaml():
        return yaml.cyaml.CParser(text).get_event  # type: ignore[no-any-return]

    class _Parser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[misc]
        """The three parts of PyYAML's pure loader that make events."""

        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)

    return _Parser(text).get_event  # type: ignore[no-any-return]


class _Stream:
    """Parts of a text as the file that libyaml reads from, so that no copy of a large one is made."""

    def __init__(self, parts: Iterable[str]) -> None:
        self._parts = (part[at : at + _CHUNK] for part in parts for at in range(0, len(part), _CHUNK))

    def read(self, size: int) -> str:
        """The next characters, whatever the size; nothing at the end."""
        return next(self._parts, "")


def count_events(parts: Iterable[str], *, pure: bool = False) -> int:
    """How many events a text has that comes in parts; with libyaml at several times the speed of a pass over them.

    Raises:
        yaml.YAMLError: the text does not parse.
    """
    import yaml

    if not pure and has_libyaml():
        text = parts[0] if isinstance(parts, list) and len(parts) == 1 else _Stream(parts)
        return yaml.cyaml.CParser(text).raw_parse()  # type: ignore[no-any-return]
    return sum(1 for _ in iter(reader("".join(parts), pure=pure), None))


@contextmanager
def parsing(text: str) -> Iterator[None]:
    """Around a pass over a text's events: parser errors become ``Unreadable``, and the cyclic collector rests.

    Events make no cycles, so the collector would only walk over them again and again.
    """
    import yaml

    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    except yaml.YAMLError as err:
        raise Unreadable(problem_from(err, text)) from err
    finally:
        if collecting:
            gc.enable()


def problem_from(err: Exception, text: str) -> SyntaxProblem:
    """What a PyYAML error says, in one line."""
    import yaml

    if isinstance(err, yaml.MarkedYAMLError):
        mark = err.problem_mark or err.context_mark
        reason = err.problem or err.context or "not YAML"
        if err.problem and err.context:
            reason = f"{err.problem} {err.context}"
        return SyntaxProblem(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, reason)
    if isinstance(err, yaml.reader.ReaderError):
        odd = err.character if isinstance(err.character, int) else ord(err.character[:1] or "\0")
        at = text.find(chr(odd)) if 0 <= odd < 0x110000 else -1
        line, column = position(text, max(at, 0))
        return SyntaxProblem(line, column, f"character U+{odd:04X} is not allowed in YAML")
    return SyntaxProblem(1, 1, str(err))
