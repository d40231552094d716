"""Rewriting scalars, and the proof that nothing else changed.

**What is proved.** The edited text is read again. Every event of the parser (scalar, start or end of a collection,
alias, document) has to be what it was before, with its value, style, tag and anchor, in the same order and at the
same place but for what the edits add or take away. Only a planned scalar differs: it is where the old one was,
has exactly the planned value, keeps its anchor, and reads as a string in YAML 1.1, YAML 1.2 and Go. Otherwise nothing
is given back but a SpliceError.

**What is read.** The documents with an edit in them: a line ``---`` or ``...`` bounds a document whatever is
before it (``documents.py``), so each reads the same by itself. It is parsed as a whole, but in C and only to count its
events; compared are its *stretches*: the lines from that of an edited scalar's key or dash to that of its end, each
read by itself, before and after; of stretches that are alike in every character, one, also in several texts of a
run. Where a stretch cannot be read by itself, or reads otherwise, the whole document is compared after all.

**Why stretches suffice.** The texts are the same outside the stretches, so it is enough that each stretch gives the
same tokens as before, but for the planned value, and leaves the scanner in the same state.

1. Where no token and no flow collection is open, the scanner of libyaml (and of yaml.v3) enters a line with nothing
   but its stack of indents; simple keys do not outlive a line. A stretch begins at such a line: the scan has shown
   that it holds, in block context, a key with its colon or a dash, and before these only indicators can be on a
   line.
2. By itself a stretch lacks the indents below its own. They decide how many collections end before its first token,
   which depends on that token's column alone, and no edit touches that. Within the stretch, scalars are measured
   against the indent of the key or dash, which the stretch itself has put on the stack.
3. At the end of a stretch a plain scalar could run on into the line below. That depends on the indent and on the
   lines below, which are the same, and the old one did not run on: only a plain scalar is ever replaced by a plain
   one. A block scalar keeps its margin, so what ended the old one ends the new one; one without text has no margin to
   keep, and there the whole document is compared.

So tokens and state agree from stretch to stretch to the end of the text, and the parser makes events of tokens alone.
The count of events over the whole document is there to catch a mistake in this argument, and so is a law of the
tests: whatever is put in a scalar's place, by right or wrong, what the stretches let pass the whole document does too.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from operator import attrgetter
from typing import Any, Final, NamedTuple

from krm_functions.errors import SpliceError
from krm_functions.yaml.comments import BREAKS, breaks_between, line_end
from krm_functions.yaml.documents import is_boundary, pieces
from krm_functions.yaml.edits import Edit, splice, splice_parts
from krm_functions.yaml.nodes import content_start, node_start
from krm_functions.yaml.parser import Unreadable, count_events, parsing, reader
from krm_functions.yaml.quoting import may_stay_plain, render_scalar, typed_away
from krm_functions.yaml.scan_result import Scalar, ScanResult

_ENDS: Final = tuple(BREAKS)
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
_SMALL: Final = 1 << 16
"""Characters of a text that may be copied."""
_Stretch = tuple[Any, ...]
"""The text before and after, and the looks of the plan."""
_MOST_PROVED: Final = 1024
_PROVED: Final[set[_Stretch]] = set()
"""Stretches that were found alike: the files of a fleet hold the same lines again and again."""


class _Planned(NamedTuple):
    """A scalar and what becomes of it."""

    scalar: Scalar
    value: str
    edits: tuple[Edit, ...]
    growth: int
    """How many characters the text gains."""
    moved: int = 0
    """How far the node starts to the right of where it started, because what began it is gone."""

    @property
    def looks(self) -> tuple[object, ...]:
        """All that ``_misread`` reads of the plan; two plans with the same looks and text have the same outcome."""
        scalar = self.scalar
        size, edits = scalar.end - scalar.node, len(self.edits)
        node = (scalar.value, scalar.style, scalar.anchor, scalar.tag)
        return (scalar.lead, size, *node, self.value, self.growth, self.moved, edits)


def rewrite(
    text: str, planned: Iterable[tuple[Scalar, str]], *, scan: ScanResult | None = None, pure: bool = False
) -> str:
    """The text with new values in place of scalars, proved to read as planned and otherwise as before.

    A scalar that has its value already is left as it is, in its spelling too.

    Args:
        text: what the scalars' offsets count in.
        planned: scalars and their new values, in any order; no scalar twice.
        scan: the scan of the same text that found them, if there is one at hand; spares a count over a large text.
        pure: use PyYAML's Python parser.

    Raises:
        SpliceError: the edited text does not read as planned, or two plans concern one scalar.
    """
    return splice(text, edits(text, planned, scan=scan, pure=pure))


def edits(
    text: str, planned: Iterable[tuple[Scalar, str]], *, scan: ScanResult | None = None, pure: bool = False
) -> list[Edit]:
    """The edits that ``rewrite`` makes, after the same proof: for callers who have further edits of their own."""
    wanted = [
        _plan(text, scalar, value)
        for scalar, value in sorted(planned, key=lambda each: each[0].start)
        if value != scalar.value
    ]
    made = [edit for each in wanted for edit in each.edits]
    if made:
        _prove(text, wanted, scan.events if scan else 0, pure)
    return made


def _plan(text: str, scalar: Scalar, value: str) -> _Planned:
    """The new content; and no tag in front of it that would make the string a number again."""
    content = render_scalar(value, scalar, text)
    plain_node = not scalar.anchor and not scalar.tag
    if scalar.start != (scalar.node if plain_node else content_start(text, scalar.node, scalar.end)):
        raise SpliceError(f"the plan is for another part of the text than {scalar.value!r} takes", hint=_HINT)
    if scalar.start > scalar.node and not text[scalar.start - 1].isspace():
        content = " " + content  # `&a:b` is an anchor and a text, `&anew` would be another anchor
    growth = len(content) - scalar.end + scalar.start
    edit = Edit(scalar.start, scalar.end, content)
    tag = typed_away(scalar, text)
    if tag is None:
        return _Planned(scalar, value, (edit,), growth)
    begin, end = tag
    moved = node_start(text, end, scalar.start) - end if begin == scalar.node else 0
    return _Planned(scalar, value, (Edit(begin, end, ""), edit), growth - end + begin, moved)


def _prove(text: str, wanted: Sequence[_Planned], events: int, pure: bool) -> None:
    for each in wanted:
        edit = each.edits[-1]
        if text[edit.start : edit.end].endswith(_ENDS) and not edit.replacement.endswith(_ENDS):
            what = f"{each.value!r} would run on into the next line, which may bound the document"
            raise SpliceError(f"the edited text does not read as planned: {what}", hint=_HINT)
    waiting = list(reversed(wanted))
    for start, end in pieces(text):
        inside = []
        while waiting and waiting[-1].scalar.start < end:
            inside.append(waiting.pop())
        if inside:
            _prove_document(text, start, end, inside, events if end - start == len(text) else 0, pure)


def _prove_document(text: str, start: int, end: int, wanted: Sequence[_Planned], events: int, pure: bool) -> None:
    """Compare the document between two offsets with what it becomes."""
    before = text[start:end]
    made = [edit for each in wanted for edit in _moved(each.edits, -start)]
    stretches = _stretches(text, wanted)
    if stretches is not None and _are_alike(stretches, pure):
        problem = _miscounted(before, made, events, pure)
        if problem:
            raise SpliceError(f"the edited text does not read as planned: {problem}", hint=_HINT)
        return
    difference = _compare(before, splice(before, made), {each.scalar.node - start: each for each in wanted}, pure)
    if difference is not None:
        offset, what = difference
        line = 1 + breaks_between(text, 0, start + offset)
        raise SpliceError(f"the edited text does not read as planned: {what}", where=f"line {line}", hint=_HINT)


def _moved(edits: Iterable[Edit], by: int) -> list[Edit]:
    return [Edit(edit.start + by, edit.end + by, edit.replacement) for edit in edits]


def _miscounted(before: str, made: Iterable[Edit], events: int, pure: bool) -> str:
    """What a reading of a whole edited document in C says against it, empty when it says nothing."""
    parts = splice_parts(before, made) if len(before) > _SMALL else [splice(before, made)]
    try:
        with parsing(before):
            after = count_events(parts, pure=pure)
            same = after == (events or count_events([before], pure=pure))
    except Unreadable as err:
        return err.problem.reason
    return "" if same else "it has another structure"


def _stretches(text: str, wanted: Sequence[_Planned]) -> dict[_Stretch, _Planned] | None:
    """All stretches with the plan for each; of those that are alike one, since they would be read alike.

    None when some scalar cannot be read with a few lines around it: it has no key or dash on its line, or is in a flow
    collection that began on an earlier line.
    """
    found: dict[_Stretch, _Planned] = {}
    done = 0
    for each in wanted:
        scalar = each.scalar
        begin, finish = scalar.node - scalar.lead, scalar.end
        if scalar.style not in ("|", ">"):
            finish = line_end(text, finish)
        elif not scalar.value.strip():
            return None
        starts_line = begin == 0 or (begin > 0 and text[begin - 1] in BREAKS)
        if scalar.lead < 0 or begin < done or not starts_line or is_boundary(text, begin):
            return None
        done = finish
        close = "" if text[finish - 1] in BREAKS else "\n"
        before = f"{_OPEN}{text[begin:finish]}{close}"
        after = splice(before, _moved(each.edits, len(_OPEN) - begin))
        found[before, after, *each.looks] = each
    return found


def _are_alike(stretches: Mapping[_Stretch, _Planned], pure: bool) -> bool:
    """Whether all stretches read as planned, as documents of one text; those that did before are not read again."""
    old: list[str] = []
    new: list[str] = []
    planned: dict[int, _Planned] = {}
    at = 0
    unread = [stretch for stretch in stretches if pure or stretch not in _PROVED]
    for stretch in unread:
        each = stretches[stretch]
        planned[at + len(_OPEN) + each.scalar.lead] = each
        old.append(stretch[0])
        new.append(stretch[1])
        at += len(stretch[0])
    if planned and _compare("".join(old), "".join(new), planned, pure) is not None:
        return False
    if len(unread) <= _MOST_PROVED and not pure:
        if len(_PROVED) > _MOST_PROVED:
            _PROVED.clear()
        _PROVED.update(unread)
    return True


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
                if at == due and cls is scalar_event:
                    each = planned[due]
                    problem = _misread(each, was, now, at + shift + each.moved)
                    if problem:
                        return at, problem
                    shift += each.growth
                    due = waiting.pop() if waiting else -1
                elif now.start_mark.index != at + shift:
                    return at, "something stands at another place"
                else:
                    look = looks[cls]
                    if look(was) != look(now):
                        return at, f"{getattr(was, 'value', 'a collection')!r} reads differently"
    except Unreadable as err:
        return at, err.problem.reason
    return (due, "a planned value is missing") if due >= 0 else None


def _misread(each: _Planned, was: Any, now: Any, place: int) -> str:
    """What is wrong with a planned scalar that should start at a place; empty when nothing is."""
    scalar, value = each.scalar, each.value
    if (was.value, was.style or "", was.anchor or "", was.tag or "") != (
        scalar.value, scalar.style, scalar.anchor, scalar.tag
    ):  # fmt: skip
        return f"the plan is for {scalar.value!r}, but {was.value!r} stands there"
    if was.end_mark.index - was.start_mark.index != scalar.end - scalar.node:
        return f"the plan is for another part of the text than {was.value!r} takes"
    if now.start_mark.index != place:
        return f"{now.value!r} stands at another place"
    if now.value != value:
        return f"{now.value!r} stands where {value!r} was planned"
    if now.anchor != was.anchor or now.tag != (None if len(each.edits) > 1 else was.tag):
        return f"the anchor or tag of {value!r} is another"
    if now.style not in (was.style, '"') or (not now.style and not may_stay_plain(value, was.value)):
        return f"{value!r} is written so that it may be read as something else than a string"
    return ""
