"""Helpers that people know from kpt's SDK: where, results, chain, scope, origin, the Kptfile."""

from __future__ import annotations

import pytest

from krm_functions import Output, ReportedError, ResourceList, Result, Results, UsageError, chain, respond
from krm_functions.annotations import OriginId, is_internal
from krm_functions.result import Field, File, ResourceRef

LIST = """\
kind: ResourceList
items:
- apiVersion: kpt.dev/v1
  kind: Kptfile
  metadata: {name: sub, annotations: {internal.config.kubernetes.io/path: sub/Kptfile}}
- apiVersion: kpt.dev/v1
  kind: Kptfile
  metadata:
    name: root
    annotations: {internal.config.kubernetes.io/path: Kptfile, config.kubernetes.io/local-config: 'true'}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: api
    labels: {app: api}
    annotations: {internal.kpt.dev/upstream-identifier: 'apps|Deployment|~C|example'}
- apiVersion: v1
  kind: Service
  metadata: {name: web}
- apiVersion: v1
  kind: Namespace
  metadata: {name: shop}
- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  metadata: {name: gateways.example.com}
  spec: {group: example.com, scope: Cluster, names: {kind: Gateway, plural: gateways}}
- apiVersion: example.com/v1
  kind: Gateway
  metadata: {name: g}
- apiVersion: other.com/v1
  kind: Gateway
  metadata: {name: h}
"""


def parsed() -> ResourceList:
    return ResourceList.parse(LIST.encode())


@pytest.mark.parametrize(
    ("properties", "names"),
    [
        ({"kind": "Deployment"}, ["web", "api"]),
        ({"kind": "Deployment", "labels": "app in (web, db)"}, ["web"]),
        ({"labels": "!tier,app"}, ["api"]),
        ({"name": "web"}, ["web", "web"]),
        ({"group": "", "version": "v1"}, ["web", "shop"]),
        ({"namespace": "default", "kind": "Deployment"}, ["api"]),
        ({"local_config": True}, ["root"]),
    ],
    ids=["kind", "labels", "absent label", "name", "core group", "namespace", "local config"],
)
def test_where_gives_the_items_that_have_all_properties(properties: dict[str, object], names: list[str]) -> None:
    assert [item.name for item in parsed().where(**properties)] == names  # type: ignore[arg-type]


def test_where_refuses_what_is_not_a_label_selector() -> None:
    with pytest.raises(UsageError, match="label selector"):
        parsed().where(labels="app in web")


def test_is_gvk_compares_what_is_given() -> None:
    web = parsed().where(kind="Deployment")[0]
    assert web.is_gvk("apps", "v1", "Deployment")
    assert web.is_gvk(None, None, "Deployment")
    assert not web.is_gvk("", None, "Deployment")
    assert not web.is_gvk("apps", "v1beta1", None)


def test_the_kptfile_is_that_of_the_package_itself() -> None:
    kptfile = parsed().kptfile
    assert kptfile is not None
    assert kptfile.name == "root"
    assert ResourceList.parse(b"kind: ResourceList\n").kptfile is None


def test_scope_is_known_for_built_in_kinds_and_for_those_that_the_list_defines() -> None:
    assert [(item.kind, item.scope) for item in parsed().items][2:] == [
        ("Deployment", "Namespaced"),
        ("Deployment", "Namespaced"),
        ("Service", "Namespaced"),
        ("Namespace", "Cluster"),
        ("CustomResourceDefinition", "Cluster"),
        ("Gateway", "Cluster"),
        ("Gateway", ""),
    ]


def test_the_origin_is_kpts_upstream_identifier_or_the_first_name() -> None:
    web, api = parsed().where(kind="Deployment")
    assert web.origin_id == OriginId("apps", "Deployment", "shop", "web")
    assert api.origin_id == OriginId("apps", "Deployment", "", "example")
    broken = ResourceList.parse(LIST.replace("apps|Deployment|~C|example", "apps|Deployment").encode())
    with pytest.raises(ReportedError, match=r"is not group\|kind\|namespace\|name"):
        _ = broken.items[3].origin_id


