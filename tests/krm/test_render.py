"""What is given back: the input's text with edits, results and changed items in it, and nothing else."""

from __future__ import annotations

import json

import pytest

from krm_functions.errors import ResourceListError, SpliceError
from krm_functions.resource_list import ResourceList
from krm_functions.result import Field, File, ResourceRef, Result
from krm_functions.yaml.edits import Edit

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
ONE = [Result("done", "info")]
WRITTEN = "- message: done\n  severity: info\n"
JSON = '{"message": "done", "severity": "info"}'


def parse(text: str) -> ResourceList:
    return ResourceList.parse(text.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "kind: ResourceList\nitems:\n- kind: A\n  # foot\n",
            f"kind: ResourceList\nresults:\n{WRITTEN}items:\n- kind: A\n  # foot\n",
            id="behind the kind, away from the comments of the items",
        ),
        pytest.param(
            "kind: ResourceList # a list\n# its items\nitems: []\napiVersion: config.kubernetes.io/v1 # v1\nx: y\n",
            "kind: ResourceList # a list\n# its items\nitems: []\n"
            f"apiVersion: config.kubernetes.io/v1 # v1\nresults:\n{WRITTEN}x: y\n",
            id="behind the later of kind and apiVersion",
        ),
        pytest.param("kind: ResourceList", f"kind: ResourceList\nresults:\n{WRITTEN}", id="no newline at the end"),
        pytest.param(
            "kind: ResourceList\n...\n", f"kind: ResourceList\nresults:\n{WRITTEN}...\n", id="before the end mark"
        ),
        pytest.param(
            "--- # x\nkind: ResourceList\n---\n",
            f"--- # x\nkind: ResourceList\nresults:\n{WRITTEN}---\n",
            id="before a mark",
        ),
        pytest.param(
            "items: []\r\nkind: ResourceList\r\n",
            f"items: []\r\nkind: ResourceList\r\nresults:\r\n{WRITTEN}".replace("\n", "\r\n").replace("\r\r", "\r"),
            id="CRLF",
        ),
        pytest.param(
            "kind:\n  ResourceList # c\n", f"kind:\n  ResourceList # c\nresults:\n{WRITTEN}", id="kind on its own line"
        ),
        pytest.param("? kind\n: ResourceList\n", f"? kind\n: ResourceList\nresults:\n{WRITTEN}", id="explicit key"),
        pytest.param(
            "  kind: ResourceList\n  items: []",
            "  kind: ResourceList\n  results:\n  - message: done\n    severity: info\n  items: []",
            id="an indented list",
        ),
        pytest.param(
            "kind: ResourceList\nresults: []\nitems: []\n",
            f"kind: ResourceList\nresults: \n{WRITTEN}items: []\n",
            id="results empty",
        ),
        pytest.param(
            "kind: ResourceList\nresults: # none yet\nitems: []\n",
            f"kind: ResourceList\nresults: # none yet\n{WRITTEN}items: []\n",
            id="results with nothing behind",
        ),
        pytest.param(
            "kind: ResourceList\nresults: null # none yet\n",
            f"kind: ResourceList\nresults:  # none yet\n{WRITTEN}",
            id="results null",
        ),
        pytest.param("kind: ResourceList\nresults:", f"kind: ResourceList\nresults:\n{WRITTEN}", id="results last"),
        pytest.param(
            "kind: ResourceList\nresults: [\n  # no\n]\n",
            f"kind: ResourceList\nresults: \n{WRITTEN}",
            id="empty on lines",
        ),
        pytest.param(
            "kind: ResourceList\nresults: &r []\n", f"kind: ResourceList\nresults: \n{WRITTEN}", id="anchor on nothing"
        ),
        pytest.param(
            "kind: ResourceList\nresults:\n  - message: old # kept\n    extra: 1\n  # foot\nitems: []\n",
            "kind: ResourceList\nresults:\n  - message: old # kept\n    extra: 1\n"
            "  - message: done\n    severity: info\n  # foot\nitems: []\n",
            id="behind the results of before, indented as they are",
        ),
        pytest.param(
            "kind: ResourceList\nresults:\n- message: |\n    old\n\n\nitems: []\n",
            f"kind: ResourceList\nresults:\n- message: |\n    old\n\n\n{WRITTEN}items: []\n",
            id="behind a block scalar",
        ),
        pytest.param(
            "kind: ResourceList\nresults:\n- message: old",
            f"kind: ResourceList\nresults:\n- message: old\n{WRITTEN}",
            id="behind results without a newline",
        ),
        pytest.param(
            "kind: ResourceList\nresults: [{message: old}, # kept\n]\n",
            f"kind: ResourceList\nresults: [{{message: old}}, {JSON}, # kept\n]\n",
            id="flow results with a comma at the end",
        ),
        pytest.param(
            '{"kind":"ResourceList","items":[]}',
            f'{{"kind":"ResourceList", "results": [{JSON}],"items":[]}}',
            id="JSON",
        ),
        pytest.param(
            '{"kind":"ResourceList","results":null}', f'{{"kind":"ResourceList","results": [{JSON}]}}', id="JSON null"
        ),
        pytest.param(
            "{kind: ResourceList, results: }", f"{{kind: ResourceList, results: [{JSON}]}}", id="flow nothing"
        ),
        pytest.param(
            '{"kind":"ResourceList","results":[]}', f'{{"kind":"ResourceList","results": [{JSON}]}}', id="JSON empty"
        ),
        pytest.param(
            '{"kind":"ResourceList","results":[{"message":"old"}]}',
            f'{{"kind":"ResourceList","results":[{{"message":"old"}}, {JSON}]}}',
            id="JSON with results",
        ),
        pytest.param(
            "\ufeffkind: ResourceList\n", f"\ufeffkind: ResourceList\nresults:\n{WRITTEN}", id="byte order mark"
        ),
    ],
)
def test_results_are_added_and_nothing_else_changes(before: str, after: str) -> None:
    resources = parse(before)
    assert resources.render() == before.encode()
    assert resources.render([], ONE).decode() == after
    again = parse(after)
    assert again.results == (*resources.results, *ONE)
    assert [item.load() for item in again.items] == [item.load() for item in resources.items]


