"""What a shell may complete: files, policies, rules, kinds, formats. Nothing here fails, and nothing is printed.

The values are looked up when a shell asks; click imports this module with every command.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from krm_functions.errors import ReportedError

_Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
MOST_POLICIES = 1000
"""A shell shows no more in any useful way."""


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Any file or directory: the shell looks for them."""
    return [CompletionItem(incomplete, type="file")]


def policies(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The policies under the working directory: the plain name where its namespace is the run's, and the whole name."""
    from imagesetter.flux.resources import DEFAULT_NAMESPACE
    from imagesetter.update.read_tree import read_tree

    namespace = str(context.params.get("namespace") or DEFAULT_NAMESPACE)
    try:
        found = [each for each in read_tree((".",)).resources if each.kind == "ImagePolicy"]
    except (ReportedError, OSError):
        return []
    names = {(space or namespace, name) for each in found for space, name in each.names}
    plain = [name for space, name in sorted(names) if space == namespace]
    return _matching([*plain, *(f"{space}:{name}" for space, name in sorted(names))][:MOST_POLICIES], incomplete)


def rules(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rules of the linter, each with what it finds."""
    from imagesetter.lint.run import RULES

    return [CompletionItem(each.name, help=each.summary) for each in RULES if each.name.startswith(incomplete)]


def kinds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The kinds that have a JSON Schema."""
    from imagesetter.cli.schemas.kinds import MODELS

    return [CompletionItem(name) for name in MODELS if name.lower().startswith(incomplete.lower())]


def formats(names: Sequence[str]) -> _Complete:
    """The formats of a report, and then its file."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if incomplete.partition("=")[0] in names and "=" in incomplete:
            return files(context, parameter, incomplete.partition("=")[2])
        return _matching(names, incomplete)

    return complete


def _matching(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


paths_argument: Callable[[Callable[..., Any]], Callable[..., Any]] = functools.partial(
    click.argument, "paths", nargs=-1, metavar="[PATH]...", shell_complete=files
)()
"""PATH of most commands."""

BASH = """\
_imagesetter_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" words current breaks type value
    local -a found=()
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[${#words[@]}-1]}"
    while IFS=',' read -r type value; do
        case $type in
            plain) found+=("$value") ;;
            file) while IFS= read -r value; do found+=("$value"); done < <(compgen -f -- "${current##*=}")
                  compopt -o filenames 2>/dev/null ;;
            dir) while IFS= read -r value; do found+=("$value"); done < <(compgen -d -- "$current")
                 compopt -o filenames 2>/dev/null ;;
        esac
    done < <(env COMP_WORDS="$line" COMP_CWORD="$((${#words[@]} - 1))" _IMAGESETTER_COMPLETE=bash_complete "$1")
    # bash takes a colon for the end of a word, and replaces only what follows it.
    breaks="${current%"${current##*:}"}"
    [[ $COMP_WORDBREAKS == *:* && -n $breaks ]] && found=("${found[@]#"$breaks"}")
    COMPREPLY=("${found[@]}")
}
complete -o nosort -F _imagesetter_completion imagesetter
"""
SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """The script that a shell sources; that of zsh and fish is click's."""
    if shell == "bash":
        return BASH
    from click.shell_completion import get_completion_class

    from imagesetter.cli.main import group

    complete = get_completion_class(shell)
    assert complete is not None
    return complete(group, {}, "imagesetter", "_IMAGESETTER_COMPLETE").source()
