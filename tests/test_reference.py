"""The page of commands is made from the program.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write `docs/cli.md` anew.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator

import click
import pytest

from imagesetter.cli.main import TASKS, group
from tools import CHECKOUT

PAGE = CHECKOUT / "docs" / "cli.md"
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"
HEAD = """\
# Commands

<!-- Written by tests/test_reference.py: IMAGESETTER_UPDATE_GOLDENS=1 pytest tests/test_reference.py -->

`imagesetter` without arguments is a KRM function when a ResourceList stands on its standard input, and shows its help
at a terminal. Data goes to standard output; warnings, hints and progress go to standard error, progress only to a
terminal. Every option has an environment variable, given beside it; several values in one variable are separated by
spaces. What the exit statuses mean stands on [a page of its own](exit-codes.md), how to complete commands in a shell
[below](#completion-in-a-shell).
"""
TAIL = """\
## Completion in a shell

Commands, options and choices are completed once the shell knows how to ask. For bash 4.4 or later, in `~/.bashrc`:

```sh
eval "$(_IMAGESETTER_COMPLETE=bash_source imagesetter)"
```

For zsh, to `~/.zshrc`:

```sh
eval "$(_IMAGESETTER_COMPLETE=zsh_source imagesetter)"
```

For fish, to `~/.config/fish/completions/imagesetter.fish`:

```sh
_IMAGESETTER_COMPLETE=fish_source imagesetter | source
```
"""


def page() -> str:
    context = click.Context(group, info_name="imagesetter", auto_envvar_prefix="IMAGESETTER")
    parts = [HEAD]
    for task, names in TASKS.items():
        parts.append(f"## {task}\n")
        for name in names:
            command = group.get_command(context, name)
            assert command is not None
            parts += list(described(name, command, context))
    return "\n".join([*parts, TAIL])


def described(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    prefix = f"IMAGESETTER_{name.upper()}"
    context = click.Context(command, parent=parent, info_name=name, auto_envvar_prefix=prefix)
    yield f"### imagesetter {name}\n"
    yield f"```text\n{' '.join(['imagesetter', name, *command.collect_usage_pieces(context)])}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            title, *lines = paragraph.removeprefix("\b\n").split("\n")
            body = inspect.cleandoc("\n".join(["", *lines]))
            yield f"{title}\n\n```text\n{body}\n```\n"
        else:
            yield f"{escaped(paragraph)}\n"
    yield "| option | variable | |"
    yield "|---|---|---|"
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            record = parameter.get_help_record(context)
            assert record is not None
            variable = parameter.envvar or f"{prefix}_{(parameter.name or '').upper()}"
            option, words = record
            yield f"| `{option.replace('|', chr(92) + '|')}` | `{variable}` | {escaped(' '.join(words.split()))} |"
    yield ""


def escaped(text: str) -> str:
    for mark in ("*", "<", ">", "|", "[", "]", "_"):
        text = text.replace(mark, f"\\{mark}")
    return text


def test_the_page_of_commands_is_what_the_program_says() -> None:
    if UPDATE:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "IMAGESETTER_UPDATE_GOLDENS=1 pytest tests/test_reference.py"


@pytest.mark.parametrize("name", [name for names in TASKS.values() for name in names])
def test_the_page_has_every_command_with_its_help(name: str) -> None:
    assert f"\n### imagesetter {name}\n" in PAGE.read_text(encoding="utf-8")
