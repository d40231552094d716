"""The page of commands is made from the program, and the page of kinds from the models.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write `docs/cli.md` and `docs/kinds.md` anew.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from typing import Any

import click
import pytest

from imagesetter.cli.main import TASKS, group
from imagesetter.cli.schemas.kinds import MODELS, schema_of
from tools import CHECKOUT

PAGE = CHECKOUT / "docs" / "cli.md"
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"
HEAD = """\
# Commands

<!-- Written by tests/test_reference.py: IMAGESETTER_UPDATE_GOLDENS=1 pytest tests/test_reference.py -->

Without arguments, `imagesetter` is a KRM function if standard input is a ResourceList, and shows its help on a
terminal. Data goes to standard output. Warnings, hints and progress go to standard error; progress only to a terminal.
The tables show the environment variable of each option; separate several values in one variable by spaces. See also
[exit codes](exit-codes.md) and [completion in a shell](#completion-in-a-shell).
"""
TAIL = """\
## Completion in a shell

The shell completes commands, options and choices, and also files, policies under the working directory, rules of the
linter, kinds and report formats. For bash 4.4 or later, add this to `~/.bashrc`:

```sh
eval "$(imagesetter completion bash)"
```

For zsh, add this to `~/.zshrc`, below `compinit`:

```sh
eval "$(imagesetter completion zsh)"
```

For fish, run this once:

```sh
imagesetter completion fish > ~/.config/fish/completions/imagesetter.fish
```
"""
KINDS = CHECKOUT / "docs" / "kinds.md"
KINDS_HEAD = """\
# Kinds

<!-- Written by tests/test_reference.py: IMAGESETTER_UPDATE_GOLDENS=1 pytest tests/test_reference.py -->

The fields of imagesetter's own kinds, with `apiVersion: imagesetter.dev/v1alpha1`. `imagesetter schema KIND` prints the
JSON Schema, which editors can use. [imagesetter and Flux](flux.md) describes Flux's kinds.
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


def page_of_kinds() -> str:
    parts = [KINDS_HEAD]
    for kind in MODELS:
        schema = schema_of(kind)
        parts.append(f"## {kind}\n\n{escaped(schema.get('description', ''))}\n\n[JSON Schema](schemas/{kind}.json)\n")
        parts += rows_of(schema)
        for name, part in sorted(schema.get("$defs", {}).items()):
            if "properties" in part:
                words = escaped(" ".join(part.get("description", "").split()))
                parts.append(f"**{name}**: {words[:1].lower()}{words[1:]}\n")
                parts += rows_of(part)
    return "\n".join(parts)


def rows_of(schema: dict[str, Any]) -> Iterator[str]:
    yield "| field | type | required | default | |"
    yield "|---|---|---|---|---|"
    for name, field in schema.get("properties", {}).items():
        words = escaped(" ".join(str(field.get("description", "")).split()))
        required = "yes" if name in schema.get("required", ()) else ""
        default = json.dumps(field["default"]) if field.get("default", "") != "" else ""
        yield f"| `{name}` | {type_of(field)} | {required} | {default} | {words} |"
    yield ""


def type_of(field: dict[str, Any]) -> str:
    """The type in words: texts to choose from, a list, another part by its name."""
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" if value else "empty" for value in field["enum"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in field:
            return " or ".join(dict.fromkeys(type_of(each) for each in field[several]))
    kind = field.get("type", "anything")
    if kind == "array":
        return f"list of {type_of(field.get('items', {}))}"
    return "text" if kind == "string" else str(kind)


def test_the_page_of_kinds_is_what_the_models_say() -> None:
    if UPDATE:
        KINDS.write_text(page_of_kinds(), encoding="utf-8")
    said = KINDS.read_text(encoding="utf-8")
    assert said == page_of_kinds(), "IMAGESETTER_UPDATE_GOLDENS=1 pytest tests/test_reference.py"


def test_the_help_page_has_the_first_sentence_of_each_commands_own_help() -> None:
    commands = {name: group.get_command(click.Context(group), name) for names in TASKS.values() for name in names}
    summaries = {name: command.get_short_help_str(90) for name, command in commands.items() if command}
    assert {name: text for names in TASKS.values() for name, text in names.items()} == summaries