@pytest.mark.parametrize(
    ("key", "internal"),
    [
        ("internal.config.kubernetes.io/path", True),
        ("internal.config.kubernetes.io/anything", True),
        ("config.kubernetes.io/index", True),
        ("config.k8s.io/id", True),
        ("internal.kpt.dev/upstream-identifier", True),
        ("config.kubernetes.io/local-config", False),
        ("config.kubernetes.io/origin", False),
        ("internal.example.com/path", False),
    ],
)
def test_annotations_of_the_orchestrator_are_known(key: str, internal: bool) -> None:
    assert is_internal(key) is internal


def test_results_name_the_resource_the_field_and_the_file() -> None:
    resources = parsed()
    results = resources.results
    results.error("no such package", resources.items[0], "info.name", current="a", proposed="b", tags={"line": "3"})
    results.warn("look at this", resources.items[2])
    results.info("done")
    results.info("here", resources.items[2], ("metadata", "labels", "a.b/c"))
    results.append(Result("as it was", "warning"))
    ref = ResourceRef("kpt.dev/v1", "Kptfile", "sub")
    assert results == [
        Result("no such package", "error", ref, Field("info.name", "a", "b"), File("sub/Kptfile"), {"line": "3"}),
        Result("look at this", "warning", ResourceRef("apps/v1", "Deployment", "web", "shop")),
        Result("done", "info"),
        Result(
            "here",
            "info",
            ResourceRef("apps/v1", "Deployment", "web", "shop"),
            Field('metadata.labels["a.b/c"]'),
        ),
        Result("as it was", "warning"),
    ]


def test_results_of_earlier_functions_come_first_and_are_not_written_twice() -> None:
    seen: list[list[str]] = []

    def process(resources: ResourceList) -> None:
        resources.results.info("mine")
        seen.append([result.message for result in resources.results])

    text = "kind: ResourceList\nitems: []\nresults:\n- message: before\n  severity: info\n"
    answer = respond(process, text.encode())
    assert seen == [["before", "mine"]]
    assert answer.stdout.decode() == text + "- message: mine\n  severity: info\n"


@pytest.mark.parametrize("rest", ["", "# c", "\n# c\n", "results:\n- message: |\n    x\n\n"])
def test_an_answer_to_a_list_without_items_says_that_there_are_none(rest: str) -> None:
    """kyaml takes a ResourceList without items for a resource."""
    answer = respond(lambda resources: resources.results.info("done"), f"kind: ResourceList\n{rest}".encode())
    text = answer.stdout.decode()
    assert text.count("items: []\n") == 1
    assert [result.message.strip() for result in ResourceList.parse(answer.stdout).results][-1] == "done"


def test_results_are_a_sequence() -> None:
    results = Results([Result("a"), Result("b")])
    results.info("c")
    assert (len(results), results[2].message, [each.message for each in results[1:]]) == (3, "c", ["b", "c"])
    assert results != "abc"


def test_what_was_reported_before_an_error_is_reported_with_it() -> None:
    def process(resources: ResourceList) -> None:
        resources.results.warn("look")
        raise UsageError("stop", where="here", hint="go")

    answer = respond(process, b"kind: ResourceList\n")
    assert answer.status == 2
    assert [result.message for result in ResourceList.parse(answer.stdout).results] == ["here: stop; go", "look"]


def test_an_error_among_the_results_fails_the_function() -> None:
    assert respond(lambda resources: resources.results.error("no"), b"kind: ResourceList\n").status == 1


def test_chain_runs_functions_one_after_the_other() -> None:
    def first(resources: ResourceList) -> Output:
        return Output(results=[Result("one", "info")], items=[{"kind": "New"}])

    def second(resources: ResourceList) -> None:
        resources.results.info("two")

    answer = respond(chain(first, second), b"kind: ResourceList\n")
    found = ResourceList.parse(answer.stdout)
    assert ([item.kind for item in found.items], {result.message for result in found.results}) == (
        ["New"],
        {"one", "two"},
    )
    twice = respond(chain(first, second, first), b"kind: ResourceList\n")
    assert twice.status == 1
    assert b"two functions of a chain give back items of their own; run them apart" in twice.stdout
