"""What files hold reaches a commit message as one line that neither Git nor a forge obeys."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, begun, bench  # noqa: F401 - fixtures
from imagesetter.git.message_data import commit_text
from support.sandbox import Sandbox, open_sandbox
from tools import require_tool

HOSTILE = {
    "lines and a trailer": (
        "x\n\nSigned-off-by: Eve <eve@example.com>",
        r"x\n\nSigned-off-by: Eve <eve@example.com>",
    ),
    "a trailer": ("Signed-off-by: Eve <eve@example.com>", r"\x53igned-off-by: Eve <eve@example.com>"),
    "a trailer without a space": ("Signed-off-by:Eve", r"\x53igned-off-by:Eve"),
    "a trailer in small letters": ("co-authored-by: e <e@example.com>", r"\x63o-authored-by: e <e@example.com>"),
    "a trailer of any name": ("changelog: security", r"\x63hangelog: security"),
    "a trailer behind a space": (" Change-Id: I1", r" \x43hange-Id: I1"),
    "an issue to close": ("fixes #1", r"\x66ixes \x231"),
    "an issue of another repository": ("Closes: a/b#12", r"\x43loses: a/b\x2312"),
    "an issue by its address": ("resolved https://example.com/1", r"\x72esolved https://example.com/1"),
    "an issue of a tracker": ("closing ABC-1", r"\x63losing ABC-1"),
    "a mention": ("@org/team", r"\x40org/team"),
    "a mention in brackets": ("(@me)", r"(\x40me)"),
    "no CI": ("[skip ci]", r"\x5bskip ci]"),
    "no CI either": ("[CI skip]", r"\x5bCI skip]"),
    "no CI of Azure": ("***NO_CI***", r"\x2a**NO_CI***"),
    "no checks": ("skip-checks: true", r"\x73kip-checks: true"),
    "an escape sequence": ("a\x1b[31m\x07", r"a\x1b[31m\x07"),
    "a carriage return": ("a\rfixes\r#1", r"a\rfixes\r\x231"),
    "other line ends": ("a\x0bb\x85c\u2028d", r"a\x0bb\x85c\u2028d"),
    "reading from the right": ("\u202ea", r"\u202ea"),
    "a zero": ("a\0b", r"a\x00b"),
}
USUAL = (
    "ghcr.io/org/app:1.0.0@sha256:0123abc",
    "localhost:5000/app:PR-12",
    "nginx:1.27",
    "sha256:0123abc",
    "flux-system:app:tag",
    "apps/v1",
    "Deployment",
    "clusters/my apps/fixtures/web.yaml",
    "closed.example.com/app:1",
    "",
)


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_a_value_becomes_one_line_that_nobody_obeys(text: str, shown: str) -> None:
    assert commit_text(text) == shown
    assert commit_text(text).isprintable()


@pytest.mark.parametrize("text", USUAL)
def test_what_references_paths_and_names_look_like_stays(text: str) -> None:
    assert commit_text(text) == text


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    (tmp_path / "tree").mkdir()
    with open_sandbox(tmp_path / "tree", capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


def in_yaml(text: str) -> str:
    """A double-quoted scalar of that text."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


EVERYTHING = (
    "{{ range .Changed.Changes }}{{ .OldValue }}\n{{ .Setter }}\n{{ end }}"
    "{{ range $f, $objects := .Changed.FileChanges }}{{ range $o, $_ := $objects }}{{ $f }}\n"
    "{{ $o.Kind }}\n{{ $o.Name }}\n{{ $o.Namespace }}\n{{ $o.APIVersion }}\n{{ end }}{{ end }}"
)


def trailers(message: bytes) -> str:
    """The trailers that git finds."""
    command = [require_tool("git"), "interpret-trailers", "--parse"]
    return subprocess.run(command, input=message, capture_output=True, check=True).stdout.decode()


def assert_tame(message: bytes) -> None:
    text = message.decode()
    assert all(char.isprintable() or char == "\n" for char in text), text
    assert "by: eve" not in trailers(message).lower()
    for obeyed in ("\nSigned-off-by", "\nsigned-off-by", "\n@", "fixes #1", "\n#1", "[skip ci]"):
        assert obeyed not in "\n" + text, text


@pytest.mark.parametrize("template", ["", EVERYTHING], ids=["the default message", "a template with everything"])
@pytest.mark.parametrize("text", [text for text, _ in HOSTILE.values()], ids=HOSTILE)
def test_what_a_file_holds_cannot_write_into_the_message_file(sandbox: Sandbox, text: str, template: str) -> None:
    resource = f"apiVersion: {in_yaml(text)}\nkind: {in_yaml(text)}\nmetadata: {{name: {in_yaml(text)}}}\n"
    name = "app.yaml" if "\0" in text or "/" in text else f"{text}.yaml"
    (sandbox.root / "app.yaml").unlink()
    # The text stands before an image, since a text that holds none may be refused.
    before = f"{text} registry.example.com/web:1.4.0"
    sandbox.write(name, f'{resource}command: {in_yaml(before)} # {{"$imagepolicy": "flux-system:web"}}\n')
    ran = sandbox.run("update", "--message-file", "../message", "--message-template", template)
    assert ran.status == 0, str(ran)
    message = (sandbox.root.parent / "message").read_bytes()
    assert_tame(message)
    if not template:
        assert message.decode().splitlines() == [
            "Update 1 image",
            "",
            f"- {commit_text(before)} → {commit_text(before.replace('web:1.4.0', 'web:1.5.0'))}",
        ]


@pytest.mark.parametrize("text", ["x\n\nSigned-off-by: Eve <e@example.com>\n", "Signed-off-by: Eve <e@example.com>"])
def test_what_a_file_holds_cannot_write_into_the_commit_of_an_automation(
    bench: Bench,  # noqa: F811
    text: str,
) -> None:
    bench.remote.commit({"deploy/web.yaml": f'image: {in_yaml(text)} # {{"$imagepolicy": "apps:web"}}\n'})
    template = "{{ range .Changed.Changes }}{{ .OldValue }}\\n{{ end }}\\nReviewed-by: {{ .Values.reviewer }}"
    automation = AUTOMATION.replace(
        "    commit:\n",
        f'    commit:\n      messageTemplate: "Update\\n\\n{template}"\n'
        "      messageTemplateValues: {reviewer: Ann}\n",
    )
    assert bench.run(automation).status == "pushed"
    assert bench.remote.git("log", "-1", "--format=%(trailers)", "main") == "Reviewed-by: Ann"
    assert_tame(bench.remote.git("log", "-1", "--format=%B", "main").encode())
