"""Reading a ResourceList: its forms, its items, and what is refused."""

from __future__ import annotations

import re

import pytest

from krm_functions.errors import ReportedError, ResourceListError, TextError
from krm_functions.resource_list import ResourceList
from krm_functions.result import File, ResourceRef, Result

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"


def parse(text: str, needle: str = "") -> ResourceList:
    return ResourceList.parse(text.encode(), needle=needle)


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_three_versions_are_read_and_repeated(version: str) -> None:
    resources = parse(f"apiVersion: config.kubernetes.io/{version}\nkind: ResourceList\nitems: []\n")
    assert resources.api_version == f"config.kubernetes.io/{version}"
    assert f"apiVersion: config.kubernetes.io/{version}\n".encode() in resources.render([], [Result("m")])


def test_list_that_does_not_say_its_version_counts_as_v1() -> None:
    assert parse("kind: ResourceList\n").api_version == "config.kubernetes.io/v1"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(HEAD, [], id="no items"),
        pytest.param(HEAD + "items:\n", [], id="nothing behind items"),
        pytest.param(HEAD + "items: null # none\n", [], id="items null"),
        pytest.param(HEAD + "items: !!null ''\n", None, id="null with a tag is not understood"),
        pytest.param(HEAD + "items: []\n", [], id="empty list"),
        pytest.param(HEAD + "items: [ # none\n  ]\n", [], id="empty list with a comment"),
        pytest.param(HEAD + "items:\n- metadata: {name: a}\n- metadata: {name: b}\n", ["a", "b"], id="block"),
        pytest.param(
            HEAD + "items:\n    -   metadata: {name: a}\n\n    - metadata: {name: b}\n", ["a", "b"], id="wide"
        ),
        pytest.param(HEAD + "items: [{metadata: {name: a}}, {metadata: {name: b}},]\n", ["a", "b"], id="flow items"),
        pytest.param(HEAD + "items: &all\n- &a\n  metadata: {name: a}\n", ["a"], id="anchors on list and item"),
        pytest.param(HEAD + "items: !!seq\n- !!map\n  metadata: {name: a}\n", ["a"], id="tags on list and item"),
        pytest.param("items:\n- metadata: {name: a}\nkind: ResourceList\n", ["a"], id="items first"),
        pytest.param(
            "? kind\n: ResourceList\n? items\n: - metadata: {name: a}\n  - {metadata: {name: b}}\n",
            ["a", "b"],
            id="explicit keys",
        ),
        pytest.param(
            "# head\n---\nkind: ResourceList\nitems:\n- metadata: {name: a}\n...\n", ["a"], id="document marks"
        ),
        pytest.param(
            "---\n# nothing\n---\nkind: ResourceList\nitems:\n- metadata: {name: a}\n---\n",
            ["a"],
            id="empty documents around",
        ),
        pytest.param("%YAML 1.1\n---\nkind: ResourceList\nitems:\n- metadata: {name: a}\n", ["a"], id="directive"),
        pytest.param("  kind: ResourceList\n  items:\n  - metadata: {name: a}\n", ["a"], id="all of it indented"),
        pytest.param('{"kind":"ResourceList","items":[{"metadata":{"name":"a"}}]}', ["a"], id="JSON"),
        pytest.param(
            '{\n\t"kind": "ResourceList",\n\t"items": [\n\t\t{"metadata": {"name": "a"}}\n\t]\n}\n',
            ["a"],
            id="JSON with tabs",
        ),
        pytest.param('"kind": \'ResourceList\'\n"items":\n- "metadata": {"name": "a"}\n', ["a"], id="quoted keys"),
        pytest.param(
            "\ufeffkind: ResourceList\r\nitems:\r\n- metadata: {name: a}\r\n", ["a"], id="byte order mark and CRLF"
        ),
        pytest.param("kind: ResourceList\ritems:\r- metadata: {name: a}\r", ["a"], id="CR"),
        pytest.param(
            "kind: ResourceList\nitems:\n- metadata: {name: \U0001f600é}\n- metadata: {name: b}",
            ["\U0001f600é", "b"],
            id="beyond ASCII",
        ),
    ],
)
def test_items_are_found_in_every_form(text: str, names: list[str] | None) -> None:
    if names is None:
        with pytest.raises(ResourceListError):
            parse(text)
        return
    resources = parse(text)
    assert [item.name for item in resources.items] == names
    assert [item.load().get("metadata") for item in resources.items] == [{"name": name} for name in names]
    assert resources.render() == text.encode()


