"""With ``--nested`` (``nested: true``) markers inside the text of a value are followed, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.config.options import FunctionOptions
from imagesetter.selection.status_source import StatusSource
from imagesetter.update.resource_list import update_resource_list
from krm_functions.resource_list import ResourceList
from krm_functions.yaml.edits import splice
from support.flux_repositories import policy, repository
from support.runs import Ran, run_here, write_files

WEB = "registry.example.com/web"
MARK = '# {"$imagepolicy": "flux-system:web"}'
TAG = '# {"$imagepolicy": "flux-system:web:tag"}'
ESCAPED = MARK.replace('"', '\\"')
POLICIES = f"{repository()}---\n{policy('1.0.5')}"

FOLLOWED = {
    "a literal block": f"a:\n  b: |-\n    tag: 1.0.0 {TAG}\n\n    kept:   1.0.0  \n",
    "a folded block": f"a: >\n  image: {WEB}:1.0.0 {MARK}\n",
    "a block with an indentation indicator": f"a: |2+\n    tag: 1.0.0 {TAG}\n\n\nb: 1\n",
    "a block that is an item": f"- |\n  tag: 1.0.0 {TAG}\n- x\n",
    "CR LF": f"a: |\r\n  tag: 1.0.0 {TAG}\r\n  b: 1.0.0\r\nc: 1.0.0\r\n",
    "a JSON patch": f"patches:\n- patch: |\n    - op: replace\n      path: /a\n      value: {WEB}:1.0.0 {MARK}\n",
    "double quotes": f'a: "image: {WEB}:1.0.0 {ESCAPED}\\nb: 1"\n',
    "single quotes": f"a: 'image: {WEB}:1.0.0 {MARK}'\n",
    "quotes in the text": f"a: |\n  tag: '1.0.0' {TAG}\n  image: \"{WEB}:1.0.0\" {MARK}\n",
    "several documents in the text": f"a: |\n  tag: 1.0.0 {TAG}\n  ---\n  tag: 1.0.0 {TAG}\n",
    "the same value beside it without a marker": f"a: |\n  x: 1.0.0\n  tag: 1.0.0 {TAG}\n  y: 1.0.0\n",
    "a field of the file beside it": f"tag: 1.0.0 {TAG}\na: |\n  tag: 1.0.0 {TAG}\n",
    "a line of another kind": f"a: |\n  WEB=1.0.0 {TAG}\n",
    "text after the document ends": f"a: |\n  tag: 1.0.0 {TAG}\n---\nb: 1.0.0\n",
}
LEFT = {
    "text that is no YAML": f"a: |\n  {{{{ if x }}}}\n  tag: 1.0.0 {TAG}\n  {{{{ end }}}}\n",
    "another spelling in the file": 'a: "tag: 1\\x2e0.0 ' + TAG.replace('"', '\\"') + '"\n',
    "a comment on a line of its own": f"a: |\n  tag: 1.0.0\n  {TAG}\n",
    "text in text": "a: |\n  b: |\n    tag: 1.0.0 " + TAG + "\n",
}


def update(
    text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str
) -> tuple[Ran, str]:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, {"p.yaml": POLICIES, "a.yaml": text})
    ran = run_here(capsys, "update", "--from", "status", *options)
    return ran, (tmp_path / "a.yaml").read_bytes().decode()


def marked(text: str) -> str:
    """The text with the selected tag in each line with a marker."""
    lines = text.splitlines(keepends=True)
    return "".join(line.replace("1.0.0", "1.0.5") if "$imagepolicy" in line else line for line in lines)


@pytest.mark.parametrize("text", FOLLOWED.values(), ids=FOLLOWED)
def test_a_marker_in_the_text_of_a_value_is_followed_on_request(
    text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, after = update(text, capsys, tmp_path, monkeypatch)
    assert "inside the text of a value" in ran.err
    assert after == _plain(text)
    ran, after = update(after, capsys, tmp_path, monkeypatch, "--nested")
    assert (ran.status, ran.err) == (0, "")
    assert after == marked(text)
    ran, again = update(after, capsys, tmp_path, monkeypatch, "--nested", "--check")
    assert (ran.status, again) == (0, after)


def _plain(text: str) -> str:
    """The text after an update that leaves the text of values alone."""
    return text.replace(f"tag: 1.0.0 {TAG}\na:", f"tag: 1.0.5 {TAG}\na:")


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_what_cannot_be_changed_where_it_is_stays_and_is_reported(
    text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, after = update(text, capsys, tmp_path, monkeypatch, "--nested")
    assert after == text
    assert "this marker is inside the text of a value" in ran.err


def test_a_change_names_file_line_and_field(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"kind: ConfigMap\ndata:\n  values.yaml: |\n    x: 1\n    image: {{tag: 1.0.0}}\n    tag: 1.0.0 {TAG}\n"
    ran, _ = update(text, capsys, tmp_path, monkeypatch, "--nested", "--output", "json")
    assert '"line": 6' in ran.out
    assert '"data[\\"values.yaml\\"].tag"' in ran.out or '"field": "data' in ran.out


def test_an_unknown_policy_in_the_text_of_a_value_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"tag: 1.0.0 {TAG}\na: |\n  tag: 1.0.0 {TAG.replace('web', 'wbe')}\n"
    ran, after = update(text, capsys, tmp_path, monkeypatch, "--nested")
    assert ran.status == 1
    assert "a.yaml:3: error: flux-system:wbe: ImagePolicy flux-system:wbe was not found" in ran.err
    assert after == text.replace("1.0.0", "1.0.5", 1)


def test_a_function_follows_it_in_its_items() -> None:
    items = "".join(f"- {each}".replace("\n", "\n  ").rstrip(" ") for each in POLICIES.split("---\n"))
    field = "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data:\n    v.yaml: |\n      tag: 1.0.0 "
    text = f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}{field}{TAG}\n      x: 1.0.0\n"
    listing = ResourceList.parse(text.encode())

    def run(options: FunctionOptions) -> tuple[str, list[str]]:
        found = update_resource_list(listing, options, lambda catalog, known: StatusSource(catalog))
        return splice(text, found.edits), [result.message for result in found.results]

    after, messages = run(FunctionOptions(source="status"))
    assert after == text
    assert messages[0] == (
        "this marker is inside the text of a value, so it has no effect (Flux ignores it, too); write the value into a "
        "field of its own, and mark it there; or follow it with nested: true, which Flux does not have"
    )
    assert run(FunctionOptions(source="status", nested=True)) == (
        text.replace("tag: 1.0.0", "tag: 1.0.5"),
        ["set 1.0.0 → 1.0.5", "1 field changed, 0 up to date"],
    )
