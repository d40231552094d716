"""The language server, asked by pygls' own client over standard input and output, and by Neovim."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from support.fakes import Reply, run_fake
from support.runs import Ran, run_here, write_files
from tools import CHECKOUT, require_tool

POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: HOST/web, interval: 5m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
"""
APP = """\
apiVersion: v1
kind: Pod
metadata: {name: "wëb 🚢"}
spec:
  containers:
  - name: web
    image: HOST/web:1.4.0 # {"$imagepolicy": "flux-system:web"}
  - name: other
    image: HOST/web:1.3.0
"""
LINE = 6
TAGS = ["1.3.0", "1.4.0", "1.4.1", "2.0.0", "latest"]
PROGRAM = [sys.executable, "-m", "imagesetter", "lsp", "--stdio"]


class Folder:
    """A repository whose tags are in the cache, and that is locked."""

    def __init__(self, root: Path, host: str, run: Callable[..., Ran]) -> None:
        self.root, self.host, self.run = root, host, run

    def text(self, name: str = "app.yaml") -> str:
        return (self.root / name).read_bytes().decode()

    def uri(self, name: str = "app.yaml") -> str:
        return (self.root / name).as_uri()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Folder]:
    with run_fake(lambda seen: Reply(200, {"tags": TAGS}, {"Docker-Content-Digest": f"sha256:{'a' * 64}"})) as fake:
        root = tmp_path / "re po"
        write_files(
            root, {"policies.yaml": POLICIES.replace("HOST", fake.host), "app.yaml": APP.replace("HOST", fake.host)}
        )
        monkeypatch.chdir(root)
        monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")
        monkeypatch.setenv("IMAGESETTER_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("PYTHONPATH", str(CHECKOUT / "fn"))
        made = Folder(root, fake.host, lambda *arguments: run_here(capsys, *arguments))
        assert made.run("update", "--check", "--quiet").status == 1
        yield made


class Editor(LanguageClient):
    """An editor that opens files and remembers what it is told of them."""

    def __init__(self, folder: Folder) -> None:
        super().__init__("test", "1")
        self.folder = folder
        self.versions: dict[str, int] = {}
        self.published: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
        published = self.published
        self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: published.put_nowait(params))

    async def open(self, name: str = "app.yaml") -> list[lsp.Diagnostic]:
        item = lsp.TextDocumentItem(self.folder.uri(name), "yaml", 1, self.folder.text(name))
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return list((await asyncio.wait_for(self.published.get(), 60)).diagnostics)

    async def type(self, text: str, name: str = "app.yaml") -> list[lsp.Diagnostic]:
        """Replace the text of a file, unsaved."""
        self.versions[name] = self.versions.get(name, 1) + 1
        identifier = lsp.VersionedTextDocumentIdentifier(self.versions[name], self.folder.uri(name))
        change = lsp.TextDocumentContentChangeWholeDocument(text)
        self.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, [change]))
        return list((await asyncio.wait_for(self.published.get(), 60)).diagnostics)

    async def hover(self, line: int, name: str = "app.yaml") -> str:
        where = lsp.TextDocumentIdentifier(self.folder.uri(name))
        found = await self.text_document_hover_async(lsp.HoverParams(where, lsp.Position(line, 12)))
        return found.contents.value if found and isinstance(found.contents, lsp.MarkupContent) else ""

    async def complete(self, line: int, column: int) -> list[tuple[str, str]]:
        where = lsp.TextDocumentIdentifier(self.folder.uri())
        found = await self.text_document_completion_async(lsp.CompletionParams(where, lsp.Position(line, column)))
        assert isinstance(found, lsp.CompletionList)
        return [(item.label, item.detail or "") for item in found.items]

    async def actions(self, line: int, diagnostics: list[lsp.Diagnostic] | None = None) -> dict[str, lsp.CodeAction]:
        where, here = lsp.TextDocumentIdentifier(self.folder.uri()), lsp.Position(line, 8)
        context = lsp.CodeActionContext(diagnostics or [])
        asked = lsp.CodeActionParams(where, lsp.Range(here, here), context)
        found = await self.text_document_code_action_async(asked)
        return {each.title: each for each in found or [] if isinstance(each, lsp.CodeAction)}


