"""`check_only_changed`: what a function's test may say about everything that the function leaves alone."""

from __future__ import annotations

import pytest

from krm_functions import Item, ResourceList, respond
from krm_functions.testing import check_only_changed

LIST = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
# above the first
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web # the name
    labels: {app: web} # flow
  spec:
    # how many
    replicas: 3

    template:
      spec:
        containers:
        - name: web # first
          image: web:1
        # the second
        - name: side
          image: side:1
  # foot
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: settings
functionConfig: {kind: A} # configuration
"""


def change(item: Item) -> None:
    item.labels["team"] = "five"
    item.set("spec.replicas", 4)
    item.remove("spec.template.spec.containers[name=web]")
    item.set("spec.strategy.type", "Recreate")


PATHS = ("metadata.labels", "spec.replicas", "spec.template.spec.containers[name=web]", "spec.strategy")


def answer() -> bytes:
    def process(resources: ResourceList) -> None:
        change(resources.items[0])
        resources.results.info("done")

    return respond(process, LIST.encode()).stdout


def test_what_is_named_may_differ() -> None:
    check_only_changed(LIST.encode(), answer(), *PATHS)
    check_only_changed(answer(), LIST.encode(), *PATHS)
    check_only_changed(LIST.encode(), LIST.encode())


@pytest.mark.parametrize("left_out", PATHS)
def test_what_is_not_named_may_not_differ(left_out: str) -> None:
    with pytest.raises(AssertionError, match="apps/v1/Deployment/web"):
        check_only_changed(LIST.encode(), answer(), *(path for path in PATHS if path != left_out))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# the name", "# the other name"),
        ("name: web # the name", "name: 'web' # the name"),
        ("{app: web} # flow", "{app:  web} # flow"),
        ("    # how many\n", ""),
        ("replicas: 3\n\n", "replicas: 3\n"),
        ("        # the second\n", "        # another second\n"),
        ("  # foot\n", ""),
        ("# above the first\n", ""),
        ("# configuration", "# configured"),
        ("kind: Deployment\n", "kind: Deployment\r\n"),
    ],
    ids=[
        "a line comment",
        "quotes",
        "blanks in a flow mapping",
        "a head comment",
        "a blank line",
        "a comment in a list",
        "a foot comment",
        "a comment above an item",
        "the configuration",
        "a line end",
    ],
)
def test_text_that_is_not_named_may_not_differ(old: str, new: str) -> None:
    assert LIST.count(old) == 1
    with pytest.raises(AssertionError, match="other lines"):
        check_only_changed(LIST.encode(), LIST.replace(old, new).encode(), "spec.strategy", "metadata.annotations")


def test_items_may_not_come_or_go() -> None:
    with pytest.raises(AssertionError, match="2 items became 1"):
        check_only_changed(LIST.encode(), LIST[: LIST.index("- apiVersion: v1\n")].encode())


def test_a_label_that_makes_its_mapping_is_only_that_label() -> None:
    def process(resources: ResourceList) -> None:
        resources.items[1].labels["team"] = "five"

    check_only_changed(LIST.encode(), respond(process, LIST.encode()).stdout, "metadata.labels.team")