@pytest.mark.parametrize(
    ("data", "error", "where", "what"),
    [
        pytest.param(b"", ResourceListError, "stdin", "is empty, expected a ResourceList", id="nothing"),
        pytest.param(b" \n\xef\xbb\xbf"[:2], ResourceListError, "stdin", "is empty", id="blanks"),
        pytest.param(b"# only\n", ResourceListError, "stdin", "holds no document", id="a comment"),
        pytest.param(b"\xff\xfeA", TextError, "stdin:1:1", "is not UTF-8", id="not UTF-8"),
        pytest.param(b"kind: A\n  b: c\n", TextError, "stdin:2:4", "is not YAML", id="broken YAML"),
        pytest.param(b"{{ .Values.x }}\n", ResourceListError, "stdin:1", "has no kind", id="a template"),
        pytest.param(b"hello\n", ResourceListError, "stdin:1", "has no kind", id="text"),
        pytest.param(b"- kind: ResourceList\n", ResourceListError, "stdin:1", "has no kind", id="a list"),
        pytest.param(b"kind: Deployment\n", ResourceListError, "stdin:1", "is of kind 'Deployment'", id="a resource"),
        pytest.param(b"kind: List\nitems: []\n", ResourceListError, "stdin:1", "is of kind 'List'", id="another list"),
        pytest.param(
            b"kind: ResourceList\n---\nkind: ResourceList\n", ResourceListError, "stdin:3", "more than one", id="two"
        ),
        pytest.param(
            b"\napiVersion: config.kubernetes.io/v2\nkind: ResourceList\n",
            ResourceListError,
            "stdin:2",
            "has apiVersion 'config.kubernetes.io/v2', expected one of",
            id="a version to come",
        ),
        pytest.param(
            b"kind: ResourceList\nitems: x\n", ResourceListError, "stdin:2:8", "items is 'x'", id="text as items"
        ),
        pytest.param(
            b"kind: ResourceList\nitems:\n  a: {b: c}\n",
            ResourceListError,
            "stdin:3",
            "items is a mapping",
            id="mapping",
        ),
        pytest.param(
            b"kind: ResourceList\nitems: {}\n", ResourceListError, "stdin:2", "items is a mapping", id="braces"
        ),
        pytest.param(
            b"kind: ResourceList\nitems:\n- a\n",
            ResourceListError,
            "stdin:3",
            "items[0] is not a mapping",
            id="text item",
        ),
        pytest.param(
            b"kind: ResourceList\nitems:\n- a: {}\n-\n", ResourceListError, "stdin:3", "items[1] is no", id="null item"
        ),
        pytest.param(
            b"kind: ResourceList\nitems: [{}, x, {}]\n",
            ResourceListError,
            "stdin:2",
            "items[1] is no",
            id="flow text item",
        ),
        pytest.param(
            b"kind: ResourceList\nitems:\n- &a {}\n- *a\n",
            ResourceListError,
            "stdin:4:3",
            "items[1] is an alias",
            id="alias",
        ),
        pytest.param(
            b"a: &i []\nkind: ResourceList\nitems: *i\n",
            ResourceListError,
            "stdin:3:8",
            "items is an alias",
            id="alias list",
        ),
        pytest.param(
            b"kind: ResourceList\nitems:\n- a: *x\n", TextError, "stdin:3:6", "undefined alias", id="undefined alias"
        ),
    ],
)
def test_what_is_no_resource_list_is_refused_with_its_place(
    data: bytes, error: type[ReportedError], where: str, what: str
) -> None:
    with pytest.raises(error) as caught:
        ResourceList.parse(data)
    assert (caught.value.where, what in caught.value.what) == (where, True), caught.value.what


