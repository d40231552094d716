"""Input that means harm: it is read, or refused with a reason, and never brings the function down or costs the list."""

from __future__ import annotations

import json

import pytest

from krm_functions.errors import ReportedError, TextError
from krm_functions.function import Output, respond
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result

HEAD = "kind: ResourceList\nitems:\n"


def load_all(resources: ResourceList) -> Output:
    for item in resources.items:
        item.load()
        item.scalars()
    _ = resources.function_config, resources.results
    return Output(results=[Result("done", "info")])


@pytest.mark.parametrize(("depth", "statuses"), [(100, {0}), (490, {0, 1}), (20_000, {2})])
@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_deep_nesting_is_read_or_refused(opening: str, depth: int, statuses: set[int]) -> None:
    deep = opening * depth + ("]" if opening == "[" else "}") * depth
    text = f"{HEAD}- kind: A\n  spec: &a {deep}\n- kind: B\n  spec: *a\n"
    answer = respond(load_all, text.encode())
    assert answer.status in statuses
    assert "Traceback" not in answer.stderr
    answer = respond(lambda resources: Output(items=[item.load() for item in resources.items]), text.encode())
    assert answer.status in statuses
    assert "Traceback" not in answer.stderr


def test_huge_numbers_stay_as_they_are() -> None:
    text = f"{HEAD}- kind: A\n  spec: {{n: {'9' * 5000}, o: 1e{'9' * 400}, x: 0x{'f' * 5000}}}\n"
    answer = respond(load_all, text.encode())
    assert (answer.status, text.split("spec: ")[1] in answer.stdout.decode()) == (0, True)


def test_alias_bomb_is_refused_only_by_who_asks_for_the_data() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    text = f"{HEAD}- kind: A\n  {bomb}- kind: B\n"
    resources = ResourceList.parse(text.encode())
    assert [item.kind for item in resources.items] == ["A", "B"]
    assert resources.items[1].load() == {"kind": "B"}
    with pytest.raises(TextError):
        resources.items[0].load()
    answer = respond(load_all, text.encode())
    assert answer.status == 1
    assert bomb in answer.stdout.decode()


def test_alias_bomb_across_items_is_refused_in_time() -> None:
    text = f"{HEAD}- kind: A\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"- kind: A\n  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    resources = ResourceList.parse(text.encode())
    assert len(resources.items) == 12
    assert resources.items[1].borrows
    with pytest.raises(TextError):
        resources.items[11].load()


def test_alias_inside_what_it_repeats_is_refused() -> None:
    answer = respond(load_all, f"{HEAD}- &a\n  kind: A\n  self: *a\n".encode())
    assert answer.status == 1
    assert b"self: *a" in answer.stdout


def test_names_through_an_alias_bomb_are_refused() -> None:
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else 'x'}]\n" for n in range(12))
    with pytest.raises(TextError):
        ResourceList.parse(f"{bomb}{HEAD}- kind: A\n  metadata: *a11\n".encode())


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        pytest.param("- kind: A\n  kind: B\n", ["A"], id="kind twice"),
        pytest.param("- kind: A\nitems:\n- kind: B\n", ["A"], id="items twice"),
        pytest.param("- {kind: A, metadata: {}, metadata: {name: x}}\n", ["A"], id="metadata twice"),
    ],
)
def test_first_of_duplicate_keys_counts_and_the_data_is_refused(text: str, kinds: list[str]) -> None:
    resources = ResourceList.parse((HEAD + text).encode())
    assert [item.kind for item in resources.items] == kinds
    assert resources.render() == (HEAD + text).encode()


@pytest.mark.parametrize(
    "value", ["[a]", "{a: b}", "null", "7", "!!binary aGk=", "!!python/object/apply:os.system [ls]", "|\n    x\n", "*x"]
)
@pytest.mark.parametrize("field", ["apiVersion", "kind", "metadata"])
def test_parts_of_the_wrong_type_do_no_harm(field: str, value: str) -> None:
    text = f"x: &x {{a: b}}\n{HEAD}- {field}: {value}\n"
    try:
        (item,) = ResourceList.parse(text.encode()).items
    except ReportedError:
        pytest.fail("the list itself is fine")
    assert isinstance(item.ref.kind, str)
    assert isinstance(item.name, str)
    assert item.text.strip().startswith(field)


def test_ten_thousand_items() -> None:
    text = HEAD + "".join(f"- kind: A\n  metadata: {{name: a{n}, labels: {{n: '{n}'}}}}\n" for n in range(10_000))
    resources = ResourceList.parse(text.encode())
    assert len(resources.items) == 10_000
    last = resources.items[-1]
    assert (last.name, last.labels, last.load()["metadata"]["name"]) == ("a9999", {"n": "9999"}, "a9999")
    with last.edit() as data:
        data["kind"] = "B"
    after = ResourceList.parse(resources.render(items=resources.items[5000:]))
    assert [len(after.items), after.items[-1].kind, after.items[0].name] == [5000, "B", "a5000"]


def test_ten_thousand_items_on_one_line_of_json() -> None:
    data = {"kind": "ResourceList", "items": [{"kind": "A", "metadata": {"name": f"a{n}"}} for n in range(10_000)]}
    resources = ResourceList.parse(json.dumps(data).encode())
    assert [len(item.text) < 100 for item in resources.items] == [True] * 10_000
    assert resources.items[-1].load() == data["items"][-1]
    assert resources.items[-1].scalars()[1].line == 1


def test_text_that_looks_like_an_item_inside_a_scalar_is_none() -> None:
    text = HEAD + "- kind: A\n  spec: 'x\n\n    - kind: B\n    metadata: # {}'\n- kind: C\n"
    assert [item.kind for item in ResourceList.parse(text.encode()).items] == ["A", "C"]


@pytest.mark.parametrize(
    "data", [b"\0", b"kind: ResourceList\0", b"\xed\xa0\x80", b"kind: \x1b[31m\n", b"---\n" * 1000]
)
def test_bytes_that_are_no_text_are_refused_with_one_printable_line(data: bytes) -> None:
    answer = respond(load_all, data)
    assert (answer.stdout, answer.status) == (b"", 2)
    assert answer.stderr.isascii()
    assert answer.stderr.strip().isprintable()


def test_markup_in_names_cannot_break_the_line_of_a_result() -> None:
    annotations = 'annotations: {kustomize.config.k8s.io/id: "1"}'
    text = f'{HEAD}- apiVersion: v1\n  kind: "A\\nB"\n  metadata: {{name: "\\e[2J", {annotations}}}\n'
    answer = respond(lambda resources: Output(results=[Result("m", "info", resources.items[0].ref)]), text.encode())
    assert answer.stderr == "[info] v1/A B/\\x1b[2J: m\n"
