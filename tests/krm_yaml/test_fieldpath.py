"""Field paths as people write them, and what they find."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krm_functions.errors import UsageError
from krm_functions.yaml.field_path import FieldPath, find, find_scalars, format_path, parse_path
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scalars

TEXT = """\
metadata:
  annotations:
    example.com/image: x
    "a]b": y
spec:
  containers:
  - name: web
    image: web:1
  - name: side car
    image: side:1
  ports: [1, 2]
  "*": star
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "containers", 0, "image"), "spec.containers[0].image"),
        (("metadata", "annotations", "a.b/c"), 'metadata.annotations["a.b/c"]'),
        (("a/b", "c-d_e"), "a/b.c-d_e"),
        (("",), '[""]'),
        (("*", "né"), '["*"]["né"]'),
        ((0, 1, "x"), "[0][1].x"),
        ((), ""),
    ],
    ids=["usual", "dots", "slashes and dashes stand as they are", "empty", "a star and letters", "lists", "the root"],
)
def test_paths_are_written_as_kubectl_writes_them(path: FieldPath, text: str) -> None:
    assert format_path(path) == text


@given(st.lists(st.text(max_size=4) | st.integers(0, 9), min_size=1, max_size=4).map(tuple))
def test_a_written_path_is_a_pattern_for_itself(path: FieldPath) -> None:
    data: object = "leaf"
    for step in reversed(path):
        data = {step: data} if isinstance(step, str) else [*[None] * step, data]
    assert find(data, parse_path(format_path(path))) == [path]


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("spec.containers[name=web].image", ["web:1"]),
        ('spec.containers[name="side car"].image', ["side:1"]),
        ("spec.containers[name=side car].image", ["side:1"]),
        ("spec.containers[*].image", ["web:1", "side:1"]),
        ("spec.containers[1].image", ["side:1"]),
        ("spec.ports[*]", ["1", "2"]),
        ('metadata.annotations["example.com/image"]', ["x"]),
        ('metadata.annotations["a]b"]', ["y"]),
        ("metadata.annotations.*", ["x", "y"]),
        ('spec["*"]', ["star"]),
        ("spec.containers[name=none].image", []),
        ("spec.containers[2].image", []),
        ("spec.containers", []),
        ("spec.nothing", []),
        # as in kustomize's replacements
        ("spec.containers.[name=web].image", ["web:1"]),
        ("spec.containers.[name=side car].image", ["side:1"]),
        ("spec.containers.*.image", ["web:1", "side:1"]),
        ("spec.containers.[*].image", ["web:1", "side:1"]),
        ("spec.containers.1.image", ["side:1"]),
        ("spec.containers.[1].image", ["side:1"]),
        ("spec.containers.01.image", []),
        ("spec.containers.2.image", []),
        ("spec.ports.0", ["1"]),
        ("metadata.annotations.[example.com/image]", ["x"]),
        (r"metadata.annotations.example\.com/image", ["x"]),
    ],
)
def test_patterns_find_scalars(pattern: str, values: list[str]) -> None:
    parsed = parse_path(pattern)
    assert [scalar.value for scalar in find_scalars(scalars(TEXT), parsed)] == values
    assert str(parsed) == pattern


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("spec.containers[name=web]", [("spec", "containers", 0)]),
        ("spec.containers[*].name", [("spec", "containers", 0, "name"), ("spec", "containers", 1, "name")]),
        ("spec.*", [("spec", "containers"), ("spec", "ports"), ("spec", "*")]),
        ("spec.ports[1]", [("spec", "ports", 1)]),
        ("spec.ports.x", []),
        ("spec[0]", []),
    ],
)
def test_patterns_find_places_in_data(pattern: str, paths: list[FieldPath]) -> None:
    assert find(load(TEXT), parse_path(pattern)) == paths


@pytest.mark.parametrize(
    ("pattern", "reason", "column"),
    [
        ("", "is empty", 0),
        (".a", "expected a key", 1),
        ("a..b", "expected a key", 3),
        ("a.", "expected a key", 3),
        ("a b", "expected . or [", 2),
        ("a[", "expected an index", 3),
        ("a[]", "expected an index", 3),
        ("a[x]", "expected an index", 3),
        ("a.[", "expected an index", 4),
        ("a.[]", "expected an index", 4),
        (".[name=x]", "expected a key", 1),
        ("a.b\\", "expected . or [", 4),
        ("a[x=1", "the bracket is not closed", 6),
        ('a["b]', "expected an index", 3),
        ('a["\\x"]', "is not a JSON string", 3),
        ("a]", "expected . or [", 2),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_pointer(pattern: str, reason: str, column: int) -> None:
    with pytest.raises(UsageError, match=reason.replace("[", r"\[").replace(".", r"\.")) as caught:
        parse_path(pattern)
    if column:
        assert caught.value.hint == f"{pattern}\n{'~' * (column - 1)}^"