def test_truncated_yaml_is_refused_and_a_line_is_named() -> None:
    with pytest.raises(TextError) as caught:
        ResourceList.parse(b"kind: ResourceList\nitems:\n- kind: [A,\n")
    assert re.fullmatch(r"stdin:[34]:[0-9]+", caught.value.where)


ITEM = """\
- # why
  apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: b-a-web # now
    namespace: prod
    labels: {app: web, version: 1.10, odd: {x: y}}
    annotations:
      internal.config.kubernetes.io/path: app/web.yaml
      internal.config.kubernetes.io/index: '2'
      internal.config.kubernetes.io/package-path: /packages/web
      internal.config.kubernetes.io/previousKinds: StatefulSet,Deployment
      internal.config.kubernetes.io/previousNames: web,a-web
      internal.config.kubernetes.io/previousNamespaces: default,stage
      config.kubernetes.io/local-config: "true"
  spec:
    text: |
      one
      two
  # foot
"""


def test_item_tells_what_it_is_called_and_where_it_comes_from() -> None:
    (item,) = parse(HEAD + "items:\n" + ITEM).items
    assert (item.api_version, item.kind, item.name, item.namespace) == ("apps/v1", "Deployment", "b-a-web", "prod")
    assert (item.original_kind, item.original_name, item.original_namespace) == ("StatefulSet", "web", "default")
    assert [identity.name for identity in item.identities] == ["web", "a-web", "b-a-web"]
    assert item.labels == {"app": "web", "version": "1.10"}
    assert (item.path, item.index, item.package_path) == ("app/web.yaml", 2, "/packages/web")
    assert item.is_local_config
    assert item.ref == ResourceRef("apps/v1", "Deployment", "b-a-web", "prod")
    assert item.file == File("app/web.yaml", 2)


def test_item_without_a_path_is_about_no_file() -> None:
    (item,) = parse(HEAD + "items: [{kind: A}]").items
    assert (item.file, item.path, item.index, item.original_name) == (None, "", 0, "")


def test_item_text_is_yaml_by_itself() -> None:
    (item,) = parse(HEAD + "items:\n" + ITEM).items
    assert item.text.startswith("  apiVersion: apps/v1\n  kind: Deployment\n")
    assert item.text.endswith("      two\n")
    assert (item.line, item.column, item.number) == (5, 2, 0)


def test_scalars_of_an_item_have_their_own_paths_and_the_lists_offsets() -> None:
    resources = parse(HEAD + "items:\n- kind: X\n" + ITEM + "- kind: Y\n")
    scalars = {scalar.path: scalar for scalar in resources.items[1].scalars()}
    name = scalars["metadata", "name"]
    assert resources.text[name.start : name.end] == "b-a-web"
    assert resources.text.splitlines()[name.line - 1][name.column - 1 :] == "b-a-web # now"
    text = scalars["spec", "text"]
    assert resources.text[text.start : text.end] == "|\n      one\n      two\n"


def test_loaded_item_is_the_callers_own() -> None:
    (item,) = parse(HEAD + "items:\n- &a {kind: A, data: {k: v}}\n").items
    item.load()["data"]["k"] = "changed"
    assert item.load() == {"kind": "A", "data": {"k": "v"}}


ALIASES = """\
kind: ResourceList
functionConfig:
  kind: &kind Web
  metadata: &meta {name: shared, labels: &labels {app: web}, annotations: {n: 7, t: true, x: null}}
items:
- kind: A
  spec: &spec {image: x}
- kind: B
  spec: *spec
- kind: *kind
  metadata: *meta
- <<: {kind: C}
  metadata: {name: c, labels: *labels}
- kind: D
  inner: &own {a: 1}
  again: *own
results: [{message: m, tags: *labels}]
"""


def test_anchors_of_other_parts_of_the_list_work() -> None:
    resources = parse(ALIASES)
    assert [item.kind for item in resources.items] == ["A", "B", "Web", "C", "D"]
    assert resources.items[1].load() == {"kind": "B", "spec": {"image": "x"}}
    assert resources.items[2].name == "shared"
    assert resources.items[2].annotations == {"n": "7", "t": "true", "x": ""}
    assert resources.items[3].labels == {"app": "web"}
    assert resources.items[4].load() == {"kind": "D", "inner": {"a": 1}, "again": {"a": 1}}
    assert resources.results == (Result("m", tags={"app": "web"}),)
    assert [item.borrows for item in resources.items] == [False, True, True, True, False]


