"""Fields of an item by path, labels and annotations as mappings: helpers follow each other, the text follows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from krm_functions import Item, ReportedError, ResourceList, Result, respond

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # the name
  labels: {app: web, "on": 'yes'} # in one line
  annotations:
    internal.config.kubernetes.io/path: 'web.yaml'
    # why
    example.com/why: because # so
spec:
    replicas: 3 # enough
    template:
        spec:
            # the containers
            containers:
              - name: web
                image: "web:1" # first
                args: [a, 'b'] # flow
              # the second one
              - {name: side, image: side:1} # flow
"""


def listed(*texts: str) -> bytes:
    items = "".join("- " + text.replace("\n", "\n  ").removesuffix("  ") for text in texts)
    return f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}".encode()


def quietly(change: Callable[[Item], object]) -> Callable[[ResourceList], None]:
    """A function that changes the first item."""

    def process(resources: ResourceList) -> None:
        change(resources.items[0])

    return process


def after(change: Callable[[Item], object], text: str = DEPLOYMENT) -> str:
    """The resource once a function has changed it; everything else of the list has to be as it was."""
    answer = respond(quietly(change), listed(text))
    assert answer.status == 0, answer.stdout.decode()
    (item,) = ResourceList.parse(answer.stdout).items
    assert answer.stdout == listed(outdented(item))
    return outdented(item)


def outdented(item: Item) -> str:
    whole = item.whole.text
    return "".join(line[2:] for line in whole[whole.index("items:\n- ") + 7 :].splitlines(keepends=True))


def changed(*pairs: tuple[str, str]) -> str:
    text = DEPLOYMENT
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def first() -> Item:
    return ResourceList.parse(listed(DEPLOYMENT)).items[0]


