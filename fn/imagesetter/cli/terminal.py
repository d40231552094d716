"""What people read: results and errors as lines, coloured only on a terminal that wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import click

from imagesetter.errors import ImagesetterError, harmless
from imagesetter.krm.result import Result, Severity

COLOR = "color"
COLOURS: Mapping[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}
_CHOICES = {"always": True, "never": False, "auto": None}


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose user has not said NO_COLOR (https://no-color.org)."""
    context = click.get_current_context(silent=True)
    choice = context.color if context else _CHOICES.get(os.environ.get("IMAGESETTER_COLOR", "auto"))
    if choice is not None:
        return choice
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def color_option() -> click.Option:
    """``--color``, for every command and for the group; the last one that was given counts."""

    def choose(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None and (
            context.parent is None or context.get_parameter_source(COLOR) is click.core.ParameterSource.COMMANDLINE
        ):
            context.color = context.find_root().color = _CHOICES[value]

    return click.Option(
        ["--color"],
        type=click.Choice(list(_CHOICES)),
        is_eager=True,
        expose_value=False,
        envvar="IMAGESETTER_COLOR",
        callback=choose,
        help="Colours: on a terminal unless NO_COLOR is set, always, or never.",
    )


def styled(text: str, stream: TextIO, **style: str | bool) -> str:
    """The text in a style where the stream wants colours, else as it is."""
    return click.style(text, **style) if wants_colour(stream) else text  # type: ignore[arg-type]


def print_error(error: ImagesetterError) -> None:
    """An error on stderr in three parts: what, where, what to do."""
    lines = [f"{styled('error', sys.stderr, fg='red', bold=True)}: {harmless(error.what)}"]
    if error.where:
        lines.append(f"  where: {harmless(error.where)}")
    if error.hint:
        lines.append("  hint:  " + harmless(error.hint).replace("\n", "\n         "))  # a drawing keeps its columns
    click.echo("\n".join(lines), err=True, color=True)


def print_results(results: Iterable[Result]) -> None:
    """Warnings and errors on stderr, one line each, with file and line first so that an editor can jump there."""
    for result in results:
        label = styled(result.severity, sys.stderr, fg=COLOURS[result.severity], bold=True)
        click.echo(f"{harmless(place_of(result))}{label}: {harmless(result.message)}", err=True, color=True)


def place_of(result: Result) -> str:
    """``file:line: `` of a result, or what is known of it."""
    if result.file:
        line = result.tags.get("line")
        return f"{result.file.path}:{line}: " if line else f"{result.file.path}: "
    return f"{result.resource_ref}: " if result.resource_ref else ""
