"""What holds for every ResourceList: nothing changes unasked, and what is asked for is all that changes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from krm_functions.errors import ReportedError
from krm_functions.resource_list import ResourceList
from krm_functions.result import File, ResourceRef, Result
from krm_functions.yaml.emit import dump

SOME_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    [
        "",
        "1.10",
        "on",
        "null",
        "- x",
        "a: b",
        " # c",
        "#",
        "|",
        "'",
        '"',
        "\n",
        "a\n",
        "\n\na",
        "  a\n b\n",
        "\ufeff",
        "---",
        "...",
    ]
)
KEYS = st.sampled_from(["a", "b", "name", "kind", "results", "items", "x.y/z", "on", "1", "é"])
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | SOME_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
RESOURCES = st.fixed_dictionaries(
    {"apiVersion": st.just("v1"), "kind": SOME_TEXT},
    optional={
        "metadata": st.fixed_dictionaries(
            {"name": SOME_TEXT}, optional={"labels": st.dictionaries(KEYS, SOME_TEXT, max_size=2) | st.none()}
        ),
        "spec": DATA,
    },
)
RESULTS = st.builds(
    Result,
    SOME_TEXT.filter(bool),
    st.sampled_from(["error", "warning", "info"]),
    st.none() | st.builds(ResourceRef, st.just("v1"), st.just("A"), SOME_TEXT.filter(bool), SOME_TEXT),
    st.none(),
    st.none() | st.builds(File, SOME_TEXT.filter(bool), st.integers(0, 9)),
    st.dictionaries(KEYS, SOME_TEXT, max_size=2),
)
COMMENTS = st.sampled_from(["# c", "  # deep", "      # deeper", "", "  ", "#"])


@st.composite
def lists(draw: st.DrawFn, *, fewest_items: int = 0) -> str:
    """The text of a ResourceList, in one of many forms."""
    data: dict[str, Any] = {"kind": "ResourceList"}
    if fewest_items or draw(st.booleans()):
        data["items"] = draw(st.lists(RESOURCES, min_size=fewest_items, max_size=3))
        if not data["items"] and draw(st.booleans()):
            data["items"] = None
    if draw(st.booleans()):
        data["functionConfig"] = draw(RESOURCES | st.none())
    if draw(st.booleans()):
        data["results"] = draw(st.lists(RESULTS.map(Result.to_dict), max_size=2) | st.none())
    data = {key: data[key] for key in draw(st.permutations(list(data)))}
    if draw(st.integers(0, 3)) == 0:
        return json.dumps(data, ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.integers(0, 3)))
    lines = dump(data).split("\n")[:-1]
    for _ in range(draw(st.integers(0, 4))):
        lines.insert(draw(st.integers(0, len(lines))), draw(COMMENTS))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at] += "  # c"
    margin = draw(st.sampled_from(["", "", "  "]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = "".join(margin + line + newline for line in lines)
    text = draw(st.sampled_from(["", "", "\ufeff"])) + draw(st.sampled_from(["", "", "---" + newline])) + text
    return (
        (text + draw(st.sampled_from(["", "", "..." + newline]))) if draw(st.booleans()) else text.removesuffix(newline)
    )


def read(text: str) -> ResourceList:
    """The list, where the mutations above left one."""
    try:
        resources = ResourceList.parse(text.encode())
        _ = [item.load() for item in resources.items], resources.results, resources.function_config
    except (ReportedError, UnicodeEncodeError):
        assume(False)
    return resources


def contents(resources: ResourceList) -> list[Any]:
    return [[item.load() for item in resources.items], resources.function_config]


@given(lists())
def test_without_edits_and_results_every_byte_is_the_same(text: str) -> None:
    assert read(text).render() == text.encode()


@given(lists(), st.lists(RESULTS, min_size=1, max_size=3))
@example("kind: ResourceList\nresults:\n- message: |\n    no newline", [Result("m")])
@example("kind: ResourceList\n      # deeper", [Result("m", file=File("0\n"))])
@example("kind: ResourceList\n\n\n", [Result("m", file=File("0\n\n"))])
def test_adding_results_adds_results_and_changes_nothing(text: str, results: list[Result]) -> None:
    before = read(text)
    data = before.render([], results)
    after = ResourceList.parse(data)
    assert sorted(map(str, after.results)) == sorted(map(str, (*before.results, *results)))
    assert contents(after) == contents(before)
    assert [item.text for item in after.items] == [item.text for item in before.items]


@given(lists(), st.data())
def test_items_given_back_are_the_items_of_the_answer(text: str, data: st.DataObject) -> None:
    before = read(text)
    items = data.draw(st.lists(st.sampled_from(before.items) | RESOURCES if before.items else RESOURCES, max_size=4))
    results = data.draw(st.lists(RESULTS, max_size=1))
    after = ResourceList.parse(before.render([], results, items=items))
    assert [item.load() for item in after.items] == [i if isinstance(i, dict) else i.load() for i in items]
    assert after.function_config == before.function_config
    assert sorted(map(str, after.results)) == sorted(map(str, (*before.results, *results)))


PATHS = st.sampled_from(
    [
        ("metadata", "labels", "a"),
        ("metadata", "labels", "new"),
        ("metadata", "name"),
        ("metadata", "annotations", "x.y/z"),
        ("spec", "a"),
        ("spec",),
        ("spec", "deep", "er"),
        ("kind",),
    ]
)


@given(lists(fewest_items=1), st.dictionaries(PATHS, SOME_TEXT, min_size=1, max_size=4))
@example("kind: ResourceList\nitems:\n- kind: |\n    x", {("metadata", "labels", "a"): "1", ("kind",): "2"})
@example(
    "kind: ResourceList\nitems:\n- spec:\n    deep: {}\n- kind: A\n", {("spec", "deep", "er"): "1", ("spec", "a"): "2"}
)
def test_setting_fields_sets_these_fields(text: str, values: dict[tuple[str, ...], str]) -> None:
    before = read(text)
    values = {
        path: value for path, value in values.items() if not any(path == p[: len(path)] for p in values if p != path)
    }
    expected = [item.load() for item in before.items]
    for item, data in zip(before.items, expected, strict=True):
        for path, value in values.items():
            put(data, path, value)
            with item.edit() as edited:
                put(edited, path, value)
        assert item.load() == data
        assert item.kind == str(data.get("kind") or "")
    after = ResourceList.parse(before.render())
    assert [item.load() for item in after.items] == expected


def put(data: Any, path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        if not isinstance(data.get(key), dict):
            data[key] = {}
        data = data[key]
    data[path[-1]] = value


def test_an_item_that_repeats_a_node_of_another_one_can_be_edited() -> None:
    text = b"kind: ResourceList\nitems:\n- spec: &s {a: b}\n- kind: A # a\n  spec: *s\n  <<: {c: d}\n"
    resources = ResourceList.parse(text)
    item = resources.items[1]
    assert [scalar.path for scalar in item.scalars()] == [("kind",), ("<<", "c")]
    with item.edit() as data:
        data["kind"] = "B"
        data["metadata"] = {"name": "new"}
    kept = text.replace(b"kind: A", b"kind: B") + b"  metadata:\n    name: new\n"
    assert resources.render() == kept
    with item.edit() as data:
        data["spec"]["a"] = "c"
    assert resources.render() == kept.replace(b"spec: *s", b"spec:\n    a: c")
    (result,) = resources.edit_results
    assert (result.message, result.severity, result.field and result.field.path) == (
        "*s is written out, since the data differ now", "info", "spec",
    )  # fmt: skip