def edited(text: str, action: lsp.CodeAction, uri: str) -> str:
    """The text after a quick fix; positions in UTF-16 units."""
    assert action.edit is not None and action.edit.changes is not None
    ((found, (edit,)),) = action.edit.changes.items()
    assert found == uri
    lines = [line.encode("utf-16-le") for line in text.splitlines(keepends=True)]
    start, end = edit.range.start, edit.range.end
    before = (
        b"".join(lines[: start.line]) + lines[start.line][: 2 * start.character] if start.line < len(lines) else b""
    )
    behind = lines[end.line][2 * end.character :] + b"".join(lines[end.line + 1 :]) if end.line < len(lines) else b""
    if start.line >= len(lines):
        before = b"".join(lines)
    return (before + edit.new_text.encode("utf-16-le") + behind).decode("utf-16-le")


def edit(folder: Folder, story: Callable[[Editor], Awaitable[None]]) -> None:
    """Run a story with an editor that has the folder open; the server ends when the editor says goodbye."""

    async def run() -> None:
        editor = Editor(folder)
        await editor.start_io(*PROGRAM)
        asked = lsp.InitializeParams(
            lsp.ClientCapabilities(), workspace_folders=[lsp.WorkspaceFolder(folder.root.as_uri(), "x")]
        )
        made = await editor.initialize_async(asked)
        assert made.server_info is not None and made.server_info.name == "imagesetter"
        editor.initialized(lsp.InitializedParams())
        try:
            await asyncio.wait_for(story(editor), 120)
        finally:
            await editor.shutdown_async(None)
            editor.exit(None)
            await editor.stop()

    asyncio.run(run())


def test_a_marker_shows_its_policy_the_current_and_the_latest_tag_and_why(folder: Folder) -> None:
    async def story(editor: Editor) -> None:
        assert await editor.open() == []
        head = f"**`flux-system:web`** `semver 1.x` of `{folder.host}/web`\n\n- current: `1.4.0`\n"
        why = "- why: 5 tags, unparsed −1, out of range −1; the best of 3"
        about, _, rest = (await editor.hover(LINE)).partition("- latest: ")
        assert (about, rest.split("\n")[1]) == (head, why)
        assert rest.startswith("`1.4.1`, by the tags of 20")
        assert await editor.hover(0) == ""
        assert folder.run("lock", "--quiet").status == 0
        assert folder.run("hold", "web", "--exclude", "1.4.2", "--reason", "it *crashes*").status == 0
        editor.text_document_did_save(lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(folder.uri())))
        await editor.published.get()
        shown = await editor.hover(LINE)
        assert "\n- latest: `1.4.1` (`images.lock.yaml`, since 20" in shown
        assert "\n- without 1.4.2 (it \\*crashes\\*)\n" in shown
        unknown = folder.text().replace("flux-system:web", "flux-system:wep")
        (found,) = await editor.type(unknown)
        assert (found.code, found.source, found.severity) == (
            "dangling-marker",
            "imagesetter",
            lsp.DiagnosticSeverity.Error,
        )
        assert await editor.hover(LINE) == (
            "**`flux-system:wep`**: ImagePolicy flux-system:wep was not found\n\ndid you mean flux-system:web?"
        )

    edit(folder, story)


def test_policies_are_completed_in_markers_and_tags_behind_images(folder: Folder) -> None:
    async def story(editor: Editor) -> None:
        await editor.open()
        text = folder.text()
        marked, bare = text.splitlines()[LINE], text.splitlines()[LINE + 2]
        assert await editor.complete(LINE, marked.index("flux-system:web") + 4) == [
            ("flux-system:web", f"{folder.host}/web, semver 1.x")
        ]
        assert [label for label, _ in await editor.complete(LINE, marked.index('"}'))] == ["flux-system:web"]
        ranked = [
            ("1.4.1", "flux-system:web, rank 1"),
            ("1.4.0", "flux-system:web, rank 2"),
            ("1.3.0", "flux-system:web, rank 3"),
        ]
        others = [("latest", ""), ("2.0.0", "")]
        assert await editor.complete(LINE, marked.index("1.4.0")) == [*ranked, *others]
        assert await editor.complete(LINE + 2, len(bare)) == [*ranked, *others]
        await editor.type(text.replace('web"}', 'web:"}'))
        assert [label for label, _ in await editor.complete(LINE, marked.index('"}') + 1)] == [
            "flux-system:web:tag", "flux-system:web:name", "flux-system:web:digest",
        ]  # fmt: skip
        await editor.type(text.replace(bare, f"{bare} #"))
        assert await editor.complete(LINE + 2, len(bare) + 2) == [(' {"$imagepolicy": "flux-system:web"}', "")]
        assert await editor.complete(0, 5) == []

    edit(folder, story)