CHANGES: dict[str, tuple[Callable[[Item], object], list[tuple[str, str]]]] = {
    "nothing": (lambda item: None, []),
    "a label in a flow mapping": (
        lambda item: item.labels.update(team="five"),
        [("'yes'}", "'yes', team: five}")],
    ),
    "a label that is there": (lambda item: item.labels.update(app="api"), [("{app: web,", "{app: api,")]),
    "the same label": (lambda item: item.labels.update(app="web"), []),
    "a label that goes": (lambda item: item.labels.pop("on"), [(", \"on\": 'yes'", "")]),
    "all labels": (lambda item: item.labels.clear(), [("  labels: {app: web, \"on\": 'yes'} # in one line\n", "")]),
    "an annotation": (
        lambda item: item.annotations.__setitem__("a", "1"),
        [("because # so\n", 'because # so\n    a: "1"\n')],
    ),
    "an annotation that goes with its comments": (
        lambda item: item.annotations.pop("example.com/why"),
        [("    # why\n    example.com/why: because # so\n", "")],
    ),
    "the name": (lambda item: setattr(item, "name", "api"), [("name: web # the name", "name: api # the name")]),
    "the namespace, behind the name": (
        lambda item: setattr(item, "namespace", "shop"),
        [("# the name\n", "# the name\n  namespace: shop\n")],
    ),
    "the kind and the version": (
        lambda item: (setattr(item, "kind", "StatefulSet"), setattr(item, "api_version", "apps/v2")),
        [("kind: Deployment", "kind: StatefulSet"), ("apps/v1", "apps/v2")],
    ),
    "a scalar by path": (lambda item: item.set("spec.replicas", 5), [("replicas: 3", "replicas: 5")]),
    "a scalar by tuple": (lambda item: item.set(("spec", "replicas"), 5), [("replicas: 3", "replicas: 5")]),
    "a field with the mappings on the way": (
        lambda item: item.set("spec.strategy.rollingUpdate.maxSurge", "25%"),
        [],
    ),
    "a container's image by name": (
        lambda item: item.set("spec.template.spec.containers[name=side].image", "side:2"),
        [("image: side:1", "image: side:2")],
    ),
    "all images": (
        lambda item: item.set("spec.template.spec.containers[*].image", "x:1"),
        [('"web:1"', '"x:1"'), ("side:1", "x:1")],
    ),
    "no container of that name": (
        lambda item: item.set("spec.template.spec.containers[name=none].image", "x:1"),
        [],
    ),
    "an argument by index": (
        lambda item: item.set("spec.template.spec.containers[0].args[1]", "c"),
        [("'b']", "'c']")],
    ),
    "a field that goes": (lambda item: item.remove("spec.replicas"), [("    replicas: 3 # enough\n", "")]),
    "a container that goes": (
        lambda item: item.remove("spec.template.spec.containers[name=side]"),
        [("              # the second one\n              - {name: side, image: side:1} # flow\n", "")],
    ),
    "what is not there": (lambda item: item.remove("spec.paused"), []),
    "a mapping that is empty then": (
        lambda item: item.remove("metadata.labels.*", prune=True),
        [("  labels: {app: web, \"on\": 'yes'} # in one line\n", "")],
    ),
    "a new container": (
        lambda item: item.upsert("spec.template.spec.containers", {"name": "new", "image": "new:1"}),
        [("side:1} # flow\n", "side:1} # flow\n              - name: new\n                image: new:1\n")],
    ),
    "a container that is there already": (
        lambda item: item.upsert(
            "spec.template.spec.containers", {"name": "web", "image": "web:2", "args": ["a", "b", "c"]}
        ),
        [('"web:1" # first', '"web:2" # first'), ("[a, 'b'] # flow", "[a, 'b', c] # flow")],
    ),
    "several helpers": (
        lambda item: (
            item.labels.update(team="five"),
            setattr(item, "name", "api"),
            item.set("spec.replicas", 4),
            item.remove("spec.replicas"),
            item.labels.update({"more": item.name}),
        ),
        [
            ("'yes'}", "'yes', team: five, more: api}"),
            ("name: web # the name", "name: api # the name"),
            ("    replicas: 3 # enough\n", ""),
        ],
    ),
    "one and its inverse": (lambda item: (setattr(item, "name", "a"), setattr(item, "name", "web")), []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_is_changed_is_another_text(name: str) -> None:
    change, pairs = CHANGES[name]
    expected = changed(*pairs)
    if name == "a field with the mappings on the way":
        expected += "    strategy:\n        rollingUpdate:\n            maxSurge: 25%\n"
    assert after(change) == expected


def test_reads_see_what_was_written_before() -> None:
    item = first()
    item.name = "api"
    item.labels["team"] = "five"
    with item.edit() as data:
        data["metadata"]["labels"]["more"] = "x"
        assert item.labels == {"app": "web", "on": "yes", "team": "five", "more": "x"}
        item.namespace = "shop"
        assert data["metadata"]["namespace"] == "shop"
    assert (item.name, item.namespace, item.get("metadata.labels.more")) == ("api", "shop", "x")
    assert (str(item.ref), "team" in item.labels, len(item.labels)) == ("apps/v1/Deployment/shop/api", True, 4)
    item.namespace = ""
    assert item.namespace == ""


def test_get_gives_the_first_field_as_a_copy_or_the_default() -> None:
    item = first()
    assert item.get("spec.replicas") == 3
    assert item.get("spec.template.spec.containers[*].name") == "web"
    assert item.get("spec.paused") is None
    assert item.get("spec.paused", False) is False
    item.get("metadata.labels")["app"] = "other"
    assert item.labels["app"] == "web"


def test_find_and_paths_give_places_that_get_set_and_remove_take() -> None:
    item = first()
    places = item.find("spec.template.spec.containers[*].image")
    assert places == [("spec", "template", "spec", "containers", number, "image") for number in (0, 1)]
    assert [item.get(place) for place in places] == ["web:1", "side:1"]
    assert [path[-1] for path in item.paths()][-5:] == ["image", 0, 1, "name", "image"]
    assert item.set(places[1], "side:2") == 1
    assert item.remove(places[0]) == 1
    assert item.find("spec.template.spec.containers[*].image") == [places[1]]


def test_set_says_how_many_fields_it_has_set() -> None:
    item = first()
    assert item.set("spec.template.spec.containers[*].image", "x") == 2
    assert item.set("spec.template.spec.containers[name=none].image", "x") == 0
    assert item.upsert("spec.template.spec.volumes", {"name": "v"})
    assert not item.upsert("spec.template.spec.volumes", {"name": "v", "emptyDir": {}})
    assert item.get("spec.template.spec.volumes") == [{"name": "v", "emptyDir": {}}]


def test_a_value_that_is_given_is_copied() -> None:
    item, value = first(), {"a": ["b"]}
    item.set("spec.x", value)
    item.set("spec.y", value)
    value["a"].append("c")
    item.get("spec.y")["a"].append("d")
    assert (item.get("spec.x"), item.get("spec.y")) == ({"a": ["b"]}, {"a": ["b"]})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda item: item.set("spec.replicas.x", 1), "is not a mapping, and has no fields"),
        (lambda item: item.set("spec.template.spec.containers.x", 1), "is not a mapping, and has no fields"),
        (lambda item: item.set("metadata.labels[0]", 1), "is not a list, and has no items"),
        (lambda item: item.set("spec.template.spec.containers[7].image", "x"), "does not exist"),
        (lambda item: item.set("spec.", "x"), "field path 'spec.': expected a key at column 6"),
        (lambda item: item.upsert("spec.replicas", {"name": "x"}), "is not a list"),
        (lambda item: item.labels.update(a=1), "must be a string, not 1"),
        (lambda item: item.set("spec.x", object()), "a object cannot be written as YAML"),
        (
            lambda item: item.annotations.pop("internal.config.kubernetes.io/path"),
            "belongs to kpt and kustomize, and a function must not change it",
        ),
        (
            lambda item: item.annotations.update({"config.kubernetes.io/index": "1"}),
            "belongs to kpt and kustomize, and a function must not change it",
        ),
        (
            lambda item: item.remove("metadata.annotations"),
            "belongs to kpt and kustomize, and a function must not change it",
        ),
    ],
    ids=[
        "through a scalar",
        "a key of a list",
        "an index of a mapping",
        "an index too large",
        "no path",
        "no list",
        "no string",
        "no YAML",
        "an internal annotation removed",
        "an internal annotation added",
        "internal annotations removed by path",
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_changes(change: Callable[[Item], object], complaint: str) -> None:
    item = first()
    before = item.load()
    with pytest.raises(ReportedError) as caught:
        change(item)
    assert caught.value.what == complaint
    assert item.load() == before
    answer = respond(quietly(change), listed(DEPLOYMENT))
    assert answer.status in (1, 2)
    assert outdented(ResourceList.parse(answer.stdout).items[0]).startswith(DEPLOYMENT)


def test_a_mapping_that_is_null_is_filled() -> None:
    text = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  labels:\n"
    assert after(lambda item: item.labels.update(a="b"), text) == f"{text}    a: b\n"
    assert after(lambda item: item.set("metadata.labels.a", "b"), text) == f"{text}    a: b\n"


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {} # {}\ndata: {{k: 'v'}}\n"


def rendered(process: Callable[[ResourceList], object], *texts: str) -> str:
    def silent(resources: ResourceList) -> None:
        process(resources)

    answer = respond(silent, listed(*texts))
    assert answer.status == 0, answer.stdout.decode()
    return answer.stdout.decode()


def new(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_resources_are_added_removed_and_put_in_the_place_of_others() -> None:
    def process(resources: ResourceList) -> None:
        a, b = resources.items
        resources.remove(a)
        added = resources.add(new("c", k="1"))
        added.labels["new"] = "yes"
        resources.upsert(new("b", k="w"))
        assert resources.items == (b, added)
        assert [item.name for item in resources.where(kind="ConfigMap")] == ["b", "c"]

    a, b = CONFIG_MAP.format("a", "one"), CONFIG_MAP.format("b", "two")
    c = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels:\n    new: "yes"\ndata:\n  k: "1"\n'
    assert rendered(process, a, b) == listed(b.replace("'v'", "'w'"), c).decode()


def test_upsert_keeps_the_orchestrators_annotations_and_drops_the_others() -> None:
    notes = "  annotations:\n    internal.config.kubernetes.io/path: 'a.yaml' # file\n    other: x\n"
    before = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n{notes}data:\n  k: v\n"
    found = rendered(lambda resources: resources.upsert(new("a", k="v")), before)
    assert found == listed(before.replace("    other: x\n", "")).decode()


def test_adding_what_is_there_or_has_no_name_is_refused() -> None:
    resources = ResourceList.parse(listed(CONFIG_MAP.format("a", "one")))
    with pytest.raises(ReportedError, match="exists already"):
        resources.add(new("a"))
    with pytest.raises(ReportedError, match=r"has no kind or no metadata\.name"):
        resources.add({"kind": "ConfigMap"})
    with pytest.raises(ValueError, match="is not in the list"):
        resources.remove(first())
    assert resources.find(new("b")) is None


def test_a_failure_gives_back_the_list_as_it_was() -> None:
    def process(resources: ResourceList) -> None:
        resources.items[0].name = "b"
        resources.add(new("c"))
        raise ValueError("a bug")

    answer = respond(process, listed(DEPLOYMENT))
    assert [item.name for item in ResourceList.parse(answer.stdout).items] == ["web"]


def test_an_error_result_gives_back_the_edits_too() -> None:
    def process(resources: ResourceList) -> None:
        resources.items[0].name = "b"
        resources.results.error("no")

    answer = respond(process, listed(DEPLOYMENT))
    found = ResourceList.parse(answer.stdout)
    assert ([item.name for item in found.items], answer.status, found.results) == (["b"], 1, [Result("no")])
