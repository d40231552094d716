"""Editing by difference: what becomes of a text when its data change. Each row began as a trap, or as a failure."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from krm_functions.errors import SpliceError, TextError
from krm_functions.yaml.load import load
from krm_functions.yaml.structure.document import Document
from krm_functions.yaml.structure.editable import EditableList, EditableMapping, plain
from krm_yaml.edit_laws import by_pyyaml, by_ruamel, hold, unshared

POD = """\
# a pod
kind: Pod # what it is
metadata:
  name: 'web'
  # whose it is
  labels:
    team: five # or six

    # soon gone
    old: "1"
spec:
  containers: # in order
  - name: web
    image: nginx:1 # {"$imagepolicy": "a:b"}
    ports: [80, 81]
    # - image: busybox
  # beside it
  - name: log
    image: fluent
  empty: {}  # nothing yet
  text: |
    one
    two
"""


def edited(text: str, change: Callable[[Any], object]) -> str:
    document = Document(text)
    change(document.data)
    wanted = plain(document.data)
    after = document.edited().text
    assert load(after) == wanted
    assert unshared(by_pyyaml(after)) is not None
    assert unshared(by_ruamel(after)) is not None
    return after


def run(*statements: str) -> Callable[[Any], None]:
    """A change as Python statements about ``d``."""

    def change(data: Any) -> None:
        for statement in statements:
            exec(statement, {}, {"d": data})

    return change


def test_a_resource_changes_in_many_places_and_nowhere_else() -> None:
    after = edited(
        POD,
        run(
            "d['metadata']['name'] = 'api'",
            "d['metadata']['labels']['on'] = 'yes'",
            "del d['metadata']['labels']['old']",
            "d['spec']['containers'][0]['ports'].append(82)",
            "d['spec']['containers'].append({'name': 'new', 'args': ['a', '1'], 'script': 'set -e\\nrun\\n'})",
            "d['spec']['empty']['a'] = {'b': 1.5}",
            "d['spec']['text'] = 'one\\nthree\\n'",
        ),
    )
    assert (
        after
        == """\
# a pod
kind: Pod # what it is
metadata:
  name: 'api'
  # whose it is
  labels:
    team: five # or six
    "on": "yes"
spec:
  containers: # in order
  - name: web
    image: nginx:1 # {"$imagepolicy": "a:b"}
    ports: [80, 81, 82]
    # - image: busybox
  # beside it
  - name: log
    image: fluent
  - name: new
    args:
    - a
    - "1"
    script: |
      set -e
      run
  empty:  # nothing yet
    a:
      b: 1.5
  text: |
    one
    three
