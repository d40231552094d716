"""The fast path must give what the function gives, or leave the list to it."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesetter.cli.fast_path import answer
from imagesetter.cli.function import process
from krm_functions.function import respond
from krm_yaml.lists import resource_list

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n"
DEPLOYMENT = """\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    annotations:
      internal.config.kubernetes.io/path: 'web.yaml'
  spec:
    replicas: 3 # by hand
    template:
      spec:
        containers:
        # the service
        - name: web
          image: nginx:1.2.3
          args:
          - --listen=:8080
          - "a: b"
          resources: {}
        - name: other
          image: "nginx"
      volumes:
      -   name: wide
          emptyDir: {}
"""


def by_the_function(data: bytes) -> tuple[bytes, str, int]:
    found = respond(lambda listing: process(listing, {}), data, env={}, needle="$imagepolicy")
    return found.stdout, found.stderr, found.status


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(DEPLOYMENT, id="a deployment"),
        pytest.param(DEPLOYMENT * 3, id="several"),
        pytest.param("- a: b", id="no final newline"),
        pytest.param("- a: b\n\n\n# end\n", id="comments and blank lines at the end"),
        pytest.param("- a:\n  b:\n  - - x\n    - y\n  c: d\n", id="lists of lists and nulls"),
    ],
)
def test_a_plain_list_is_answered_as_the_function_does(items: str) -> None:
    data = (HEAD + items).encode()
    shortest = answer(data, {})
    assert shortest is not None
    assert (shortest, "", 0) == by_the_function(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEAD + '- a: b # {"$imagepolicy": "x:y"}\n', id="a marker"),
        pytest.param(HEAD + "- kind: ImagePolicy\n", id="a policy"),
        pytest.param(HEAD + "- kind: ThingList\n  items: []\n", id="a list among the items"),
        pytest.param(HEAD + "- kind: Secret\n", id="a kind that is read"),
        pytest.param(HEAD + "- a: b\n  kind:  'Namespace'  # here\n", id="a kind that is read, in quotes"),
        pytest.param(HEAD + '- a: b\n  kind: "Odd List"\n', id="a list with an odd name"),
        pytest.param(HEAD + "- a: b\n  imagesetter.dev/fields: c\n", id="our annotation"),
        pytest.param(HEAD + "- a: b\n  kustomize.config.k8s.io/id: c\n", id="under kustomize"),
        pytest.param(HEAD + "- a: b\nfunctionConfig:\n  a: b\n", id="a functionConfig"),
        pytest.param(HEAD + "- a: b\nresults: []\n", id="results"),
        pytest.param("kind: ResourceList\nitems:\n- a: b\n", id="another beginning"),
        pytest.param(HEAD + "- a: [b, c]\n", id="a flow list"),
        pytest.param(HEAD + "- a: b\n   c: d\n", id="not well-formed: a mapping under a value"),
        pytest.param(HEAD + "- a:\n    b:\n   c: d\n", id="not well-formed: a column of nobody"),
        pytest.param(HEAD + "- a:\n    b: c\n  - d\n", id="not well-formed: an entry in a mapping"),
        pytest.param(HEAD + "- a: b: c\n", id="not well-formed: two keys on a line"),
        pytest.param(HEAD + "- a: 'b' c\n", id="not well-formed: text behind a quoted scalar"),
        pytest.param(HEAD + "- a: 'b\n", id="not well-formed: an open quote"),
        pytest.param(HEAD + "- a: b\n\tc: d\n", id="a tab"),
        pytest.param(HEAD + "- a: b\r\n", id="a carriage return"),
        pytest.param(HEAD + "- a: \u00e9\n", id="beyond ASCII"),
        pytest.param(HEAD + "- a\n", id="an item that is no mapping"),
        pytest.param(HEAD + "- - a: b\n", id="an item that is a list"),
        pytest.param(HEAD + "- &x\n  a: b\n", id="an anchor"),
        pytest.param(HEAD + "- a:\n" + "".join("  " * (n + 2) + "a:\n" for n in range(99)), id="very deep"),
        pytest.param(HEAD + "- a:\n  " + "- " * 300_000 + "b\n", id="very many dashes on a line"),
        pytest.param(HEAD + "-\n", id="an empty item"),
        pytest.param(HEAD + "- \n", id="an empty item with a blank"),
        pytest.param(HEAD + "- a: |\n    text\n", id="a block scalar"),
        pytest.param(HEAD + "- a: b\n    c\n", id="a plain scalar on two lines"),
    ],
)
def test_the_function_is_asked_where_the_answer_is_not_certain(data: str) -> None:
    assert answer(data.encode(), {}) is None


@pytest.mark.parametrize("name", ["IMAGESETTER_FROM", "IMAGESETTER_STRICT", "LOG_TO_STDERR"])
def test_the_function_is_asked_where_an_option_is_set(name: str) -> None:
    data = (HEAD + DEPLOYMENT).encode()
    assert answer(data, {"PATH": "/bin"}) is not None
    assert answer(data, {name: "x"}) is None


LINES = st.tuples(
    st.integers(0, 6).map(lambda width: " " * width),
    st.sampled_from(["", "", "- ", "- - ", "-", "-   "]),
    st.sampled_from(["", "a: ", "b:", "kind: ", "'c': ", "# ", "a:b ", "|", "- "]),
    st.sampled_from(["", "x", "1", "x # y", "'x'", '"x"', "{}", "[]", "|", ">-", "x: y", "x:", "'x", "-", "--- ", "?"]),
).map("".join)


@settings(max_examples=500, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=8))
def test_whatever_is_answered_is_answered_as_the_function_does(lines: list[str]) -> None:
    data = (HEAD + "- a:\n" + "\n".join(lines) + "\n").encode()
    shortest = answer(data, {})
    if shortest is not None:
        assert (shortest, "", 0) == by_the_function(data)


CHANGES = st.tuples(st.integers(0, len(DEPLOYMENT)), st.integers(0, 3), st.text(" \n-:#|'\"a{}[]&*!%@`", max_size=4))


@settings(max_examples=500, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=3))
def test_a_changed_resource_is_answered_as_the_function_does(changes: list[tuple[int, int, str]]) -> None:
    text = DEPLOYMENT
    for at, length, put in changes:
        text = text[:at] + put + text[at + length :]
    data = (HEAD + text).encode()
    shortest = answer(data, {})
    if shortest is not None:
        assert (shortest, "", 0) == by_the_function(data)


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_a_generated_list_is_answered_as_the_function_does(seed: int) -> None:
    check_generated(seed)


def test_many_generated_lists_take_the_fast_path() -> None:
    assert sum(check_generated(seed) for seed in range(300)) > 15


def check_generated(seed: int) -> bool:
    """Compare both on one list without markers; whether the fast path took it."""
    text = re.sub(r" *#[^\n]*imagepolicy[^\n]*", "", resource_list(random.Random(seed), simple=seed % 4 > 0))
    data = text.encode()
    shortest = answer(data, {})
    if shortest is not None:
        assert (shortest, "", 0) == by_the_function(data)
    return shortest is not None


def test_the_command_takes_the_fast_path() -> None:
    data = (HEAD + DEPLOYMENT).encode()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGESETTER_")}
    environment.pop("LOG_TO_STDERR", None)
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "imagesetter"],
        input=data,
        capture_output=True,
        env=environment,
        check=False,
    )
    assert run.returncode == 0
    assert run.stdout == by_the_function(data)[0]
    assert b"imagesetter.cli.fast_path" in run.stderr
    assert b"krm_functions" not in run.stderr
