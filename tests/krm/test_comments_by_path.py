"""Line comments and head comments of fields: read, written and removed by path, and nothing else changes."""

from __future__ import annotations

import pytest

from krm_functions import Item, ReportedError, ResourceList, respond

TEXT = """\
apiVersion: v1
kind: A
metadata:
  name: a
  # the labels
  # of a
  labels: {app: web, tier: front} # flow
  annotations: # few
    x: 'y'#tight
    z: "1"   # tight
spec:
  empty: # nothing here
  none:
  text: | # literal
    line # no comment
  folded: >-
    a

    b
  # above the list
  list:
  - one # first
  # head of two
  - two

  # not of three
  #
  - name: three # its name
    value: *x
  - {a: b} # four
  - [1, 2]
"""
TEXT = TEXT.replace("empty: # nothing", "anchor: &x 1\n  empty: # nothing")


def listed(text: str, newline: str = "\n") -> bytes:
    lines = "  ".join(text.splitlines(keepends=True))
    return f"kind: ResourceList\nitems:\n- {lines}functionConfig: {{kind: A}}\n".replace("\n", newline).encode()


def item_of(text: str = TEXT) -> Item:
    return ResourceList.parse(listed(text)).items[0]


@pytest.mark.parametrize(
    ("path", "line", "head"),
    [
        ("kind", "", ""),
        ("metadata.labels", "flow", "the labels\nof a"),
        ("metadata.labels.tier", "", ""),
        ("metadata.annotations", "few", ""),
        ("metadata.annotations.x", "tight", ""),
        ("metadata.annotations.z", "tight", ""),
        ("spec.empty", "nothing here", ""),
        ("spec.none", "", ""),
        ("spec.text", "literal", ""),
        ("spec.folded", "", ""),
        ("spec.list", "", "above the list"),
        ("spec.list[0]", "first", ""),
        ("spec.list[1]", "", "head of two"),
        ("spec.list[2]", "", "not of three\n"),
        ("spec.list[2].name", "its name", ""),
        ("spec.list[2].value", "", ""),
        ("spec.list[3]", "four", ""),
        ("spec.list[*]", "first", ""),
        ("spec.nothing", "", ""),
    ],
)
def test_comments_are_read(path: str, line: str, head: str) -> None:
    assert (item_of().line_comment(path), item_of().head_comment(path)) == (line, head)


def test_reading_comments_changes_nothing() -> None:
    def process(resources: ResourceList) -> None:
        for path in resources.items[0].paths():
            resources.items[0].line_comment(path)

    assert respond(process, listed(TEXT)).stdout == listed(TEXT)


CHANGES = [
    ("kind", "line", "new", ("kind: A\n", "kind: A # new\n")),
    ("metadata.labels", "line", "new", ("} # flow", "} # new")),
    ("metadata.labels", "line", "", ("} # flow", "}")),
    ("metadata.annotations", "line", "new", ("annotations: # few", "annotations: # new")),
    ("metadata.annotations", "line", "", ("annotations: # few", "annotations:")),
    ("metadata.annotations.z", "line", "new", ('"1"   # tight', '"1"   # new')),
    ("spec.empty", "line", "", ("empty: # nothing here", "empty:")),
    ("spec.none", "line", "new", ("none:\n", "none: # new\n")),
    ("spec.text", "line", "new", ("| # literal", "| # new")),
    ("spec.folded", "line", "new", (">-\n", ">- # new\n")),
    ("spec.list[2].value", "line", "new", ("value: *x\n", "value: *x # new\n")),
    ("spec.list[4]", "line", "new", ("[1, 2]\n", "[1, 2] # new\n")),
    ("metadata.name", "head", "one\ntwo", ("  name: a\n", "  # one\n  # two\n  name: a\n")),
    ("metadata.labels", "head", "", ("  # the labels\n  # of a\n", "")),
    ("metadata.labels", "head", "new", ("  # the labels\n  # of a\n", "  # new\n")),
    ("spec.list[0]", "head", "new", ("  - one", "  # new\n  - one")),
    ("spec.list[1]", "head", "a\n\nb", ("  # head of two\n", "  # a\n  #\n  # b\n")),
    ("spec.list", "head", "new", ("  # above the list\n", "  # new\n")),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("path", "place", "comment", "change"), CHANGES)
def test_comments_are_written_and_removed(
    path: str, place: str, comment: str, change: tuple[str, str], newline: str
) -> None:
    def process(resources: ResourceList) -> None:
        item = resources.items[0]
        (item.set_line_comment if place == "line" else item.set_head_comment)(path, comment)
        assert (item.line_comment if place == "line" else item.head_comment)(path) == comment

    assert TEXT.count(change[0]) == 1
    answer = respond(process, listed(TEXT, newline))
    assert answer.stdout.decode() == listed(TEXT.replace(*change), newline).decode()


def test_comments_and_data_change_together_in_any_order() -> None:
    def process(resources: ResourceList) -> None:
        item = resources.items[0]
        item.set_line_comment("metadata.name", "renamed")
        item.name = "b"
        with item.edit() as data:
            data["metadata"]["labels"]["new"] = "x"
            data["spec"]["list"].append("five")
            item.set_line_comment("spec.list[5]", "last")
        item.set_head_comment("spec.list[5]", "above the last")
        item.set_line_comment("spec.list[0]", "")

    expected = TEXT.replace("name: a\n", "name: b # renamed\n").replace("tier: front}", "tier: front, new: x}")
    expected = expected.replace("one # first", "one") + "  # above the last\n  - five # last\n"
    assert respond(process, listed(TEXT)).stdout.decode() == listed(expected).decode()


@pytest.mark.parametrize(
    ("path", "place", "comment", "complaint"),
    [
        ("metadata.labels.app", "line", "x", "stands in a collection on one line, where no comment can be"),
        ("metadata.name", "line", "a\nb", "a comment behind a field has one line"),
        ("metadata.nothing", "line", "x", "does not exist"),
        ("metadata.labels.app", "head", "x", "stands in a flow collection; put the comment above the whole of it"),
    ],
)
def test_a_comment_without_a_place_is_refused(path: str, place: str, comment: str, complaint: str) -> None:
    item = item_of()
    with pytest.raises(ReportedError) as caught:
        (item.set_line_comment if place == "line" else item.set_head_comment)(path, comment)
    assert caught.value.what == complaint
    assert caught.value.where.startswith("v1/A/a")
    assert item.text.lstrip() == item_of().text.lstrip()


def test_json_gets_no_comment() -> None:
    resources = ResourceList.parse(b'{"kind": "ResourceList", "items": [{"kind": "A"}]}')
    with pytest.raises(ReportedError, match="is JSON, which has no comments"):
        resources.items[0].set_line_comment("kind", "x")
