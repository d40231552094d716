"""Edits of items: they follow each other, what is read sees them, and a refused one changes nothing."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from krm_functions.errors import ResourceError, SpliceError, TextError
from krm_functions.function import Output, respond
from krm_functions.item import Item
from krm_functions.resource_list import ResourceList
from krm_functions.yaml.edits import Edit

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n"
POD = """\
- apiVersion: v1
  kind: Pod # what it is
  metadata:
    name: web
  # what it does
  spec:
    containers:
    - name: web
      image: nginx:1 # {"$imagepolicy": "a:b"}
  # the end
"""


def listed(text: str) -> tuple[ResourceList, Item]:
    resources = ResourceList.parse((HEAD + text).encode())
    return resources, resources.items[0]


def rendered(resources: ResourceList) -> str:
    return resources.render().decode().removeprefix(HEAD)


def test_edits_follow_each_other_and_everything_that_is_read_sees_them() -> None:
    resources, item = listed(POD + "- kind: B\n")
    with item.edit() as data:
        data["metadata"]["labels"] = {"a": "1"}
        assert item.labels == {"a": "1"}
        with item.edit() as inner:
            inner["metadata"]["name"] = "api"
        assert item.name == "api"
    with item.edit() as data:
        del data["metadata"]["labels"]["a"]
        data["metadata"]["labels"]["on"] = "yes"
        data["metadata"]["namespace"] = "shop"
    assert (item.name, item.namespace, item.labels) == ("api", "shop", {"on": "yes"})
    assert str(item.ref) == "v1/Pod/shop/api"
    assert item.load()["metadata"]["labels"] == {"on": "yes"}
    after = (POD + "- kind: B\n").replace(
        "    name: web\n  #", '    name: api\n    labels:\n      "on": "yes"\n    namespace: shop\n  #'
    )
    assert rendered(resources) == after
    assert item.text == "  " + after.removeprefix("- ").removesuffix("- kind: B\n")


def test_what_is_undone_leaves_every_byte_alone() -> None:
    resources, item = listed(POD)
    with item.edit() as data:
        data["metadata"]["name"] = "api"
    with item.edit() as data:
        data["metadata"]["name"] = "web"
    assert rendered(resources) == POD


def test_a_block_that_raises_changes_nothing() -> None:
    resources, item = listed(POD)
    with item.edit() as data:
        data["kind"] = "A"
    with pytest.raises(ZeroDivisionError), item.edit() as data:
        data["kind"] = "B"
        _ = 1 / 0
    with pytest.raises(SpliceError) as caught, item.edit() as data:
        data["spec"]["x"] = {1: 2}
    assert caught.value.where == "v1/A/web spec.x"
    assert item.kind == "A"
    assert rendered(resources) == POD.replace("Pod", "A")


def test_comments_at_the_end_of_an_item_stay_at_its_end() -> None:
    resources, item = listed("- kind: A\n  # of a\n# of b\n- kind: B\n")
    with item.edit() as data:
        data["new"] = {"x": [1]}
    assert rendered(resources) == "- kind: A\n  new:\n    x:\n    - 1\n  # of a\n# of b\n- kind: B\n"


def test_the_first_key_of_an_item_stands_behind_its_dash() -> None:
    resources, item = listed("- kind: A # a\n  # b\n  b: 1\n- kind: B\n  c: 1\n")
    with item.edit() as data:
        del data["kind"]
    with resources.items[1].edit() as data:
        del data["kind"]
    assert rendered(resources) == "- \n  # b\n  b: 1\n- c: 1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- {kind: A}\n", '- {kind: A, metadata: {labels: {"on": "1"}}}\n'),
        ("- kind: A", '- kind: A\n  metadata:\n    labels:\n      "on": "1"\n'),
        ("- kind: |\n    A", '- kind: |-\n    A\n  metadata:\n    labels:\n      "on": "1"\n'),
        ("-\n  kind: A\n", '-\n  kind: A\n  metadata:\n    labels:\n      "on": "1"\n'),
        ("  - kind: A\n    metadata: # m\n", '  - kind: A\n    metadata: # m\n      labels:\n        "on": "1"\n'),
    ],
    ids=["flow style", "no last line end", "an open block scalar", "below its dash", "an indented list"],
)
def test_layouts_of_items(before: str, after: str) -> None:
    resources, item = listed(before)
    with item.edit() as data:
        data["metadata"] = {"labels": {"on": "1"}}
    assert rendered(resources) == after


def test_carriage_returns_and_a_byte_order_mark_stay() -> None:
    text = b"\xef\xbb\xbf" + (HEAD + POD).replace("\n", "\r\n").encode()
    resources = ResourceList.parse(text)
    with resources.items[0].edit() as data:
        data["metadata"]["labels"] = {"a": "b"}
    assert resources.render() == text.replace(b"name: web\r\n  #", b"name: web\r\n    labels:\r\n      a: b\r\n  #")


def test_an_edit_of_another_kind_goes_together_with_it_unless_both_change_the_same() -> None:
    resources, item = listed(POD)
    with item.edit() as data:
        data["metadata"]["name"] = "api"
    image, name = (next(each for each in item.scalars() if each.path[-1] == key) for key in ("image", "name"))
    after = resources.render([Edit(image.start, image.end, "nginx:2")]).decode()
    assert after == HEAD + POD.replace("    name: web\n  #", "    name: api\n  #").replace("nginx:1", "nginx:2")
    with pytest.raises(SpliceError) as caught:
        resources.render([Edit(name.start, name.end, "x")])
    assert caught.value.what == "two edits change the same text, one of metadata.name and one of metadata.name"
    assert caught.value.where == "v1/Pod/api"


def test_comments_of_fields_are_read_and_set() -> None:
    resources, item = listed(POD)
    spec, container = ("spec",), ("spec", "containers", 0)
    assert item.head_comment(spec) == "what it does"
    assert item.line_comment(("kind",)) == "what it is"
    assert item.line_comment((*container, "image")) == '{"$imagepolicy": "a:b"}'
    item.set_line_comment(("kind",), "")
    item.set_line_comment(spec, "all of it")
    item.set_head_comment(spec, "one\ntwo")
    item.set_head_comment(container, "first")
    with item.edit() as data:
        data["new"] = 1
        item.set_line_comment(("new",), "added")
    assert (
        rendered(resources)
        == """\