HOSTILE = Result(
    "two\nlines, \x1b[31m, \u2028, \x85, \ufeff, \U0001f600, '\": {}[]#&*!|>%@`, - x",
    "error",
    ResourceRef("v1", "ConfigMap", "on", "null"),
    Field("data.x", "1.10", "\n\n  x\n"),
    File("a: b.yaml", 3),
    {"line": "012", "y": "~", "a\nb": ""},
)


@pytest.mark.parametrize("text", [HEAD, '{"kind": "ResourceList"}', "kind: ResourceList\r\n", "  kind: ResourceList\n"])
def test_results_are_read_back_whatever_is_in_them(text: str) -> None:
    assert parse(parse(text).render([], [HOSTILE]).decode()).results == (HOSTILE,)


def test_json_stays_json() -> None:
    data = json.loads(parse('{"kind":"ResourceList","items":[{"kind":"A"}]}').render([], [HOSTILE]))
    assert (data["results"][0]["message"], data["items"]) == (HOSTILE.message, [{"kind": "A"}])


@pytest.mark.parametrize(
    "results",
    ["results: {name: f, items: []}\n", "results:\n  name: f\n", "results: [text]\n", "results: [{}, text]\n"],
)
def test_results_that_cannot_be_added_to_are_refused_only_when_there_is_something_to_add(results: str) -> None:
    resources = parse(HEAD + results)
    assert resources.render() == (HEAD + results).encode()
    with pytest.raises(ResourceListError):
        resources.render([], ONE)


def test_a_last_value_to_which_a_line_end_would_be_added_stays_as_it_is() -> None:
    resources = parse(HEAD + "results:\n  - message: |\n      old")
    assert resources.render([], ONE).decode() == (
        HEAD + "results:\n  - message: done\n    severity: info\n  - message: |\n      old"
    )
    resources = parse(HEAD + "results:\n- {}")
    assert resources.render([], ONE).decode() == HEAD + "results:\n- {}\n" + WRITTEN
    resources = parse(HEAD + "items:\n- kind: A # one\n- kind: |\n    B")
    found = resources.render(items=[*resources.items, {"kind": "X"}]).decode()
    assert found == HEAD + "items:\n- kind: A # one\n- kind: B\n- kind: X\n"
    assert resources.render(items=resources.items[1:]).decode() == HEAD + "items:\n- kind: |\n    B"


