"""The language server: pygls speaks the protocol, `imagesetter.cli.editor.answers` has the content.

It is offline and writes nothing: changes are edits that the editor makes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import TextDocument
from pygls.workspace.position_codec import ServerTextPosition, ServerTextRange

from imagesetter import __version__
from imagesetter.cli.editor import answers
from imagesetter.cli.editor.project import EditorFolder
from imagesetter.lint.finding import Finding
from imagesetter.registry.client import Client
from krm_functions.errors import ReportedError
from krm_functions.yaml.encoding import position

_PAUSE = 0.15
"""Seconds without another key until a text is linted."""
_SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
}
T = TypeVar("T")


class _Server:
    """The handlers of one connection."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.lsp = LanguageServer("imagesetter", __version__)
        self.project = EditorFolder(client, namespace)
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        feature = self.lsp.feature  # it sets attributes, which methods cannot have
        feature(lsp.INITIALIZE)(lambda params: self.begin(params))
        feature(lsp.TEXT_DOCUMENT_DID_OPEN)(lambda params: self.changed(params.text_document.uri))
        feature(lsp.TEXT_DOCUMENT_DID_CHANGE)(lambda params: self.changed(params.text_document.uri, _PAUSE))
        feature(lsp.TEXT_DOCUMENT_DID_SAVE)(lambda params: self.saved())
        feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)(lambda params: self.saved())
        feature(lsp.TEXT_DOCUMENT_DID_CLOSE)(lambda params: self.closed(params))
        feature(lsp.TEXT_DOCUMENT_HOVER)(lambda params: self.hover(params))
        triggers = lsp.CompletionOptions(trigger_characters=['"', ":", "#", "."])
        feature(lsp.TEXT_DOCUMENT_COMPLETION, triggers)(lambda params: self.complete(params))
        kinds = lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
        feature(lsp.TEXT_DOCUMENT_CODE_ACTION, kinds)(lambda params: self.act(params))

    def begin(self, params: lsp.InitializeParams) -> None:
        """Make the editor's folder the working directory; repositories and locks are looked for from there."""
        folders = params.workspace_folders or []
        root = to_fs_path(folders[0].uri) if folders else to_fs_path(params.root_uri or "")
        if root and Path(root).is_dir():
            os.chdir(root)

    def changed(self, uri: str, pause: float = 0.0) -> None:
        """Take the text of a document in, and lint it after a pause."""
        path = self.path(uri)
        if path is None:
            return
        self.project.drafts[path] = self.document(uri).source
        if uri in self.waiting:
            self.waiting[uri].cancel()
        self.waiting[uri] = asyncio.get_running_loop().call_later(pause, partial(self.lint, uri, path))

    def saved(self) -> None:
        """Files have changed on the disk, which may matter to every open document."""
        self.project.refresh()
        for uri in list(self.lsp.workspace.text_documents):
            self.changed(uri)

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """Forget the text of a document."""
        uri = params.text_document.uri
        path = self.path(uri)
        if path is not None:
            self.project.drafts.pop(path, None)
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        self.lsp.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))

    def lint(self, uri: str, path: Path) -> None:
        """Publish what the linter finds."""
        self.waiting.pop(uri, None)
        found = self.safely(partial(self.project.findings, path)) or []
        document = self.document(uri)
        diagnostics = [self.diagnostic(document, finding) for finding in found]
        self.lsp.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics))

    def diagnostic(self, document: TextDocument, finding: Finding) -> lsp.Diagnostic:
        """A finding, from its position to the end of the line."""
        lines = document.lines
        line = min(max(finding.problem.position.line - 1, 0), max(len(lines) - 1, 0))
        text = lines[line].rstrip() if lines else ""
        start = min(max(finding.problem.position.column - 1, 0), len(text))
        return lsp.Diagnostic(
            range=_range(document, (line, start), (line, max(len(text), start))),
            message=finding.text,
            severity=_SEVERITIES[finding.severity],
            code=finding.rule.name,
            source="imagesetter",
        )

    def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """The policy of a marked field."""
        path = self.path(params.text_document.uri)
        if path is None:
            return None
        text = self.safely(partial(answers.hover, self.project, path, params.position.line))
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text)) if text else None

    def complete(self, params: lsp.CompletionParams) -> lsp.CompletionList:
        """Policies in markers, and tags behind images."""
        uri, line = params.text_document.uri, params.position.line
        path, document = self.path(uri), self.document(uri)
        at = document.position_from_client_units(params.position)
        lines = document.lines
        before = lines[line][: at.character] if line < len(lines) else ""
        found: list[answers.Completion] = []
        if path is not None:
            self.project.drafts[path] = document.source
            found = self.safely(partial(answers.complete, self.project, path, line, before)) or []
        items = []
        for number, each in enumerate(found):
            typed = _range(document, (line, at.character - each.typed), (line, at.character))
            edit = lsp.TextEdit(typed, each.text)
            item = lsp.CompletionItem(
                each.text,
                kind=lsp.CompletionItemKind.Value,
                detail=each.about or None,
                sort_text=f"{number:05}",
                filter_text=each.text,
                text_edit=edit,
            )
            items.append(item)
        return lsp.CompletionList(is_incomplete=len(items) >= answers.MOST, items=items)

    def act(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """Quick fixes for a line."""
        uri = params.text_document.uri
        path = self.path(uri)
        if path is None:
            return []
        self.project.drafts[path] = self.document(uri).source
        line = params.range.start.line
        fixes = self.safely(lambda: list(answers.quick_fixes(self.project, path, line))) or []
        return [
            lsp.CodeAction(
                title=fix.title,
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=[each for each in params.context.diagnostics if each.code == fix.rule] or None,
                edit=lsp.WorkspaceEdit(changes={self.uri(fix.change.path, uri): [self.text_edit(fix.change)]}),
            )
            for fix in fixes
        ]

    def uri(self, path: Path, asked: str) -> str:
        """A file's URI, spelled as the editor does."""
        return asked if self.path(asked) == path else from_fs_path(str(path)) or ""

    def text_edit(self, change: answers.TextChange) -> lsp.TextEdit:
        """A change, in the editor's units."""
        document = self.document(from_fs_path(str(change.path)) or "")
        text = self.project.drafts.get(change.path, document.source)
        start, end = (position(text, offset) for offset in (change.start, change.end))
        where = _range(document, (start[0] - 1, start[1] - 1), (end[0] - 1, end[1] - 1))
        return lsp.TextEdit(where, change.new)

    def document(self, uri: str) -> TextDocument:
        """A document as the editor has it, else as it is on the disk."""
        return self.lsp.workspace.get_text_document(uri)

    def path(self, uri: str) -> Path | None:
        """A document's absolute path; None for what is not a file."""
        found = to_fs_path(uri) if uri.startswith("file:") else None
        return Path(found).absolute() if found else None

    def safely(self, ask: Callable[[], T]) -> T | None:
        """What a question gives; None after an error, which goes to the editor's log: half-written files have many."""
        try:
            return ask()
        except ReportedError as error:
            text = f"{error.where}: {error.what}" if error.where else error.what
            self.lsp.window_log_message(lsp.LogMessageParams(lsp.MessageType.Warning, text))
            return None


def _range(document: TextDocument, start: tuple[int, int], end: tuple[int, int]) -> lsp.Range:
    """Lines and columns in code points, in the editor's units."""
    return document.range_to_client_units(ServerTextRange(ServerTextPosition(*start), ServerTextPosition(*end)))


def serve(client: Client, namespace: str) -> None:
    """Serve an editor on standard input and output until it says goodbye."""
    _Server(client, namespace).lsp.start_io()
