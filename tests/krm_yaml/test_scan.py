"""What one pass over a text finds: comments with their scalars, outlines, aliases, broken documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import imagesetter
from krm_functions.errors import TextError
from krm_functions.yaml.scan import scalars, scan
from krm_functions.yaml.scan_result import KEEP, KEEP_ALL, KEEP_TEXT, SPAN, Comment, ScanResult

M = '# {"$imagepolicy": "ns:m"}'
N = '# {"$imagepolicy": "ns:n"}'


def only(found: ScanResult) -> Comment:
    (comment,) = found.comments
    return comment


# -- scalars and their places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "content", "line", "column"),
    [
        (f"a: old {M}\n", "old", 1, 4),
        (f"é🚢: old {M}\n", "old", 1, 5),
        (f"a: 'x\n  y' {M}\n", "'x\n  y'", 1, 4),
        (f"\n\na:\n  old {M}\n", "old", 4, 3),
        (f"a: &x !!str old {M}\n", "old", 1, 13),
        (f"a: &x\n  !!str\n  old {M}\n", "old", 3, 3),
        (f"a: !<tag:yaml.org,2002:str> 'old' {M}\n", "'old'", 1, 29),
        (f"a: |- {M}\n   old\n\n\nb: x\n", f"|- {M}\n   old\n\n\n", 1, 4),
        (f"- - k: old {M}\n", "old", 1, 8),
        (f"a: &x:1 y {M}\n", ":1 y", 1, 6),
        (f"a: [x, {{b: old {M}\n }}]\n", "old", 1, 12),
        (f"a: x\r\nb: old {M}\r\n", "old", 2, 4),
        (f"a: x\rb: old {M}\r", "old", 2, 4),
    ],
)
def test_a_scalar_is_found_with_its_exact_content(text: str, content: str, line: int, column: int) -> None:
    scalar = only(scan(text)).scalar
    assert scalar
    assert text[scalar.start : scalar.end] == content
    assert (scalar.line, scalar.column) == (line, column)


def test_a_scalar_carries_what_its_node_says() -> None:
    text = f"a:\n- x\n- &name !!int 0x1F {M}\n"
    scalar = only(scan(text)).scalar
    assert scalar
    assert scalar.path == ("a", 1)
    assert (scalar.value, scalar.style, scalar.anchor, scalar.tag) == ("0x1F", "", "name", "tag:yaml.org,2002:int")
    assert text[scalar.node :].startswith("&name")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"a: {{b: [x, {{c: old {M}\n}}]}}", ("a", "b", 1, "c")),
        (f"a:\n  b:\n  - c\n  - d: old {M}\n", ("a", "b", 1, "d")),
        (f"old {M}\n", ()),
        (f"- [a, b: old {M}\n]\n", (0, 1, "b")),
        (f"- [a, b: old, {M}\nc]\n", (0, 1, "b")),
        (f"? x\n: old {M}\n", ("x",)),
        (f"? [x]\n: old {M}\n", ("?",)),
        (f"k: &k name\n*k : old {M}\n", ("*k",)),
        (f"<<: {{a: old {M}\n}}\n", ("<<", "a")),
        (f"1: {{~: old {M}\n}}\n", ("1", "~")),
    ],
)
def test_paths_lead_through_every_kind_of_collection(text: str, path: tuple[str | int, ...]) -> None:
    scalar = only(scan(text)).scalar
    assert scalar and scalar.path == path


def test_documents_are_counted_and_scalars_know_theirs() -> None:
    found = scan(f"a: x {M}\n---\n---\n# {{}}\n--- y {N}\n")
    assert [comment.scalar.document for comment in found.comments if comment.scalar] == [0, 3]
    assert [(node.document, node.line) for node in found.documents] == [(0, 1), (1, 3), (2, 5), (3, 5)]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [(f"a: x {M}\n", 1, 6), (f"\n  {M}\n", 2, 3), (f"a: 'x\n y'  {M}\n", 2, 6), (f"é: |  {M}\n  x\n", 1, 7)],
    ids=["behind a scalar", "alone", "behind two lines", "on a header"],
)
def test_comments_have_line_and_column(text: str, line: int, column: int) -> None:
    comment = only(scan(text))
    assert (comment.line, comment.column) == (line, column)
    assert text[comment.start :].startswith(comment.text)
    assert comment.text == M


# -- where comments stand ----------------------------------------------------------------------------------------------

PLACES = {
    "line": [
        f"a: x {M}",
        f"a: x# y\n  z {M}",
        f"- x {M.replace(' ', '')}",
        f"[x, {M}\n]",
        f"[x\n, {M}\n]",
        f"a: |{M}\n x",
    ],
    "head": [f"a:\n{M}\n- x\n", f"a:\n  - y # z\n\n  {M}\n  - 'x'\n", f"{M}\n- x\n", f"a:\n- b: c\n{M}\n- |\n  x\n"],
    "ambiguous-head": [
        f"a:\n- y\n {M}\n- x\n",
        f"a:\n- y\n# z\n{M}\n- x\n",
        f"a:\r\n{M}\r\n- x\r\n",
        f"a:\n  {M}\n  x\n",
        f"{M}\nx\n",
        f"[\n{M}\nx]\n",
        f"- {M}\n  x\n",
        f"a:\n-\n{M}\n- x\n",
        f"a: &a\n  {M}\n  x\n",
        f"---\n{M}\n- x\n",
    ],
    "hidden": [f"a:\n{M}\n- x # y\n", f"a:\n{M}\n- | # y\n  x\n", f"{{a: {M}\n x # y\n}}", f"a: &a {M}\n  x # y\n"],
    "above": [
        f"{M}\na: x\n",
        f"a:\n  {M}\n  b: x\n",
        f"{M}\n- a: x\n",
        f"{M}\n# y\na: x\n",
        f"a: &a b\nl:\n{M}\n- *a\n",
    ],
    "commented-out": [f"# a: x {M}\n", f"a: x\n#- b: y {M}\n", f"#a {M}", f"a:\n# - x {M}\n- y\n"],
    "key": [
        f"a: {M}\n  b: x\n",
        f"a: {M}\n  x\n",
        f"a: {M}\n- x\n",
        f"? a {M}\n: x\n",
        f"a: &a {M}\n  b: x\n",
        f"- {M}\n  a: x\n",
    ],
    "collection": [f"a: {{b: x}} {M}", f"a: [x] {M}", f"a: [ {M}\nx]", f"a: [[x], {M}\ny]", f"a: {{{M}\n}}"],
    "alias": [f"a: &a x\nb: *a {M}\n", f"- &a x\n- *a {M}\n"],
    "empty": [f"a: {M}\nb: x\n", f"- {M}\n- x\n", f"a: !!str {M}\n", f"a: &a {M}\n", f"{{a: , {M}\n}}", f"a: {M}"],
    "duplicate": [
        f"a: x\na: y {M}\n",
        f"a: {{b: x}}\n'a': {{b: y {M}\n}}\n",
        f"a: x\na:\n{M}\n- y\n",
        f"a: x\na: | {M}\n  y\n",
    ],
    "complex-key": [f"? [x, {M}\ny]\n: z\n", f"? - x {M}\n: z\n", f"? {{a: x {M}\n}}\n: z\n"],
    "directive": [f"--- {M}\na: x\n", f"a: x\n... {M}\n", f"%YAML 1.1 {M}\n---\na: x\n"],
    "loose": [
        f"{M}\n",
        f"a: x\n{M}\n",
        f"a: x\n{M}\n\nb: y\n",
        f"a: |\n  x\n{M}\n",
        f"---\n{M}\n---\na: x\n",
        f"{M}\n---\na: x\n",
    ],
    "unparsable": [f"a: [\nb: x {M}\n", f"a: *b {M}\n", f"\ta: x {M}\n"],
}


@pytest.mark.parametrize(("place", "text"), [(place, text) for place, texts in PLACES.items() for text in texts])
def test_every_comment_has_a_place(place: str, text: str) -> None:
    comment = only(scan(text))
    assert comment.place == place
    assert (comment.scalar is not None) == (place in ("line", "head"))


@pytest.mark.parametrize(
    "text",
    [
        f"a: '{M}'\n",
        f'a: "x {M[:2]}$imagepolicy"\n',
        f"a: 'x\n  {M}'\n",
        f"a: |\n  x {M}\n  {M}\n",
        f"a: >-\n\n  {M}\n",
        "a: x#$imagepolicy\n",
        "$imagepolicy: x\n",
        "a: $imagepolicy\n",
        "%TAG !e! tag:x,2000:$imagepolicy\n---\na: x\n",
    ],
)
def test_text_is_no_comment(text: str) -> None:
    assert scan(text).comments == ()


def test_one_comment_is_reported_once_however_often_it_says_it() -> None:
    assert len(scan(f"a: x {M} {N}\n").comments) == 1


def test_a_scalar_may_have_two_comments_of_which_one_counts() -> None:
    found = scan(f"a:\n{M}\n- x {N}\n")
    assert [(comment.place, comment.text) for comment in found.comments] == [("hidden", M), ("line", N)]


def test_comments_come_in_the_order_of_the_text() -> None:
    text = f"{M}\na: x {M}\n{M}\n- bad\n---\n{M}\nb: y {M}\n{M}\n"
    starts = [comment.start for comment in scan(text).comments]
    assert starts == sorted(starts)
    assert len(starts) == 6


def test_other_spellings_count_only_where_the_needle_is() -> None:
    text = 'a: x # {"\\u0024imagepolicy": "ns:m"}\nb: y # {"$ref": "z"}\n'
    assert scan(text).comments == ()
    assert [comment.line for comment in scan(text + '# "$imagepolicy"\n').comments] == [1, 2, 3]


def test_another_needle_may_be_asked_for() -> None:
    assert only(scan("a: x # find me\nb: y # not\n", "find me", also=())).line == 1


# -- anchors and aliases -----------------------------------------------------------------------------------------------


def test_the_aliases_of_an_anchored_scalar_follow_it() -> None:
    text = f"a: &x old {M}\nb: *x\nc: {{d: [*x]}}\ne: &x new\nf: *x\n---\na: &x other\nb: *x\n"
    found = scan(text)
    scalar = only(found).scalar
    assert scalar
    following = [(alias.path, alias.line) for alias in found.aliases if alias.target == scalar.node]
    assert following == [(("b",), 2), (("c", "d", 0), 3)]


# -- outlines ----------------------------------------------------------------------------------------------------------

LIST = f"""\
kind: List
items:
- kind: A
  metadata:
    name: a
    labels: {{x: y, z: [1]}}
  image: x {M}
