"""Rewriting scalars, and the proof that nothing else changed.

**What is proved.** The edited text is read again. Every event of the parser (scalar, start or end of a collection, alias,
document) has to be what it was in the text before, with its value, style, tag and anchor, in the same order; only a planned
scalar differs: it stands at its place, has exactly the planned value, keeps its anchor, and reads as a string in YAML 1.1,
YAML 1.2 and Go. Otherwise nothing is given back but a SpliceError.

**What is read.** Only documents with an edit in them are read: a line ``---`` or ``...`` bounds a document whatever stands
before it (``pieces.py``), so what stands between two of them reads the same wherever it is. In a document of up to
``SMALL`` characters, all of it is compared. A larger one (a ResourceList of a thousand resources) is compared in *stretches*:
the whole lines from the line of an edited scalar's key or dash to the line of its end, each read by itself, before and after.

**Why stretches suffice.** Both texts are the same outside the stretches, so it is enough that the scanner leaves a stretch
in the state in which it left the old one, with the same tokens but for the planned value. The scanner of libyaml (and of
yaml.v3) enters a line, where no token and no flow collection is open, with nothing but its stack of indents: simple keys
do not outlive a line. The first scan has shown that a stretch begins so: it starts the line of a key or a dash in block
context, and no token runs over the start of that line, since only indicators can stand before a key or dash on its line.
Reading a stretch by itself differs in one thing, the indents below its own. They decide only how many collections end
before its first token, which is the same for both texts because edits leave the columns of keys and dashes alone; within
the stretch every indent that counts was put on the stack by the stretch itself. At its end, a plain scalar could still run
on into the line below; it does so exactly if the old one did, because that depends on the lines below and on the indent
only, and the old one did not: a plain scalar only ever replaces a plain scalar that ended there. Hence tokens and state
agree, stretch by stretch, to the end of the text. As a check on this argument the whole edited document is parsed once more
in C, which has to succeed with the same number of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter
from typing import Any, Final

from imagesetter.errors import SpliceError
from imagesetter.text.comments import BREAKS, breaks_between, line_end
from imagesetter.text.edits import Edit, splice
from imagesetter.text.events import Unreadable, count_events, parsing, reader
from imagesetter.text.pieces import is_boundary, pieces
from imagesetter.text.quote import needs_quotes, render, typed_away
from imagesetter.text.scan import Scalar, Scan

SMALL: Final = 1 << 17
"""Up to how many characters a document is compared as a whole."""

_HINT: Final = "please report this with the file; nothing was written"
_OPEN: Final = "---\n"
_LOOKS: Final = {
    "ScalarEvent": attrgetter("value", "style", "anchor", "tag"),
    "MappingStartEvent": attrgetter("anchor", "tag", "flow_style"),
    "SequenceStartEvent": attrgetter("anchor", "tag", "flow_style"),
    "MappingEndEvent": attrgetter("__class__"),
    "SequenceEndEvent": attrgetter("__class__"),
    "AliasEvent": attrgetter("anchor"),
    "DocumentStartEvent": attrgetter("explicit", "version", "tags"),
    "DocumentEndEvent": attrgetter("explicit"),
    "StreamStartEvent": attrgetter("__class__"),
    "StreamEndEvent": attrgetter("__class__"),
}
"""What makes an event of each class what it is."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A scalar and what becomes of it."""

    scalar: Scalar
    value: str
    edits: tuple[Edit, ...]
    growth: int
    """How many characters the text gains."""


def rewrite(text: str, planned: Iterable[tuple[Scalar, str]], *, scan: Scan | None = None, pure: bool = False) -> str:
    """The text with new values in place of scalars, proved to read as planned and otherwise as before.

    A scalar that has its value already is left as it is, in its spelling too.

    Args:
        text: what the scalars' offsets count in.
        planned: scalars and their new values, in any order; no scalar twice.
        scan: the scan that found them, if there is one at hand; spares a pass over a large text.
        pure: use PyYAML's Python parser.

    Raises:
        SpliceError: the edited text does not read as planned, or two plans concern one scalar.
    """
    return splice(text, edits(text, planned, scan=scan, pure=pure))


def edits(
    text: str, planned: Iterable[tuple[Scalar, str]], *, scan: Scan | None = None, pure: bool = False
) -> list[Edit]:
    """The edits that ``rewrite`` makes, after the same proof: for callers who have further edits of their own."""
    wanted = [
        _plan(text, scalar, value)
        for scalar, value in sorted(planned, key=lambda each: each[0].start)
        if value != scalar.value
    ]
    made = [edit for each in wanted for edit in each.edits]
    if made:
        _prove(text, splice(text, made), wanted, scan.events if scan else 0, pure)
    return made


def _plan(text: str, scalar: Scalar, value: str) -> _Planned:
    """The new content; and no tag in front of it that would make the string a number again."""
    content = render(value, scalar, text)
    growth = len(content) - scalar.end + scalar.start
    edit = Edit(scalar.start, scalar.end, content)
    tag = typed_away(scalar, text)
    if tag is None:
        return _Planned(scalar, value, (edit,), growth)
    return _Planned(scalar, value, (Edit(*tag, ""), edit), growth - tag[1] + tag[0])


