"""Items that repeat a node of another one (``*alias``): a function changes one item, and no other with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from krm_functions import ResourceList, respond
from krm_functions.yaml.load import load

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
LENDER = """\
- apiVersion: v1
  kind: A
  metadata:
    name: a
    labels: &l
      app: web # the app
  data: &d {x: one}
"""
BORROWER = """\
- apiVersion: v1
  kind: B # borrows
  metadata:
    name: b
    labels: *l
  data:
    <<: *d
    y: 'two'
"""
LIST = f"{HEAD}items:\n{LENDER}{BORROWER}"


def edit(resources: ResourceList) -> None:
    with resources.items[0].edit() as data:
        data["metadata"]["labels"]["app"] = "api"


def delete(resources: ResourceList) -> None:
    with resources.items[0].edit() as data:
        del data["data"]


def edit_both(resources: ResourceList) -> None:
    resources.items[0].labels["app"] = "api"
    with resources.items[1].edit() as data:
        data["data"]["y"] = "three"


def remove(resources: ResourceList) -> None:
    resources.remove(resources.items[0])


LABELS = "metadata.labels", "*l is written out, since the data differ now"
DATA = "data", "the merge key << is written out, since the data differ now"
LABELS_OUT = BORROWER.replace("labels: *l", "labels:\n      app: web")
OUT = LABELS_OUT.replace("    <<: *d\n    y: 'two'\n", "    y: 'two'\n    x: one\n")


@pytest.mark.parametrize(
    ("change", "items", "notes"),
    [
        (edit, LENDER.replace("app: web", "app: api") + LABELS_OUT, [LABELS]),
        (delete, LENDER.replace("  data: &d {x: one}\n", "") + OUT, [DATA, LABELS]),
        (edit_both, LENDER.replace("app: web", "app: api") + LABELS_OUT.replace("two", "three"), [LABELS]),
        (remove, OUT, [DATA, LABELS]),
    ],
)
def test_what_another_item_repeats_is_written_out_there_and_said(
    change: Callable[[ResourceList], None], items: str, notes: list[tuple[str, str]]
) -> None:
    answer = respond(change, LIST.encode())
    assert answer.status == 0
    text = answer.stdout.decode()
    assert text[text.index("items:") :] == f"items:\n{items}"
    results = load(text)["results"]
    assert [(each["field"]["path"], each["message"]) for each in results] == notes
    assert {each["resourceRef"]["name"] for each in results} == {"b"}


def test_an_edit_beside_what_is_repeated_changes_nothing_else() -> None:
    def rename(resources: ResourceList) -> None:
        resources.items[0].name = "c"

    assert respond(rename, LIST.encode()).stdout.decode() == LIST.replace("name: a", "name: c")


def test_an_alias_does_not_come_to_mean_another_anchor_of_the_same_name() -> None:
    text = f"{HEAD}items:\n- kind: A\n  x: &x 1\n- kind: B\n  x: &x 2\n- kind: C\n  x: *x # c\n"

    def remove_b(resources: ResourceList) -> None:
        resources.remove(resources.items[1])

    answer = respond(remove_b, text.encode())
    assert answer.stdout.decode().endswith("items:\n- kind: A\n  x: &x 1\n- kind: C\n  x: 2 # c\n")


def test_an_edit_that_would_change_the_function_config_is_refused() -> None:
    text = f"{LIST}functionConfig: {{labels: *l}}\n"
    answer = respond(edit, text.encode())
    assert answer.status == 1
    (result,) = load(answer.stdout.decode())["results"]
    assert result["message"] == (
        "functionConfig: repeats a node of v1/A/a, and would change with it; "
        "write out in the input what is repeated (*alias)"
    )
    assert answer.stdout.decode().endswith(text[len(HEAD) :])
