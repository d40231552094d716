"""Files from a stranger: however they are built, a command ends soon and with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import APP, Sandbox, open_sandbox

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
FILES = {
    "nested a hundred thousand deep": "a: " + "[" * 100_000 + "\n",
    "nested deep and closed": "a: " + "[" * 3_000 + "]" * 3_000 + "\n",
    "blocks within blocks": "".join(f"{' ' * n}a:\n" for n in range(1_500)),
    "an alias bomb": BOMB,
    "an alias inside itself": "a: &a [*a]\n",
    "a long line": "a: " + "x" * 2_000_000 + "\n",
    "thousands of documents": "---\na: b\n" * 5_000,
    "thousands of markers": "- " + APP * 2_000,
    "many anchors": "".join(f"k{n}: &a{n} v\n" for n in range(5_000)),
    "a merge of itself": "a: &a\n  <<: *a\n",
}
COMMANDS = (["update"], ["lint", "."], ["lock"], ["mark", "."], ["explain"])


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


@pytest.mark.parametrize(
    "kind", ["", "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"], ids=["any", "policy"]
)
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_hostile_file_ends_no_command_in_a_traceback(sandbox: Sandbox, text: str, kind: str) -> None:
    sandbox.write("hostile.yaml", kind + text + APP)
    for command in COMMANDS:
        ran = sandbox.run(*command)
        assert ran.status in (0, 1, 2), str(ran)[:2000]
        assert "Traceback" not in ran.err


def test_a_link_is_neither_read_nor_written_through(sandbox: Sandbox) -> None:
    outside = sandbox.root.parent / "outside.yaml"
    outside.write_text(APP)
    (sandbox.root / "link.yaml").symlink_to(outside)
    (sandbox.root / "folder").symlink_to(sandbox.root.parent)
    sandbox.registry.push("1.5.0")
    assert sandbox.run("update").status == 0
    assert outside.read_text() == APP
    assert ":1.5.0" in sandbox.text("app.yaml")
