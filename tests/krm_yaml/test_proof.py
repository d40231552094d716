"""The proof: whatever goes wrong between a plan and an edited text, nothing is given back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from krm_functions.errors import SpliceError
from krm_functions.yaml import parser as events
from krm_functions.yaml import proof
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.scan import scalars, scan
from krm_functions.yaml.scan_result import Scalar

M = '# {"$imagepolicy": "ns:m"}'
TEXT = f"""\
kind: X # a
list:
- name: x
  image: old:1 {M}
- image: 'old:2' {M}
  args: [a, "b"]
block: | {M}
  old:3
behind: &x y
again: *x
---
image: &image old:4 {M}
"""


@pytest.fixture(params=["whole documents", "stretches"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same promises hold where an edited line can be read by itself and where it cannot."""
    if request.param == "whole documents":
        monkeypatch.setattr(proof, "_stretches", lambda text, wanted: None)


either_way = pytest.mark.usefixtures("_either_way")


def found(text: str = TEXT) -> list[Scalar]:
    return [comment.scalar for comment in scan(text).comments if comment.scalar]


@either_way
def test_planned_scalars_change_in_any_order_and_nothing_else() -> None:
    planned = [(scalar, f"new:{number}") for number, scalar in enumerate(found())]
    after = proof.rewrite(TEXT, reversed(planned))
    assert after == (
        TEXT.replace("old:1", "new:0")
        .replace("old:2", "new:1")
        .replace("block: | ", "block: |- ")
        .replace("old:3", "new:2")
        .replace("old:4", "new:3")
    )


@either_way
def test_the_edits_are_those_of_the_rewriting() -> None:
    from krm_functions.yaml.edits import splice

    planned = [(scalar, "1.10") for scalar in found()]
    edits = proof.edits(TEXT, planned)
    assert splice(TEXT, edits) == proof.rewrite(TEXT, planned)
    first = found()[0]
    assert edits[0] == Edit(first.start, first.end, '"1.10"')


def test_a_value_that_is_there_already_is_left_in_its_spelling() -> None:
    text = f"a: 1.10 {M}\nb: !!int 5 {M}\nc: 'it''s' {M}\n"
    values = ["1.10", "5", "it's"]
    assert proof.rewrite(text, zip(found(text), values, strict=True)) == text


@either_way
@pytest.mark.parametrize(
    "wrong",
    [
        "b: c",
        "x #y",
        '"open',
        "'open",
        "[a",
        "a]",
        "- x",
        "*x",
        "&a b",
        "!t b",
        "",
        "|",
        "1.10",
        "on",
        "a\nb: c",
        "---",
    ],
)
def test_a_value_written_wrongly_is_caught(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `render_scalar` had a bug: text that reads as something else, or breaks the document."""
    monkeypatch.setattr(proof, "render_scalar", lambda value, scalar, text: wrong)
    value = "1.10" if wrong == "1.10" else "on" if wrong == "on" else "new:9"
    with pytest.raises(SpliceError):
        proof.rewrite(TEXT, [(found()[0], value)])


@either_way
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(
    ("start", "end"), [(1, 0), (0, -1), (-1, 0), (0, 1), (1, 1), (-3, -3), (0, 9), (-9, 0), (5, 5)]
)
def test_a_span_that_is_off_is_caught(number: int, start: int, end: int) -> None:
    """As if the parser's marks counted something else than code points."""
    scalar = found()[number]
    moved = scalar._replace(start=scalar.start + start, end=scalar.end + end)
    with pytest.raises(SpliceError):
        proof.rewrite(TEXT, [(moved, "new:9")])


@either_way
@pytest.mark.parametrize("by", [-30, -1, 1, 30])
def test_a_scalar_of_another_text_is_caught(by: int) -> None:
    scalar = found()[1]
    shifted = scalar._replace(start=scalar.start + by, end=scalar.end + by, node=scalar.node + by)
    with pytest.raises(SpliceError):
        proof.rewrite(TEXT, [(shifted, "new:9")])


@either_way
@pytest.mark.parametrize("change", [{"value": "other"}, {"style": '"'}, {"anchor": "z"}, {"tag": "!t"}])
def test_a_scalar_that_says_something_else_is_caught(change: dict[str, str]) -> None:
    with pytest.raises(SpliceError):
        proof.rewrite(TEXT, [(found()[3]._replace(**change), "new:9")])


@either_way
def test_two_plans_for_one_scalar_are_refused() -> None:
    scalar = found()[0]
    with pytest.raises(SpliceError):
        proof.rewrite(TEXT, [(scalar, "new:1"), (scalar, "new:2")])


@either_way
def test_two_scalars_of_one_line_may_change() -> None:
    text = "a: {b: x, c: y}\n"
    first, second = scalars(text)
    assert proof.rewrite(text, [(second, "2"), (first, "w")]) == 'a: {b: w, c: "2"}\n'


@either_way
def test_an_anchor_does_not_grow_into_the_new_value() -> None:
    text = "a: &x:1 y\nb: *x\n"
    assert proof.rewrite(text, [(next(iter(scalars(text))), "new:1")]) == "a: &x new:1\nb: *x\n"


def test_the_error_says_where_and_that_nothing_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "render_scalar", lambda value, scalar, text: '"open')
    with pytest.raises(SpliceError) as caught:
        proof.rewrite(TEXT, [(found()[3], "new:9")])
    assert caught.value.where.startswith("line ")
    assert "nothing was written" in caught.value.hint


