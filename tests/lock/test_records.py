"""Lists of records that a program keeps and people comment in: they are brought up to date, and every comment stays."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.lock.records import Record, update_records
from krm_functions.errors import TextError
from krm_functions.yaml.load import load

PATH = ("spec", "entries")
NAMES = ("a", "b", "c", "d", "e", "f")
VALUES = st.sampled_from(
    ["1.0.0", "1.10", "yes", "2026-01-01", "sha256:0", "a b", "# not a comment", "'", '"', "é🚢", "-"]
)
COMMENT = st.sampled_from(["", "", "# why", "#!", "# - policy: z", '# "quoted" {flow}', "#    wide: yes", "# tag: 9"])
RECORD = st.fixed_dictionaries({"tag": VALUES, "count": st.integers(0, 99)}, optional={"note": VALUES})
RECORDS = st.dictionaries(st.sampled_from(NAMES), RECORD, max_size=5)


def identity(record: Mapping[str, str]) -> str:
    return record["policy"]


def records_of(entries: Mapping[str, Record]) -> list[Record]:
    return [{"policy": name, **entries[name]} for name in sorted(entries)]


def updated(text: str, records: list[Record]) -> str:
    return update_records(text, PATH, records, identity=identity)


def held(text: str) -> list[Record]:
    data = load(text)
    assert isinstance(data, dict)
    return data["spec"].get("entries") or []


def as_text(records: list[Record]) -> list[dict[str, str]]:
    return [{name: str(value) for name, value in record.items()} for record in records]


@st.composite
def commented(draw: st.DrawFn) -> tuple[str, list[Record], list[str]]:
    """A text as people leave it: their quotes, comments on lines and behind values, blank lines; and its comments."""
    records = records_of(draw(RECORDS.filter(bool)))
    pad = " " * draw(st.sampled_from([2, 4]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    comments: list[str] = []
    lines: list[str] = []

    def comment(lead: str) -> str:
        text = draw(COMMENT)
        if text:
            comments.append(f"{text} {len(comments)}")
            return f"{lead}{comments[-1]}"
        return ""

    def add_line() -> None:
        text = comment(draw(st.sampled_from(["", pad, pad + "    "])))
        if text or draw(st.booleans()):
            lines.append(text)

    lines += [f"kind: X{comment(' ')}", "spec:" + comment("  ")]
    add_line()
    lines.append(f"{' ' * 2}entries:{comment(' ')}")
    for record in records:
        add_line()
        for number, (name, value) in enumerate(record.items()):
            if number and draw(st.booleans()):
                add_line()
            text = str(value) if isinstance(value, int) else '"' + value.replace('"', '\\"') + '"'
            lines.append(f"{pad}{'- ' if number == 0 else '  '}{name}: {text}{comment(' ')}")
    add_line()
    return end.join(lines) + draw(st.sampled_from(["", end])), records, comments


@given(commented())
def test_records_that_are_there_change_no_byte(made: tuple[str, list[Record], list[str]]) -> None:
    text, records, _ = made
    assert updated(text, records) == text


@given(commented(), RECORDS)
def test_the_text_holds_the_new_records_and_a_second_time_changes_nothing(
    made: tuple[str, list[Record], list[str]], entries: dict[str, Record]
) -> None:
    text, _, _ = made
    records = records_of(entries)
    after = updated(text, records)
    assert sorted(as_text(held(after)), key=identity) == as_text(records)
    assert updated(after, records) == after


@given(commented(), RECORDS)
def test_every_comment_on_a_line_of_its_own_stays(
    made: tuple[str, list[Record], list[str]], entries: dict[str, Record]
) -> None:
    text, _, comments = made
    after = updated(text, records_of(entries))
    own = [comment for comment in comments if re.search(rf"^\s*{re.escape(comment)}\s*$", text, re.MULTILINE)]
    assert [comment for comment in own if comment not in after] == []


@given(commented(), RECORDS)
def test_a_comment_behind_a_value_stays_while_its_field_does(
    made: tuple[str, list[Record], list[str]], entries: dict[str, Record]
) -> None:
    text, before, _ = made
    after = updated(text, records_of(entries))
    kept = {
        record["policy"]: {**record, **entries[str(record["policy"])]}
        for record in before
        if record["policy"] in entries
    }
    policy = ""
    for line in text.splitlines():
        found = re.match(r"\s*(?:- )?(policy|tag|count|note): (?:(\d+)|\"((?:[^\"\\]|\\.)*)\")(.*)$", line)
        if not found:
            continue
        policy = found[3] if found[1] == "policy" else policy
        if found[4].strip() and policy in kept and (found[1] == "policy" or found[1] in entries[policy]):
            assert found[4].strip() in after


@given(RECORDS, st.randoms())
def test_a_new_text_is_the_same_whatever_the_order_of_steps(entries: dict[str, Record], random: object) -> None:
    start = "spec:\n  entries: []\n"
    at_once = updated(start, records_of(entries))
    text, present = start, {}
    names = list(entries)
    random.shuffle(names)  # type: ignore[attr-defined]
    for name in names:
        present[name] = entries[name]
        text = updated(text, records_of(present))
    assert text == at_once


def test_an_emptied_list_keeps_its_place_and_can_be_filled_again() -> None:
    text = "spec:\n  entries: # all of them\n  - policy: a\n    tag: b\n"
    empty = updated(text, [])
    assert empty == "spec:\n  entries: [] # all of them\n"
    assert held(updated(empty, [{"policy": "a", "tag": "b"}])) == [{"policy": "a", "tag": "b"}]
    assert "# all of them" in updated(empty, [{"policy": "a", "tag": "b"}])


def test_a_list_comes_behind_another_one_of_the_same_mapping() -> None:
    text = "spec:\n  entries:\n    - policy: a\n      tag: b\n"
    more = update_records(text, ("spec", "holds"), [{"policy": "a", "reason": "why: not"}], identity=identity)
    assert more == text + '  holds:\n    - policy: a\n      reason: "why: not"\n'
    back = update_records(more, ("spec", "holds"), [], identity=identity)
    assert back == text + "  holds: []\n"


def test_a_list_that_is_not_last_grows_in_its_place() -> None:
    text = "spec:\n  entries:\n  - policy: a\n    tag: b\n  holds:\n  - policy: a\n    tag: b\n"
    after = updated(text, [{"policy": "a", "tag": "b"}, {"policy": "c", "tag": "d"}])
    assert after == text.replace("  holds:", "  - policy: c\n    tag: d\n  holds:")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("spec:\n  entries:\n  - policy: a\n    tag: {deep: b}\n", id="a record that is not flat"),
        pytest.param("spec:\n  entries:\n  - a\n", id="a list of texts"),
        pytest.param("spec:\n  entries:\n  - policy: a\n  - []\n", id="a list in it"),
    ],
)
def test_a_list_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(TextError):
        updated(text, [{"policy": "a", "tag": "c"}])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("spec:\n  entries: [{policy: a, tag: b}]\n", "spec:\n  entries: [{policy: a, tag: c}]\n"),
        ("spec:\n  entries:\n  - {policy: a, tag: b} # x\n", "spec:\n  entries:\n  - {policy: a, tag: c} # x\n"),
        ("spec: {entries: []}\n", "spec: {entries: [{policy: a, tag: c}]}\n"),
    ],
    ids=["a flow list", "flow records", "a flow mapping"],
)
def test_flow_style_stays(before: str, after: str) -> None:
    assert updated(before, [{"policy": "a", "tag": "c"}]) == after


def test_a_text_that_ends_in_the_middle_of_a_record_is_mended() -> None:
    records: list[Record] = [{"policy": "a", "tag": "c"}]
    assert held(updated("spec:\n  entries:\n  - policy:", records)) == records


@pytest.mark.parametrize(
    "value", ["a\nb", "x\x85y", "a\u2028b", "😀", "tab\there", "\x07", "\x7f", "# c", "a: b", " 'q\" ", "\\", ""]
)
def test_whatever_a_person_writes_comes_back(value: str) -> None:
    first = update_records("spec:\n", PATH, [{"policy": "a", "reason": value}], identity=identity)
    assert held(first) == [{"policy": "a", "reason": value}]
    second = updated(first, [{"policy": "a", "reason": f"{value}!"}])
    assert held(second) == [{"policy": "a", "reason": f"{value}!"}]


@given(st.text(st.characters(codec="utf-8"), max_size=10))
def test_any_text_is_written_so_that_it_reads_back(value: str) -> None:
    text = updated("spec:\n  entries: []\n", [{"policy": "a", "tag": "b"}])
    assert held(updated(text, [{"policy": "a", "tag": value}])) == [{"policy": "a", "tag": value}]
    assert held(updated("spec:\n  entries: []\n", [{"policy": "a", "tag": value}])) == [{"policy": "a", "tag": value}]
