"""``imagesetter fn``: the KRM function as a command; it can read a file."""

from __future__ import annotations

from pathlib import Path

import click

from imagesetter.cli.function import main
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.files.read import read_named


@click.command("fn", cls=GroupedCommand)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
def command(file: Path | None) -> int:
    """Run as a KRM function: a ResourceList in, a ResourceList out.

    kpt and kustomize run `imagesetter` without arguments, with the list on standard input. This command does the same,
    or reads FILE (- for standard input). The functionConfig is a ConfigMap with flat options or a kind
    ImageSetter (`imagesetter schema` prints its JSON Schema).

    \b
    Examples:
      kpt fn eval PACKAGE --exec imagesetter -- from=lock
      kustomize build --enable-alpha-plugins --enable-exec OVERLAY
      imagesetter fn list.yaml
    """
    return main(read_named(file) if file and str(file) != "-" else None)