def test_quick_fixes_mark_update_hold_and_correct(folder: Folder) -> None:
    async def story(editor: Editor) -> None:
        await editor.open()
        text, uri = folder.text(), folder.uri()
        mark = (await editor.actions(LINE + 2))["Mark: follow flux-system:web"]
        bare = text.splitlines()[LINE + 2]
        assert edited(text, mark, uri) == text.replace(bare, f'{bare} # {{"$imagepolicy": "flux-system:web"}}')
        assert list(await editor.actions(LINE)) == [f"Set to {folder.host}/web:1.4.1"]
        assert folder.run("lock", "--quiet").status == 0
        editor.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([]))
        await editor.published.get()
        fixes = await editor.actions(LINE)
        update = fixes[f"Set to {folder.host}/web:1.4.1"]
        assert edited(text, update, uri) == text.replace("web:1.4.0", "web:1.4.1")
        lock = folder.text("images.lock.yaml")
        held = edited(lock, fixes["Hold flux-system:web at 1.4.0"], folder.uri("images.lock.yaml"))
        assert held.removeprefix(lock) == (
            "  holds:\n    - policy: flux-system:web\n      tag: 1.4.0\n      reason: write down why\n"
        )
        unknown = text.replace("flux-system:web", "flux-system:wep").replace("wëb", "ẅëb 🚢")
        (found,) = await editor.type(unknown)
        follow = (await editor.actions(LINE, [found]))["Follow flux-system:web instead"]
        assert list(follow.diagnostics or []) == [found]
        assert edited(unknown, follow, uri) == unknown.replace("flux-system:wep", "flux-system:web")

    edit(folder, story)


def test_half_written_files_are_linted_and_what_cannot_be_read_is_only_logged(folder: Folder) -> None:
    async def story(editor: Editor) -> None:
        await editor.open()
        (found,) = await editor.type('image: {a: 1 # {"$imagepolicy": "flux-system:web"}\n')
        assert found.code == "unreadable-document"
        assert (await editor.hover(0), await editor.complete(0, 7), await editor.actions(0)) == ("", [], {})
        (folder.root / "images.lock.yaml").write_text("kind: ImageLock\napiVersion: imagesetter.dev/v9\n")
        editor.text_document_did_save(lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(folder.uri())))
        await editor.published.get()
        assert await editor.type(folder.text()) == []
        assert "the lock is imagesetter.dev/v9" in await editor.hover(LINE)
        assert list(await editor.actions(LINE)) == []

    edit(folder, story)


def test_without_pygls_the_command_says_what_to_install(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "hidden" / "pygls").mkdir(parents=True)
    (tmp_path / "hidden" / "pygls" / "__init__.py").write_text("raise ImportError('hidden')\n")
    path = os.pathsep.join([str(tmp_path / "hidden"), str(CHECKOUT / "fn")])
    ran = subprocess.run(
        PROGRAM,
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (
        2,
        "error: the language server needs pygls, which is not installed\n  where: imagesetter lsp\n"
        "  hint:  pip install 'imagesetter[lsp]'\n",
    )


NEOVIM = """\
local function story()
  vim.cmd("edit app.yaml")
  local program = vim.json.decode(vim.env.PROGRAM)
  local client = vim.lsp.start_client({ name = "imagesetter", cmd = program, root_dir = vim.fn.getcwd() })
  vim.lsp.buf_attach_client(0, client)
  local known = vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 20)
  local at = vim.lsp.util.make_position_params()
  at.position = { line = 6, character = 8 }
  local hover = vim.lsp.buf_request_sync(0, "textDocument/hover", at, 60000)
  return { known, vim.diagnostic.get(0)[1].code, hover[client].result.contents.value }
end
local done, found = pcall(story)
io.stdout:write(vim.json.encode({ done, found }))
vim.cmd("qall!")
"""


def test_neovim_shows_findings_and_hover(folder: Folder, tmp_path: Path) -> None:
    nvim = require_tool("nvim")
    (tmp_path / "script.lua").write_text(NEOVIM)
    (folder.root / "app.yaml").write_text(folder.text() + 'x: 1 # {"$imagepolicy": "flux-system:wep"}\n')
    ran = subprocess.run(
        [nvim, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {tmp_path / 'script.lua'}"],
        env={**os.environ, "PROGRAM": json.dumps(PROGRAM)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    done, found = json.loads(ran.stdout)
    assert done, found
    known, code, hover = found
    assert (known, code) == (True, "dangling-marker")
    assert hover.startswith(f"**`flux-system:web`** `semver 1.x` of `{folder.host}/web`")
