"""``imagesetter schema``: the JSON Schema of a kind."""

from __future__ import annotations

import click

from imagesetter.cli.completion import kinds
from imagesetter.cli.exit_status import OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.terminal import write
from imagesetter.config.options import KIND


@click.command("schema", cls=GroupedCommand)
@click.argument("kind", default=KIND, shell_complete=kinds)
def command(kind: str) -> int:
    """Print the JSON Schema of a kind of imagesetter.dev/v1alpha1.

    KIND is ImageSetter, the functionConfig, by default; PolicyTest is what `imagesetter test` runs. Editors use
    it to check and complete such files. The documents of `--output json` have kinds and schemas, too.

    \b
    Examples:
      imagesetter schema > imagesetter.schema.json
      imagesetter schema PolicyTest
      imagesetter schema Explanation
    """
    from imagesetter.cli.schemas.kinds import schema_of

    write(f"{json_text(schema_of(kind))}\n")
    return OK