"""
    )


ROWS = {
    "a key goes with the comments above and behind it": (
        "a: 1\n# about b\nb: 2 # more\nc: 3\n", "del d['b']", "a: 1\nc: 3\n"),
    "a comment behind a blank line is nobody's": (
        "a: 1\n# section\n\nb: 2\nc: 3\n", "del d['b']", "a: 1\n# section\n\nc: 3\n"),
    "no second blank line is left": ("a: 1\n\nb: 2\n\nc: 3\n", "del d['b']", "a: 1\n\nc: 3\n"),
    "no blank line is left at the end": ("a: 1\n\nb: 2\n", "del d['b']", "a: 1\n"),
    "the last key goes": ("a: # keep\n  b: 1 # drop\nc: 2\n", "del d['a']['b']", "a: {} # keep\nc: 2\n"),
    "the last item goes": ("a: # keep\n- b\nc: 2\n", "d['a'].clear()", "a: [] # keep\nc: 2\n"),
    "an empty mapping behind its anchor": ("a: &x\n  b: 1\n", "d['a'].clear()", "a: &x {}\n"),
    "an empty list is filled": ("a: []  # c\nb:\n  - 1\n", "d['a'].append('x')", "a:  # c\n  - x\nb:\n  - 1\n"),
    "nothing becomes something": ("a: # c\nb: 1\n", "d['a'] = 'x'", "a: x # c\nb: 1\n"),
    "nothing becomes a mapping": ("a: # c\nb: 1\n", "d['a'] = {'x': 1}", "a: # c\n  x: 1\nb: 1\n"),
    "a dash with a comment alone": ("- # c\n- b\n", "d[0] = {'x': 1}", "- # c\n  x: 1\n- b\n"),
    "the first key of an item goes": ("- b: 1\n  c: 2\n", "del d[0]['b']", "- c: 2\n"),
    "the first key of an item goes, the next has a comment": (
        "- b: 1\n  # c\n  c: 2\n", "del d[0]['b']", "-\n  # c\n  c: 2\n"),
    "an item of equal numbers goes": ("- 80 # 1\n- 80 # 2\n", "d.pop(0)", "- 80 # 2\n"),
    "equal nulls": ("- ~ # 1\n- ~ # 2\n- ~ # 3\n", "del d[1]", "- ~ # 1\n- ~ # 3\n"),
    "items change places": (
        "- a # 1\n# above b\n- b # 2\n- c\n", "d.reverse()", "- c\n# above b\n- b # 2\n- a # 1\n"),
    "items are sorted": (
        "- b: 2 # two\n- b: 1 # one\n", "d.sort(key=lambda each: each['b'])", "- b: 1 # one\n- b: 2 # two\n"),
    "two items swap": ("- a: 1 # x\n- b: 2 # y\n", "d[0], d[1] = d[1], d[0]", "- b: 2 # y\n- a: 1 # x\n"),
    "all goes before a comment that stays, without a last line end": (
        "a: 1\n# stays\n\nb: 2",
        "d.clear(); d.update(n=5)",
        '"n": 5\n# stays\n\n',
    ),
    "all goes behind a dash before a comment that stays, without a last line end": (
        "k:\n- a: 1\n  # stays\n\n  b: 2",
        "d['k'][0].clear(); d['k'][0]['c'] = 5",
        "k:\n- c: 5\n  # stays\n\n",
    ),
    "an item moves up from a text without a last line end": ("- a\n- |\n  x", "d.reverse()", "- |-\n  x\n- a\n"),
    "a list is filtered": (
        "d:\n- 80 # web\n- 443 # tls\n", "d['d'] = [port for port in d['d'] if port != 80]", "d:\n- 443 # tls\n"),
    "a list of equal new mappings": (
        "c:\n- name: a # x\n  image: b\n- name: d\n", "d['c'] = [{'name': 'd'}, {'name': 'a', 'image': 'new'}]",
        "c:\n- name: d\n- name: a # x\n  image: new\n"),
    "the block behind the last line is closed": ("a: |\n  x", "d['b'] = 1", "a: |-\n  x\nb: 1\n"),
    "blank lines behind what goes are not taken in": (
        "a: |+\n  x\nb: 1\n\nc: 2\n", "del d['b']", "a: |+\n  x\nc: 2\n"),
    "a deeper comment is not taken in": (
        "a: 1\n    # deep\nb: 2\n", "d['a'] = 'x\\ny\\n'", "a: \"x\\ny\\n\"\n    # deep\nb: 2\n"),
    "a deeper comment behind what goes": (
        "a: |+\n    x\n  # deep\nb: 2\n", "d['k'] = 'x\\ny\\n'; del d['a']; del d['b']; d['b'] = 2",
        "k: \"x\\ny\\n\"\n  # deep\nb: 2\n"),
    "an item that ends in a block moves above a deeper comment": (
        "k:\n  # deep\n- a\n# second\n- - 'N' # n\n  - |\n    x\n", "d['k'].reverse()",
        "k:\n# second\n- - 'N' # n\n  - |\n    x\n# deep\n- a\n"),
    "an item that ends in a block moves between, above a deeper comment": (
        "- 1\n  # deep\n- 2\n- k: 'v' # why\n  t: >\n    x\n", "d.insert(1, d.pop(2))",
        "- 1\n- k: 'v' # why\n  t: >\n    x\n# deep\n- 2\n"),
    "a block is left before the deeper comment of the next key": (
        "a: |\n  x\nb: 1\n  # deep\n    # deeper\nc: 2\n", "del d['b']", "a: |\n  x\n# deep\n# deeper\nc: 2\n"),
    "a block is left before blank lines and the deeper comment of the next key": (
        "a: >\n  x\n\nb: 'y\n  z'\n  # deep\nc: 2\n", "del d['b']",
        "a: >\n  x\n\n# deep\nc: 2\n"),
    "a block is left before the deeper comment of the next item": (
        "- >\n x\n\n-\n  # deep\n- |\n  y\n", "del d[1]",
        "- >\n x\n\n# deep\n- |\n  y\n"),
    "a new block is left before the deeper comment of the next key": (
        "a: x\nb: 1\n  # deep\nc: 2\n", "d['a'] = 'x\\ny\\n'; del d['b']", "a: |\n  x\n  y\n# deep\nc: 2\n"),
    "a block that keeps blank lines is left before a deeper comment": (
        "a: |+\n  x\nb: 1\n\n  # deep\nc: 2\n", "del d['b']",
        "a: |+\n  x\n# deep\nc: 2\n"),
    "a comment that was an item stays with the list": (
        "l:\n- a\n# - b\nnext: 1\n", "del d['next']", "l:\n- a\n# - b\n"),
    "a key is renamed": ("a: 1\n# b\nb: 2 # x\nc: 3\n", "d.rename('b', 'on')", "a: 1\n# b\n\"on\": 2 # x\nc: 3\n"),
    "a value goes to another key": (
        "a: 1\n# b\n'b': x # x\nc: 3\n", "d['k'] = d.pop('b')", "a: 1\n# b\n'k': x # x\nc: 3\n"),
    "a text becomes a number": ("a: '1' # c\n", "d['a'] = 1", "a: 1 # c\n"),
    "a number becomes a text": ("a: 1 # c\n", "d['a'] = '1'", "a: \"1\" # c\n"),
    "a tag that would spoil the new value goes": (
        "a: !!int 5\nb: !!str 5\n", "d['a'] = 'x'; d['b'] = 5", "a: x\nb: 5\n"),
    "true, 1 and 1.0 are three": ("a: true\nb: 1\n", "d['a'] = 1; d['b'] = 1.0", "a: 1\nb: 1.0\n"),
    "floats have a point": ("a: 1\n", "d['a'] = 1e20; d['b'] = 1e-7", "a: 1.0e+20\nb: 1.0e-07\n"),
    "a mapping becomes a text": ("a: # c\n  b: 1\n  # d\n  c: 2\nz: 1\n", "d['a'] = 'x'", "a: x # c\nz: 1\n"),
    "a list that is not indented becomes a mapping": ("a:\n- 1\nz: 1\n", "d['a'] = {'x': 1}", "a:\n  x: 1\nz: 1\n"),
    "a list within a list": ("a:\n- - 1\n  - 2\n", "d['a'][0].append([3])", "a:\n- - 1\n  - 2\n  - - 3\n"),
    "lists indented by the document": ("a:\n    - 1\nb:\n    c: 1\n", "d['k'] = [{'x': {'z': [2]}}]",
        "a:\n    - 1\nb:\n    c: 1\nk:\n    - x:\n          z:\n              - 2\n"),
    "carriage returns": ("a: |\r\n  x\r\nb: 1\r\n", "d['a'] = 'p\\nq\\n'; d['c'] = {'x': 1}",
        "a: |\r\n  p\r\n  q\r\nb: 1\r\nc:\r\n  x: 1\r\n"),
    "a flow mapping": ("a: {x: 1, y: 2} # c\n", "d['a']['z'] = 'on'; del d['a']['x']", "a: {y: 2, z: \"on\"} # c\n"),
    "a flow mapping in JSON's quotes": ('a: {"x": "1"}\n', "d['a']['z'] = 'b'", 'a: {"x": "1", "z": "b"}\n'),
    "JSON": ('{"a": 1, "b": [1, 2]}\n', "d['c'] = 'x'; d['b'].insert(0, {'q': None}); del d['a']",
        '{"b": [{"q": null}, 1, 2], "c": "x"}\n'),
    "JSON on several lines": ('{\n  "a": 1,\n  "b": [1, 2]\n}\n', "d['c'] = {'x': 1}; del d['b']",
        '{\n  "a": 1,\n  "c": {"x": 1}\n}\n'),
    "flow items with comments": ("a: [\n  x, # 1\n  y # 2\n]\n", "d['a'].remove('y'); d['a'].append('z')",
        "a: [\n  x, # 1\n  z # 2\n]\n"),
    "a flow key without a value": ("a: {\n  b # c\n}\n", "d['a']['b'] = 1", "a: {\n  b: 1 # c\n}\n"),
    "quotes of the neighbours": ("a:\n- 'x'\n- 'y'\n", "d['a'].append('z')", "a:\n- 'x'\n- 'y'\n- 'z'\n"),
    "an explicit key": ("? a\n: 1\nb: 2\n", "d['a'] = 3; d['c'] = 1", "? a\n: 3\nb: 2\nc: 1\n"),
    "an explicit key goes": ("? a\n: 1\nb: 2\n", "del d['a']", "b: 2\n"),
    "what an alias repeats is written out": ("a: &v 1\nb: *v # c\n", "d['a'] = 2", "a: &v 2\nb: 1 # c\n"),
    "what repeats it changes alone": (
        "a: &v {x: 1}\nb: *v\nc: *v\n", "d['b']['x'] = 2", "a: &v {x: 1}\nb:\n  x: 2\nc: *v\n"),
    "an anchor and what repeats it change alike": (
        "a: &v {x: 1}\nb: *v\n", "d['a']['x'] = 2; d['b']['x'] = 2", "a: &v {x: 2}\nb: *v\n"),
    "a merged key gets another value": (
        "a: &v {x: 1, y: 2}\nb:\n  <<: *v\n", "d['b']['x'] = 3", "a: &v {x: 1, y: 2}\nb:\n  <<: *v\n  x: 3\n"),
    "a merged key goes": (
        "a: &v {x: 1, z: 2}\nb:\n  <<: *v\n  w: 0\n", "del d['b']['x']", "a: &v {x: 1, z: 2}\nb:\n  w: 0\n  z: 2\n"),
    "the anchor of a merge key goes": (
        "a: &v\n  x: 1\nb:\n  <<: *v\n", "del d['a']", "b:\n  x: 1\n"),
    "folded text stays folded": (
        "a: > # c\n  one\n  two\n", "d['a'] = 'three\\nfour\\n'", "a: > # c\n  three\n\n  four\n"),
    "script with a hash": ("a:\n  b: 1\n", "d['a']['s'] = '#!/bin/sh\\nrun # x\\n'",
        "a:\n  b: 1\n  s: |\n    #!/bin/sh\n    run # x\n"),
    "trailing empty lines": ("a: x\n", "d['a'] = 'x\\n\\n'", 'a: "x\\n\\n"\n'),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_text_follows_its_data(name: str) -> None:
    before, change, after = ROWS[name]
    assert edited(before, run(change)) == after


@pytest.mark.parametrize("text", [row[0] for row in ROWS.values()] + [POD])
def test_nothing_changes_when_nothing_is_changed(text: str) -> None:
    document = Document(text)
    assert document.edited().edits == ()
    assert document.edited(json.loads(json.dumps(document.data))).edits == ()


def test_what_is_written_out_is_said_with_its_path() -> None:
    document = Document("a: &v {x: 1}\nb: {c: [*v]}\nd:\n  <<: *v\n")
    del document.data["a"]
    assert [tuple(note) for note in document.edited().notes] == [
        (("b", "c", 0), "*v is written out, since the data differ now", "info"),
        (("d",), "the merge key << is written out, since the data differ now", "info"),
    ]


def test_a_comment_that_may_be_the_next_fields_is_named_where_it_goes() -> None:
    document = Document("m:\n  a:\n  - 1\n  # - see below\n  b: 2\n  c: # x\n  - 1 # y\n  d: 3\n")
    del document.data["m"]["a"], document.data["m"]["c"]
    edited = document.edited()
    assert edited.text == "m:\n  b: 2\n  d: 3\n"
    assert [tuple(note) for note in edited.notes] == [
        (("m", "a"), "the comment '# - see below' below it is removed with it", "info")
    ]


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("a:\n- x: 1 # why\n- y: 2\nb: []\n", True),
        ("a:\n# why\n- x: 1\n- y: 2\nb: []\n", True),
        ("a:\n- x: | # why\n    1\n- y: 2\nb: []\n", True),
        ("a:\n- x: |\n    # text\n  'p #': 'q #'\n- y: 2 # stays\nb: []\n", False),
    ],
)
def test_comments_that_do_not_move_with_their_data_are_said(text: str, noted: bool) -> None:
    document = Document(text)
    document.data["b"].append(document.data["a"].pop(0))
    message = "what moves from here to another mapping or list is written there without its comments"
    assert document.edited().notes == ((("a", 0), message, "info"),) * noted


@pytest.mark.parametrize(
    ("value", "problem", "where"),
    [
        pytest.param({1: 2}, "the key 1 is a int, expected a string", "a", id="a key that is no string"),
        pytest.param([{"b": {1, 2}}], "a set cannot be written as YAML", "a[0].b", id="a set"),
        pytest.param(b"x", "a bytes cannot be written as YAML", "a", id="bytes"),
    ],
)
def test_what_yaml_cannot_say_is_refused_with_its_path(value: object, problem: str, where: str) -> None:
    document = Document("a: 1\n")
    document.data["a"] = value
    with pytest.raises(SpliceError) as caught:
        document.edited()
    assert (caught.value.what, caught.value.where) == (problem, where)


def test_data_that_contain_themselves_are_refused() -> None:
    document = Document("a: {}\n")
    document.data["a"]["b"] = document.data
    with pytest.raises(SpliceError, match="nested too deeply, or contains itself"):
        document.edited()


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "? [a]\n: 1\n", "*a : 1\n", "a: *a\n", "a: &a [*a]\n", "a\n", "", "a: 1\n---\nb: 1\n"]
)
def test_what_is_no_data_is_refused(text: str) -> None:
    with pytest.raises(TextError):
        Document(text)


def test_lists_and_mappings_are_those_of_python() -> None:
    data = Document("a: [1, 2, 3]\nb: {c: 1}\n").data
    assert isinstance(data["a"], EditableList)
    assert isinstance(data["b"], EditableMapping)
    assert json.dumps(data) == '{"a": [1, 2, 3], "b": {"c": 1}}'
    for copied in (copy.deepcopy(data), copy.copy(data)):
        assert type(copied) is dict
    data["a"] += [4]
    data["a"] *= 2
    data["a"][1:3] = [9]
    data["a"].extend([5])
    del data["a"][0]
    assert data["a"] == [9, 4, 1, 2, 3, 4, 5]
    assert len(data["a"].origins) == 7
    with pytest.raises(KeyError):
        data.rename("b", "a")
    with pytest.raises(KeyError):
        data.rename("x", "y")


@pytest.mark.parametrize("seed", range(0, 300, 10))
def test_the_laws_hold_for_random_resources_and_changes(seed: int) -> None:
    for each in range(seed, seed + 10):
        hold(each, [by_pyyaml, by_ruamel])