def _prove(before: str, after: str, wanted: Sequence[_Planned], events: int, pure: bool) -> None:
    shift = 0
    waiting = list(reversed(wanted))
    for start, end in pieces(before):
        inside = []
        while waiting and waiting[-1].scalar.start < end:
            inside.append(waiting.pop())
        if not inside:
            continue
        growth = sum(each.growth for each in inside)
        _prove_document(
            before[start:end],
            after[start + shift : end + shift + growth],
            [(each, each.scalar.node - start) for each in inside],
            events if end - start == len(before) else 0,
            (start, before),
            pure,
        )
        shift += growth


def _prove_document(
    before: str,
    after: str,
    wanted: Sequence[tuple[_Planned, int]],
    events: int,
    origin: tuple[int, str],
    pure: bool,
) -> None:
    """Compare one document; ``wanted`` has the offset in it of each scalar's node."""
    if len(before) > SMALL:
        stretches = _stretches(before, after, wanted)
        if stretches is not None and _compare(*stretches, pure) is None:
            with _failing():
                same = count_events(after, pure=pure) == (events or count_events(before, pure=pure))
            if same:
                return
            raise SpliceError("the edited text has another structure than the text before", hint=_HINT)
    problem = _compare(before, after, {offset: each for each, offset in wanted}, pure)
    if problem is not None:
        offset, what = problem
        line = 1 + breaks_between(origin[1], 0, origin[0] + offset)
        raise SpliceError(f"the edited text does not read as planned: {what}", where=f"line {line}", hint=_HINT)


@contextmanager
def _failing() -> Iterator[None]:
    """Turns what the parser says about the edited text into our error."""
    try:
        with parsing(""):
            yield
    except Unreadable as err:
        what = f"the edited text is not YAML any more: {err.problem.reason}"
        raise SpliceError(what, where=f"line {err.problem.line}", hint=_HINT) from err


def _stretches(
    before: str, after: str, wanted: Sequence[tuple[_Planned, int]]
) -> tuple[str, str, dict[int, _Planned]] | None:
    """All stretches as documents of one text, before and after, with the offset of each scalar's node in the former.

    None when some scalar cannot be read with a few lines around it: it has no key or dash on its line, or stands in a flow
    collection that began on an earlier line.
    """
    old: list[str] = []
    new: list[str] = []
    planned: dict[int, _Planned] = {}
    at = shift = done = 0
    for each, offset in wanted:
        scalar = each.scalar
        begin = offset - scalar.lead
        finish = scalar.end - scalar.node + offset
        if scalar.style not in ("|", ">"):
            finish = line_end(before, finish)
        starts_line = begin == 0 or (begin > 0 and before[begin - 1] in BREAKS)
        if scalar.lead < 0 or begin < done or not starts_line or is_boundary(before, begin):
            return None
        planned[at + len(_OPEN) + scalar.lead] = each
        done = finish
        close = "" if before[finish - 1] in BREAKS else "\n"
        old += (_OPEN, before[begin:finish], close)
        at += len(_OPEN) + finish - begin + len(close)
        begin += shift
        shift += each.growth
        new += (_OPEN, after[begin : finish + shift], close)
    return "".join(old), "".join(new), planned


def _compare(before: str, after: str, planned: Mapping[int, _Planned], pure: bool) -> tuple[int, str] | None:
    """Read two texts side by side; where and how they differ in more than the plan, or None."""
    import yaml

    looks = {getattr(yaml, name): look for name, look in _LOOKS.items()}
    scalar_event = yaml.ScalarEvent
    waiting = sorted(planned, reverse=True)
    due = waiting.pop()
    at = shift = 0
    try:
        with parsing(after):
            pairs = zip_longest(iter(reader(before, pure=pure), None), iter(reader(after, pure=pure), None))
            for was, now in pairs:
                cls = was.__class__
                if now.__class__ is not cls:
                    return at, "its structure is another"
                at = was.start_mark.index
                if now.start_mark.index != at + shift:
                    return at, "something stands at another place"
                if at == due and cls is scalar_event:
                    problem = _misread(planned[due], was, now)
                    if problem:
                        return at, problem
                    shift += planned[due].growth
                    due = waiting.pop() if waiting else -1
                else:
                    look = looks[cls]
                    if look(was) != look(now):
                        return at, f"{getattr(was, 'value', 'a collection')!r} reads differently"
    except Unreadable as err:
        return at, err.problem.reason
    return (due, "a planned value is not there") if due >= 0 else None


def _misread(each: _Planned, was: Any, now: Any) -> str:
    """What is wrong with a planned scalar, empty when nothing is."""
    scalar, value = each.scalar, each.value
    if (was.value, was.style or "", was.anchor or "", was.tag or "") != (
        scalar.value, scalar.style, scalar.anchor, scalar.tag
    ):  # fmt: skip
        return f"the plan is for {scalar.value!r}, but {was.value!r} stands there"
    if now.value != value:
        return f"{now.value!r} stands where {value!r} was planned"
    if now.anchor != was.anchor or now.tag != (None if len(each.edits) > 1 else was.tag):
        return f"the anchor or tag of {value!r} is another"
    if now.style not in (was.style, '"') or (not now.style and needs_quotes(value)):
        return f"{value!r} is written so that it may be read as something else than a string"
    return ""