def test_new_text_does_not_take_in_the_comments_and_blank_lines_behind_it() -> None:
    for behind in ("      # deep\n", "\n\n"):
        before = f"items: []\nkind: ResourceList\n{behind}"
        data = {"name": "x\n\n", "labels": {}}
        after = parse(before).render([], [Result("m", tags={"a": "b\n"})], items=[data, {"text": "y\n"}])
        assert after.decode().endswith(behind)
        resources = ResourceList.parse(after)
        assert [item.load() for item in resources.items] == [data, {"text": "y\n"}]
        assert resources.results[0].tags == {"a": "b\n"}


def test_edits_results_and_comments_go_together() -> None:
    text = HEAD + "items:\n- kind: A # marker\n  # foot\n"
    resources = parse(text)
    kind = resources.items[0].scalars()[0]
    assert resources.render([Edit(kind.start, kind.end, "B")], ONE).decode() == (
        f"{HEAD}results:\n{WRITTEN}items:\n- kind: B # marker\n  # foot\n"
    )


BLOCK = (
    HEAD
    + "items:\n- # one\n  kind: A\n  # foot of A\n\n- kind: B # two\n# head of C?\n"
    + "- kind: C\n  # foot of C\n# the end\nx: y\n"
)
"""Comments before a dash belong to the entry above, as kpt writes those of an item behind its dash."""
A, B, C = "- # one\n  kind: A\n  # foot of A\n\n", "- kind: B # two\n# head of C?\n", "- kind: C\n  # foot of C\n"


@pytest.mark.parametrize(
    ("order", "entries"),
    [
        pytest.param([0, 1, 2], [A, B, C], id="all"),
        pytest.param([0, 2], [A, C], id="one gone"),
        pytest.param([0, 1], [A, B], id="the last one gone with its comment"),
        pytest.param([2], [C], id="only the last one"),
        pytest.param([2, 0, 1], [C, A, B], id="another order"),
        pytest.param([0, 0], [A, A], id="one twice"),
        pytest.param([], ["  []\n"], id="all gone"),
        pytest.param(
            [0, {"kind": "N", "spec": {"a": ["1", 2, None, True]}}, 2],
            [A, '- kind: "N"\n  spec:\n    a:\n    - "1"\n    - 2\n    - null\n    - true\n', C],
            id="one replaced by data",
        ),
        pytest.param([{}, 0], ["- {}\n", A], id="one in front"),
    ],
)
def test_items_that_are_given_back_keep_their_text(order: list[object], entries: list[str]) -> None:
    resources = parse(BLOCK)
    items = [resources.items[entry] if isinstance(entry, int) else entry for entry in order]
    found = resources.render(items=items).decode()  # type: ignore[arg-type]
    assert found == HEAD + "items:\n" + "".join(entries) + "# the end\nx: y\n"
    assert len(parse(found).items) == len(order)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "items:\n  -   kind: A\n  - kind: B",
            "items:\n  - kind: B\n  - kind: N\n    x: |-\n      a\n      b\n",
            id="indented, no newline",
        ),
        pytest.param(
            "items: [{kind: A}, {kind: B}, ]\n", 'items: [{kind: B}, {"kind": "N", "x": "a\\nb"}]\n', id="flow"
        ),
        pytest.param(
            "? items\n: - kind: A\n  - kind: B\n",
            "? items\n: - kind: B\n  - kind: N\n    x: |-\n      a\n      b\n",
            id="explicit key",
        ),
        pytest.param(
            "items: &all\n- &a\n  kind: A\n- !!map\n  kind: B\n",
            "items: &all\n- !!map\n  kind: B\n- kind: N\n  x: |-\n    a\n    b\n",
            id="anchors and tags",
        ),
    ],
)
def test_lists_of_items_keep_their_form(before: str, after: str) -> None:
    resources = parse(HEAD + before)
    new = {"kind": "N", "x": "a\nb"}
    after = after.replace("kind: N", 'kind: "N"')
    assert resources.render(items=[resources.items[1], new]).decode() == HEAD + after
    assert parse(HEAD + after).items[1].load() == new


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, HEAD + "items:\n- kind: X\n"),
        (HEAD + "items: [] # none\nz: 1\n", HEAD + "items:  # none\n- kind: X\nz: 1\n"),
        (HEAD + "items:\n", HEAD + "items:\n- kind: X\n"),
        ('{"kind":"ResourceList"}', '{"kind":"ResourceList", "items": [{"kind": "X"}]}'),
        ('{"kind":"ResourceList","items":[]}', '{"kind":"ResourceList","items": [{"kind": "X"}]}'),
    ],
)
def test_a_generator_adds_items_where_there_are_none(before: str, after: str) -> None:
    assert parse(before).render(items=[{"kind": "X"}]).decode() == after
    assert parse(before).render(items=[]) == before.encode()