def test_borrowed_data_is_the_callers_own_too() -> None:
    item = parse(ALIASES).items[1]
    item.load()["spec"]["image"] = "changed"
    assert item.load()["spec"] == {"image": "x"}


def test_second_of_two_equal_keys_does_not_count() -> None:
    (item,) = parse(HEAD + "items:\n- kind: A\n  kind: B\n  metadata: {name: a, name: b}\n").items
    assert (item.kind, item.name) == ("A", "a")


def test_item_that_is_no_data_is_known_by_name_and_refused_when_loaded() -> None:
    resources = parse(HEAD + "items:\n- kind: A\n  foo: {? {.x: null} : null}\n- kind: B\n")
    assert [item.kind for item in resources.items] == ["A", "B"]
    with pytest.raises(TextError) as caught:
        resources.items[0].load()
    assert caught.value.where == "stdin:5:11"
    assert resources.items[1].load() == {"kind": "B"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param("", None, id="absent"),
        pytest.param("functionConfig:\n", None, id="nothing behind it"),
        pytest.param("functionConfig: ~\n", None, id="null"),
        pytest.param("functionConfig: {}\n", {}, id="empty"),
        pytest.param("functionConfig: {kind: X}\n", {"kind": "X"}, id="flow"),
        pytest.param(
            "functionConfig:\n  # c\n  kind: X # d\n  spec:\n    a: |\n      b\n",
            {"kind": "X", "spec": {"a": "b\n"}},
            id="block",
        ),
    ],
)
def test_function_config_is_loaded_when_asked_for(config: str, expected: object) -> None:
    assert parse(HEAD + config).function_config == expected
    assert parse(HEAD + config + "items: []\n").function_config == expected


def test_function_config_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ResourceListError) as caught:
        _ = parse(HEAD + "functionConfig: [a]\n").function_config
    assert (caught.value.where, caught.value.what) == (
        "stdin:3",
        "functionConfig is not a mapping, expected a resource",
    )
    with pytest.raises(ResourceListError):
        parse(HEAD + "functionConfig: text\n")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ("", ()),
        ("results:\n", ()),
        ("results: []\n", ()),
        ("results:\n- message: m\n  severity: info\n", (Result("m", "info"),)),
        ("results: [{message: m}, {severity: info}]\n", (Result("m"), Result("(no message)", "info"))),
        ("results: {name: f, items: [{message: m}]}\n", ()),
    ],
)
def test_results_of_functions_before_are_read(results: str, expected: tuple[Result, ...]) -> None:
    assert parse(HEAD + results).results == expected


def test_kustomize_is_known_by_its_annotation() -> None:
    item = "- kind: A\n  metadata: {annotations: {kustomize.config.k8s.io/id: '1'}}\n"
    assert parse(HEAD + "items:\n- kind: B\n" + item).by_kustomize
    assert not parse(HEAD + "items:\n- kind: B\n").by_kustomize


def test_comments_with_the_needle_are_found_on_the_way() -> None:
    resources = parse(
        HEAD + "items:\n- kind: A\n  spec: {a: b} \n  x: y # owner: me\n  z: 1 # other\n", needle="owner:"
    )
    (comment,) = resources.comments
    assert comment.scalar is not None
    assert (comment.text, comment.scalar.path) == ("# owner: me", ("items", 0, "x"))
    assert parse(HEAD + "items: [] # x\n").comments == ()


def test_the_word_results_inside_an_item_is_not_taken_for_the_lists_own() -> None:
    text = HEAD + "items:\n- kind: A\n  results: null\n  functionConfig: x\n  items: y\n"
    resources = parse(text)
    assert (resources.results, resources.function_config, len(resources.items)) == ((), None, 1)
    assert resources.items[0].load() == {"kind": "A", "results": None, "functionConfig": "x", "items": "y"}