# between
- kind: B
  kind: again
  metadata: {{name: b}}
- scalar
- {{kind: C}}
- &d
  kind: D
  text: |
    x

end: .
"""
OUTLINE = {
    "kind": KEEP,
    "items": {SPAN: True, "*": {SPAN: True, "kind": KEEP, "metadata": {"name": KEEP, "labels": KEEP_ALL}}},
}


def test_an_outline_gives_nodes_and_the_scalars_in_them() -> None:
    found = scan(LIST, outline=OUTLINE)
    kept = {
        node.path: {".".join(map(str, path)): scalar.value for path, scalar in node.kept.items()}
        for node in found.nodes
    }
    assert kept == {
        ("items",): {},
        ("items", 0): {"kind": "A", "metadata.name": "a", "metadata.labels.x": "y", "metadata.labels.z.0": "1"},
        ("items", 1): {"kind": "B", "metadata.name": "b"},
        ("items", 3): {"kind": "C"},
        ("items", 4): {"kind": "D"},
    }
    assert {path: scalar.value for path, scalar in found.documents[0].kept.items()} == {("kind",): "List"}
    assert only(found).scalar is not None


def test_spans_reach_from_the_first_token_to_the_last() -> None:
    spans = {node.path: LIST[node.start : node.end] for node in scan(LIST, outline=OUTLINE).nodes}
    assert spans["items", 0].startswith("kind: A")
    assert spans["items", 0].endswith("image: x")
    assert spans["items", 1].endswith("{name: b}")
    assert spans["items", 3] == "{kind: C}"
    assert spans["items", 4] == "&d\n  kind: D\n  text: |\n    x\n\n"
    assert spans["items",] == LIST[LIST.index("- kind: A") : LIST.index("end:")]


def test_nodes_know_their_line_and_column() -> None:
    nodes = {node.path: (node.line, node.column) for node in scan(LIST, outline=OUTLINE).nodes}
    assert nodes["items", 0] == (3, 3)
    assert nodes["items", 4] == (14, 3)


@pytest.mark.parametrize("pure", [False, True])
def test_an_outline_can_ask_for_what_scalars_say_alone(pure: bool) -> None:
    text = "items:\n- {kind: A, b: null, c: 'null', d: [], e: \"\\t\", kind: B}\n- kind: |\n    x\n"
    found = scan(text, outline={"items": {"*": {SPAN: True, "*": KEEP_TEXT}}}, pure=pure)
    assert [dict(node.texts) for node in found.nodes] == [
        {("kind",): "A", ("b",): "", ("c",): "null", ("e",): "\t"},
        {("kind",): "x\n"},
    ]
    assert not any(node.kept for node in found.nodes)


def test_an_outline_of_everything_keeps_every_scalar() -> None:
    kept = scan("a: [1, {b: 2}]\n--- 3\n", outline=KEEP_ALL).documents
    assert [[scalar.value for scalar in node.kept.values()] for node in kept] == [["1", "2"], ["3"]]


def test_an_outline_parses_a_text_without_the_needle() -> None:
    assert scan("a: 1\n", outline={"a": KEEP}).documents[0].kept["a",].value == "1"


# -- every scalar ------------------------------------------------------------------------------------------------------


def test_scalars_come_in_order_and_duplicates_are_left_out() -> None:
    text = "a: 1\nb: [2, &x 3]\nc: {d: 4}\na: 5\n? [6]\n: 7\nf: *x\ng:\n--- 8\n"
    assert [(scalar.path, scalar.value) for scalar in scalars(text)] == [
        (("a",), "1"), (("b", 0), "2"), (("b", 1), "3"), (("c", "d"), "4"), (("?",), "7"), (("g",), ""), ((), "8"),
    ]  # fmt: skip


def test_scalars_of_what_does_not_parse_are_refused() -> None:
    with pytest.raises(TextError) as caught:
        scalars("a: [\n")
    assert caught.value.where == "2:1"


# -- broken documents --------------------------------------------------------------------------------------------------


def test_documents_around_a_broken_one_are_found_in_place() -> None:
    text = f"a: x {M}\n---\nb: [\nc: y {M}\n# d: z {M}\n---\ne: &e w {M}\nf: *e\n"
    found = scan(text, outline={"e": KEEP})
    assert [(comment.line, comment.place) for comment in found.comments] == [
        (1, "line"), (4, "unparsable"), (5, "commented-out"), (7, "line"),
    ]  # fmt: skip
    last = found.comments[-1].scalar
    assert last
    assert (text[last.start : last.end], last.document, last.line) == ("w", 2, 7)
    assert [(alias.line, alias.document, alias.target) for alias in found.aliases] == [(8, 2, last.node)]
    assert found.documents[-1].kept["e",].start == last.start
    (broken,) = found.broken
    assert (broken.document, broken.start_line, broken.end_line) == (1, 2, 5)
    assert 3 <= broken.line <= 5
    assert broken.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"a: *b {M}\n", "undefined alias *b"),
        (f"a: {M}\n b: c\n  d: e\n", "mapping values are not allowed"),
        (f"a: \x07 {M}\n", "character U+0007 is not allowed in YAML"),
        (f"a: {'[' * 501}{']' * 501} {M}\n", "nested more than 500 deep"),
        (f"%YAML 3.0\n---\na: x {M}\n", "incompatible YAML document"),
        (f"\ufeffa: x {M}\n", "second byte order mark"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    (broken,) = scan(text).broken
    assert problem in broken.problem


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85"], ids=["LF", "CR LF", "CR", "NEL"])
def test_documents_are_cut_at_any_line_end(end: str) -> None:
    text = end.join(("a: [", "---", f"b: x {M}", "..."))
    found = scan(text)
    assert only(found).scalar
    assert [(broken.start_line, broken.end_line) for broken in found.broken] == [(1, 1)]


def test_directives_go_with_the_document_behind_them() -> None:
    text = f"a: [\n...\n%TAG !e! tag:x,2000:\n# c\n---\nb: !e!x y {M}\n"
    scalar = only(scan(text)).scalar
    assert scalar and scalar.tag == "tag:x,2000:x"


def test_a_line_of_dashes_inside_a_text_is_no_boundary() -> None:
    found = scan(f"a: |\n  ---\n  x\nb: x {M}\nc: '\n ---'\n---x: y\nd: [\n")
    assert [broken.start_line for broken in found.broken] == [1]
    assert only(found).place == "unparsable"


@pytest.mark.parametrize("text", [f"\ufeffa: x {M}\n", f"a: x\n...\n\ufeffb: x {M}\n"], ids=["first", "in a stream"])
def test_a_further_byte_order_mark_does_not_shift_what_is_found(text: str) -> None:
    """libyaml skips one at the start of a text without counting it, which would shift every offset behind it."""
    comment = only(scan(text))
    assert text[comment.start :].startswith("# {")
    if comment.scalar:
        assert text[comment.scalar.start : comment.scalar.end] == "x"
    else:
        assert comment.place == "unparsable"


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_a_text_without_the_needle_does_not_even_import_yaml() -> None:
    code = (
        "import sys; from krm_functions.yaml.scan import scan; scan('a: [b\\n' * 1000); "
        "assert 'yaml' not in sys.modules, 'yaml was imported'"
    )
    root = str(Path(imagesetter.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_cyclic_collector_is_left_as_it_was() -> None:
    import gc

    for text in (f"a: x {M}\n", f"a: [ {M}\n"):
        scan(text)
        assert gc.isenabled()
        gc.disable()
        try:
            scan(text)
            assert not gc.isenabled()
        finally:
            gc.enable()


def test_work_grows_with_the_text_and_not_faster() -> None:
    """Shapes that once cost the square of their length; at these sizes the square would not end."""
    lines = 20_000
    for text in (
        f"{M}\n" * lines + "a: x\n",
        f"a: [\n{('b: x ' + M + chr(10)) * lines}",
        "".join(f"---\na: [\nb: x {M}\n" for _ in range(lines // 4)),
        f"a: x {M}\r" * lines,
        "- " * 400 + f"x {M}\n" + f"- x {M}\n" * lines,
    ):
        assert len(scan(text).comments) >= lines // 4