@either_way
def test_a_block_scalar_that_would_swallow_the_next_line_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "render_scalar", lambda value, scalar, text: "|\n  new:1\n#")
    text = f"a: | {M}\n  old:1\n---\nb: x\n"
    with pytest.raises(SpliceError, match="run on into the next line"):
        proof.rewrite(text, [(found(text)[0], "new:1\n")])


def large(count: int) -> str:
    item = f"- kind: X\n  image: old:1 {M}\n  list: [a, b]\n  nested:\n  - old:2 {M}\n  text: |\n    x\n"
    return "items:\n" + item * count + "end: x\n"


class Reading:
    """How many characters the proof had read, by what it read them for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.compared = self.counted = 0
        for name in ("reader", "count_events"):
            monkeypatch.setattr(proof, name, self._watched(name, getattr(events, name)))

    def _watched(self, name: str, real: object) -> object:
        def watched(text: str | Iterable[str], *, pure: bool = False) -> object:
            text = text if isinstance(text, str) else list(text)
            if name == "reader":
                self.compared += len(text)
            else:
                self.counted += sum(map(len, text))
            return real(text, pure=pure)  # type: ignore[operator]

        return watched


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    yield Reading(monkeypatch)


@pytest.mark.parametrize("count", [50, 2000])
def test_a_document_is_compared_by_the_edited_lines_and_counted_once(count: int, reading: Reading) -> None:
    text = large(count)
    result = scan(text)
    planned = [(scalar, "new:1") for comment in result.comments[:10] if (scalar := comment.scalar)]
    after = proof.rewrite(text, planned, scan=result)
    assert after == text.replace("old:1", "new:1", 5).replace("old:2", "new:1", 5)
    assert reading.compared < 2000
    assert reading.counted == len(after)


def test_lines_that_change_alike_are_compared_once(reading: Reading) -> None:
    text = large(2000)
    result = scan(text)
    planned = [(scalar, "new:1") for comment in result.comments if (scalar := comment.scalar)]
    assert proof.rewrite(text, planned, scan=result) == text.replace("old:1", "new:1").replace("old:2", "new:1")
    assert reading.compared < 400


def test_a_plan_that_differs_from_one_on_a_line_alike_is_judged_by_itself() -> None:
    text = large(2000)
    first, _, second, *_ = found(text)
    with pytest.raises(SpliceError, match="the plan is for 'other'"):
        proof.rewrite(text, [(first, "new:1"), (second._replace(value="other"), "new:1")])


def test_only_the_documents_with_an_edit_are_read(reading: Reading) -> None:
    document = f"a: old:1 {M}\nb: [x, y]\n"
    text = "---\n".join([document] * 50)
    scalar = found(text)[25]
    assert proof.rewrite(text, [(scalar, "new:1")]).count("new:1") == 1
    assert reading.compared < 4 * len(document) + 20


def test_a_stretch_that_cannot_stand_alone_makes_the_whole_document_be_compared(reading: Reading) -> None:
    text = "%TAG !e! tag:x,2000:\n---\nitems:\n" + f"- !e!t old:1 {M}\n" * 5000
    scalar = found(text)[0]
    after = proof.rewrite(text, [(scalar, "new:1")])
    assert after == text.replace("old:1", "new:1", 1)
    assert reading.compared >= 2 * len(text)


def test_flow_collections_over_several_lines_are_compared_as_a_whole() -> None:
    text = "a: [\n" + f"  old:1, {M}\n" * 8000 + "]\n"
    planned = [(scalar, "new:1") for scalar in found(text)]
    assert proof.rewrite(text, planned) == text.replace("old:1", "new:1")


def test_another_count_of_events_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second net: as if the argument for stretches had a hole."""
    text = large(2000)
    monkeypatch.setattr(proof, "count_events", lambda parts, *, pure=False: sum(map(len, parts)))
    with pytest.raises(SpliceError, match="another structure"):
        proof.rewrite(text, [(found(text)[0], "new:10")])


@either_way
def test_the_pure_parser_proves_the_same() -> None:
    planned = [(scalar, "1.10") for comment in scan(TEXT, pure=True).comments if (scalar := comment.scalar)]
    assert len(planned) == 4
    assert proof.rewrite(TEXT, planned, pure=True) == proof.rewrite(TEXT, planned)


def test_counting_agrees_with_reading() -> None:
    for pure in (False, True):
        assert (
            events.count_events([TEXT], pure=pure)
            == events.count_events(["", *TEXT], pure=pure)
            == scan(TEXT, pure=pure).events
            == len(list(iter(events.reader(TEXT), None)))
        )


def test_a_comment_below_an_empty_block_scalar_stays_a_comment() -> None:
    text = f"items:\n- |- {M}\n   \n    \n  {M}\n# d\n- x\n"
    changed = proof.rewrite(text, [(found(text)[0], "new:9")])
    assert changed == f'items:\n- "new:9" {M}\n  \n  \n  {M}\n# d\n- x\n'
    assert [each.value for each in scalars(changed)] == ["new:9", "x"]