- apiVersion: v1
  kind: Pod
  metadata:
    name: web
  # one
  # two
  spec: # all of it
    containers:
    # first
    - name: web
      image: nginx:1 # {"$imagepolicy": "a:b"}
  new: 1 # added
  # the end
"""
    )
    assert item.line_comment(("nothing",)) == ""
    with pytest.raises(ResourceError, match="does not exist"):
        item.set_line_comment(("nothing",), "x")


def test_new_data_bring_their_comments() -> None:
    resources, item = listed(POD)
    new = YAML().load("name: log # beside it\n# when\nargs: # all\n- on # sw\n- '1:30'\n")
    with item.edit() as data:
        data["spec"]["containers"].append(new)
    assert rendered(resources) == POD.replace(
        "  # the end",
        '    - name: log # beside it\n      # when\n      args: # all\n      - "on" # sw\n      - "1:30"\n  # the end',
    )


def test_an_item_that_is_no_data_can_be_written_anew() -> None:
    resources, item = listed("- kind: A\n  # n\n  n: 1 # one\n  n: 2\n  c: # c\n    # d\n    d: 1\n- kind: B\n")
    with pytest.raises(TextError, match="key 'n' is given twice"), item.edit():
        pass
    item.rewrite({"kind": "A", "n": "on", "c": {"d": 2}})
    assert rendered(resources) == ('- kind: A\n  # n\n  "n": "on" # one\n  c: # c\n    # d\n    d: 2\n- kind: B\n')
    (result,) = resources.edit_results
    assert result.severity == "warning"
    with item.edit() as data:
        data["c"]["d"] = 3
    assert item.load() == {"kind": "A", "n": "on", "c": {"d": 3}}


def test_a_function_that_fails_half_way_gives_back_what_was_read() -> None:
    def change(resources: ResourceList) -> Output:
        with resources.items[0].edit() as data:
            data["kind"] = "B"
        raise SpliceError("no more")

    answer = respond(change, (HEAD + "- kind: A\n").encode())
    assert answer.stdout.endswith(b"items:\n- kind: A\n")


def test_what_an_edit_wrote_out_is_reported() -> None:
    def change(resources: ResourceList) -> Output:
        with resources.items[0].edit() as data:
            data["b"]["x"] = 2
        return Output()

    answer = respond(change, (HEAD + "- kind: A\n  a: &v {x: 1}\n  b: *v\n").encode())
    assert b"*v is written out, since the data differ now" in answer.stdout
    assert answer.stdout.endswith(b"  a: &v {x: 1}\n  b:\n    x: 2\n")
