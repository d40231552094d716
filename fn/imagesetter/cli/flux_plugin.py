"""Completion for ``flux imagesetter …``: Flux 2.9 asks a plugin for it by Cobra's protocol.

Flux runs ``flux-imagesetter __complete WORD… INCOMPLETE`` (flux2 internal/plugin/completion.go) and reads a candidate a
line, with its description behind a tab, and a last line with the directive for the shell.
"""

from __future__ import annotations

from collections.abc import Sequence

from click.shell_completion import ShellComplete

from imagesetter.cli.main import group
from imagesetter.cli.terminal import echo
from krm_functions.errors import ReportedError
from krm_functions.messages import one_line

_FILES, _NO_FILES, _DIRECTORIES = 0, 4, 16
"""Cobra's directives: let the shell complete file names, nothing more, or directories."""


def complete(words: Sequence[str]) -> None:
    """Print the candidates for the last word, which may be empty."""
    *arguments, incomplete = words or ("",)
    try:
        found = ShellComplete(group, {}, "imagesetter", "").get_completions(arguments, incomplete)
    except ReportedError:  # a command that does not exist has no candidates
        found = []
    kinds = {item.type for item in found}
    for item in found:
        if item.type == "plain":
            echo(f"{item.value}\t{one_line(item.help)}" if item.help else item.value)
    echo(f":{_FILES if 'file' in kinds else _DIRECTORIES if 'dir' in kinds else _NO_FILES}")