def test_new_items_and_results_together() -> None:
    assert parse(HEAD).render([], ONE, items=[{"kind": "X"}]).decode() == (
        f"{HEAD}results:\n{WRITTEN}items:\n- kind: X\n"
    )


def test_edits_go_with_the_items_they_are_in() -> None:
    resources = parse(BLOCK)
    kinds = [item.scalars()[0] for item in resources.items]
    edits = [Edit(kinds[0].start, kinds[0].end, "AA"), Edit(kinds[2].start, kinds[2].end, "CC")]
    one, _, three = resources.items
    found = resources.render(edits, items=[three, {"kind": "X"}, one]).decode()
    assert found == (
        HEAD
        + "items:\n"
        + C.replace("C\n", "CC\n", 1)
        + "- kind: X\n"
        + A.replace("kind: A", "kind: AA")
        + "# the end\nx: y\n"
    )


def test_edit_behind_the_last_line_of_an_item_goes_with_that_item() -> None:
    resources = parse(HEAD + "items:\n- kind: A\n- kind: B\n")
    end = resources.text.index("- kind: B")
    two, one = reversed(resources.items)
    found = resources.render([Edit(end, end, "  x: y\n")], items=[two, one]).decode()
    assert found == HEAD + "items:\n- kind: B\n- kind: A\n  x: y\n"


def test_the_dash_of_an_entry_is_found_above_its_comments_anchors_and_tags() -> None:
    entries = ["- kind: A\n", "- # - why\n\n  # more\n  &b\n  kind: B\n", "-\n  !!map\n  kind: C\n", "-   kind: D\n"]
    for margin in ("", "  "):
        lines = ["".join(margin + line for line in entry.splitlines(True)) for entry in entries]
        resources = parse(HEAD + "items:\n" + "".join(lines))
        found = resources.render(items=resources.items[::-1]).decode()
        assert found == HEAD + "items:\n" + "".join(lines[::-1])


def test_edits_outside_the_items_stay_when_items_change() -> None:
    resources = parse(BLOCK)
    end = len(BLOCK)
    found = resources.render([Edit(end - 2, end - 1, "z")], items=resources.items[1:]).decode()
    assert found == HEAD + "items:\n" + B + C + "# the end\nx: z\n"


def test_edit_that_makes_two_items_of_one_is_a_mistake_where_items_change() -> None:
    resources = parse(BLOCK)
    name = resources.items[1].scalars()[0]
    with pytest.raises(SpliceError, match="3 items instead of 2"):
        resources.render([Edit(name.start, name.end, "B\n- kind: B2")], items=resources.items[1:])


def test_edit_in_an_item_that_is_dropped_is_a_mistake() -> None:
    resources = parse(BLOCK)
    kind = resources.items[1].scalars()[0]
    with pytest.raises(SpliceError, match="lies in no item"):
        resources.render([Edit(kind.start, kind.end, "x")], items=[resources.items[0]])


def test_item_of_another_list_is_a_mistake() -> None:
    with pytest.raises(SpliceError, match="belongs to another list"):
        parse(BLOCK).render(items=parse(BLOCK).items)


def test_what_an_item_repeats_of_a_dropped_one_is_written_out() -> None:
    text = HEAD + "items:\n- kind: A\n  spec: &s {a: b}\n- kind: B\n  spec: *s\n"
    for load in (False, True):
        item = (resources := parse(text)).items[1]
        answer = resources.render(items=[item.load() if load else item])
        assert answer.decode() == HEAD + "items:\n- kind: B\n  spec:\n    a: b\n"


def test_overlapping_edits_are_a_mistake() -> None:
    with pytest.raises(SpliceError):
        parse(BLOCK).render([Edit(1, 5, "x"), Edit(4, 6, "y")])
